//! What channels answered: the claim of each message ends here.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::PartitionId;
use domain::ledger::Settlement;
use domain::retry::RetryPolicy;
use sea_orm::sqlx::{self, PgConnection};

use super::batch::Batch;
use super::database::{Operation, Shared, number};
use super::due::Touched;
use super::early::{PartKey, carrier_id_bytes};
use super::fault::Done;
use super::sql;
use crate::moves::parts::Place;
use crate::moves::settle::{dispose, end_claim, taken_parts};

/// Answers of one partition.
pub(super) struct Settle<'a> {
    pub partition: PartitionId,
    pub settlements: &'a [Settlement],
    pub retry: &'a RetryPolicy,
}

impl Operation for Settle<'_> {
    type Answer = Touched;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Touched> {
        let mut batch = Batch::new(shared, number(self.partition), self.retry);
        let ids: BTreeSet<i64> = self.settlements.iter().map(|s| s.ticket.message.raw()).collect();
        batch.lock(db, &ids).await?;
        let mut parts: BTreeMap<PartKey, (i64, u16)> = BTreeMap::new();
        for settlement in self.settlements {
            let id = settlement.ticket.message;
            // A message that retention removed has nothing left to record.
            let Some(mut life) = batch.take(id.raw()) else { continue };
            for (part, key) in keys(settlement) {
                // A carrier that uses an id again means the newer message.
                parts.insert(key, (id.raw(), Place::packed(settlement.ticket.attempt, part.into())));
            }
            end_claim(&mut life, settlement);
            dispose(&mut batch, id, &mut life, settlement)?;
            batch.put(id.raw(), life);
        }
        self.add_parts(db, parts).await?;
        batch.write(db).await
    }
}

impl Settle<'_> {
    /// The parts whose receipts may have come before.
    pub(super) fn part_keys(&self) -> BTreeSet<PartKey> {
        self.settlements.iter().flat_map(keys).map(|(_, key)| key).collect()
    }

    async fn add_parts(&self, db: &mut PgConnection, parts: BTreeMap<PartKey, (i64, u16)>) -> Done<()> {
        if parts.is_empty() {
            return Ok(());
        }
        let (mut gateways, mut ids) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
        let (mut messages, mut places) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
        for ((gateway, carrier_id), (message, place)) in parts {
            gateways.push(gateway);
            ids.push(carrier_id);
            messages.push(message);
            places.push(i32::from(place));
        }
        let query = sqlx::query(sql::PART_ADD).bind(number(self.partition)).bind(gateways).bind(ids);
        query.bind(messages).bind(places).execute(db).await?;
        Ok(())
    }
}

/// The parts that the carrier took, each with its place.
fn keys(settlement: &Settlement) -> impl Iterator<Item = (u8, PartKey)> + '_ {
    let (gateway, taken) = taken_parts(&settlement.disposition);
    taken.parts().map(move |(part, id)| (part, (i32::from(gateway.0), carrier_id_bytes(id))))
}
