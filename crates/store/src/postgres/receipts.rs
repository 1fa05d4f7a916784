//! Delivery reports: each finds its part, and moves its message or is kept.

use std::collections::{BTreeMap, BTreeSet};

use domain::channel::Receipt;
use domain::ids::PartitionId;
use domain::ledger::ReceiptOutcome;
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::batch::Batch;
use super::database::{Operation, Shared, number};
use super::due::Touched;
use super::early::{PartKey, hold, key_of};
use super::fault::Done;
use super::lanes::small;
use super::sql;
use crate::moves::parts::Place;
use crate::moves::receipt::apply;

/// Receipts for one partition, in the order in which they are to be applied.
pub(super) struct Receipts<'a> {
    pub partition: PartitionId,
    pub receipts: &'a [Receipt],
    /// Keep what matches nothing.
    pub hold: bool,
    pub retry: &'a RetryPolicy,
    pub now: Timestamp,
}

impl Operation for Receipts<'_> {
    type Answer = (Vec<ReceiptOutcome>, Touched);

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<(Vec<ReceiptOutcome>, Touched)> {
        let keys: BTreeSet<PartKey> = self.receipts.iter().map(key_of).collect();
        let places = find_parts(db, self.partition, &keys).await?;
        let mut batch = Batch::new(shared, number(self.partition), self.retry);
        let ids: BTreeSet<i64> = places.values().map(|place| place.message).collect();
        batch.lock(db, &ids).await?;
        batch.read_lanes(db).await?;
        let mut outcomes = Vec::with_capacity(self.receipts.len());
        let mut held = Vec::new();
        for receipt in self.receipts {
            let place = places.get(&key_of(receipt)).copied();
            let found = place.and_then(|place| batch.take(place.message).map(|life| (place, life)));
            let Some((place, mut life)) = found else {
                if self.hold {
                    held.push(receipt);
                }
                outcomes.push(if self.hold { ReceiptOutcome::Held } else { ReceiptOutcome::Unmatched });
                continue;
            };
            let outcome = apply(&mut batch, &mut life, place, receipt, self.now)?;
            match outcome {
                ReceiptOutcome::Duplicate => batch.put_unchanged(place.message, life),
                _ => batch.put(place.message, life),
            }
            outcomes.push(outcome);
        }
        if !held.is_empty() {
            hold(db, self.partition, &held).await?;
        }
        Ok((outcomes, batch.write(db).await?))
    }
}

/// Where parts are, of those that are known.
pub(super) async fn find_parts(
    db: &mut PgConnection,
    partition: PartitionId,
    keys: &BTreeSet<PartKey>,
) -> Done<BTreeMap<PartKey, Place>> {
    let (gateways, ids): (Vec<i32>, Vec<&[u8]>) =
        keys.iter().map(|(gateway, id)| (*gateway, id.as_slice())).unzip();
    let query = sqlx::query(sql::PART_FIND).bind(number(partition)).bind(gateways).bind(ids);
    let mut places = BTreeMap::new();
    for row in query.fetch_all(db).await? {
        let place = Place::unpacked(row.try_get(2)?, small(row.try_get::<i32, _>(3)?)?);
        places.insert((row.try_get(0)?, row.try_get(1)?), place);
    }
    Ok(places)
}
