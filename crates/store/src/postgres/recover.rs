//! After a restart: what was in flight when the process ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{MessageId, PartitionId};
use domain::ledger::LedgerError;
use domain::nodes::{ClaimRecovery, NodeId};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::batch::Batch;
use super::database::{Operation, Shared, number};
use super::due::Touched;
use super::fault::Done;
use super::lanes::lock;
use super::port::PostgresLedger;
use super::sql;
use crate::moves::recover::{Recovered, recover};

/// Ends all claims of a node that is not at work: of this one at its start, or of one that died.
pub(super) struct Recover<'a> {
    pub partition: PartitionId,
    pub node: NodeId,
    /// From now on this life may claim nothing more.
    pub fenced: bool,
    pub retry: &'a RetryPolicy,
    pub now: Timestamp,
}

impl Operation for Recover<'_> {
    type Answer = (u32, Touched);

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<(u32, Touched)> {
        let held = lock(db, self.partition).await?;
        let now = shared.now(self.partition, held.committed_now, self.now)?;
        if self.fenced && !held.refuses(self.node) {
            self.fence(db, held.fences).await?;
        }
        let claims = self.claims(db).await?;
        let mut batch = Batch::new(shared, number(self.partition), self.retry);
        let ids: BTreeSet<i64> = claims.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
        batch.lock(db, &ids).await?;
        let mut found = 0;
        for (seq, ids) in &claims {
            for &id in ids {
                let Some(mut life) = batch.take(id) else { continue };
                let recovered = recover(&mut batch, *seq, MessageId::from_raw(id), &mut life, now)?;
                found += u32::from(recovered == Recovered::InFlight);
                match recovered {
                    Recovered::Settled => batch.put_unchanged(id, life),
                    Recovered::Ended | Recovered::InFlight => batch.put(id, life),
                }
            }
        }
        let touched = batch.write(&mut *db).await?;
        if !claims.is_empty() {
            let seqs: Vec<i64> = claims.iter().map(|(seq, _)| *seq).collect();
            drop_claims(db, self.partition, seqs).await?;
            let query = sqlx::query(sql::PARTITION_AT).bind(number(self.partition)).bind(now.millis());
            query.execute(db).await?;
        }
        Ok((found, touched))
    }
}

impl Recover<'_> {
    async fn fence(&self, db: &mut PgConnection, mut fences: Vec<i64>) -> Done<()> {
        let place = usize::from(self.node.number);
        fences.resize(fences.len().max(place + 1), 0);
        fences[place] = i64::from(self.node.epoch);
        let query = sqlx::query(sql::PARTITION_FENCE).bind(number(self.partition)).bind(fences);
        query.execute(db).await?;
        Ok(())
    }

    async fn claims(&self, db: &mut PgConnection) -> Done<Vec<(i64, Vec<i64>)>> {
        let query =
            sqlx::query(sql::CLAIMS_OF_NODE).bind(number(self.partition)).bind(i16::from(self.node.number));
        let rows = query.fetch_all(db).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

pub(super) async fn drop_claims(db: &mut PgConnection, partition: PartitionId, seqs: Vec<i64>) -> Done<()> {
    sqlx::query(sql::CLAIMS_DROP).bind(number(partition)).bind(seqs).execute(db).await?;
    Ok(())
}

#[async_trait]
impl ClaimRecovery for PostgresLedger {
    async fn recover_node(
        &self,
        node: NodeId,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<u32, LedgerError> {
        self.end_claims(node, true, retry, now).await
    }
}
