//! Receipts that came before the answer to their submit, on this node or another one.
//!
//! Neither side waits for the other: a receipt without a part is kept, and a settlement adds parts. Each looks for the
//! other's row after its own commit, so that whichever commits last finds both; a node that dies between its commit
//! and its look leaves them to the sweep.

use std::collections::{BTreeMap, BTreeSet};

use domain::channel::{CarrierCode, CarrierMessageId, Receipt};
use domain::ids::{GatewayId, PartitionId};
use domain::ledger::ReceiptOutcome;
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::batch::Batch;
use super::database::{Operation, Shared, number};
use super::due::Touched;
use super::fault::Done;
use super::lanes::small;
use super::receipts::find_parts;
use super::sql;
use crate::moves::fault::Fault;
use crate::moves::parts::{status_code, status_from};
use crate::moves::receipt::apply;

/// Gateway, and the carrier's id as it is stored.
pub(super) type PartKey = (i32, Vec<u8>);

const NUMBER: u8 = b'n';
const TEXT: u8 = b't';

/// A tag, then eight bytes of a number or the bytes of a text.
pub(crate) fn carrier_id_bytes(id: &CarrierMessageId) -> Vec<u8> {
    match id {
        CarrierMessageId::Number(number) => [&[NUMBER], &number.to_be_bytes()[..]].concat(),
        CarrierMessageId::Text(text) => [&[TEXT], text.as_bytes()].concat(),
    }
}

pub(super) fn carrier_id_from(raw: &[u8]) -> Done<CarrierMessageId> {
    let bad = || Fault::inconsistent("ledger", "carrier_id", "neither number nor text");
    match raw.split_first() {
        Some((&NUMBER, number)) => {
            let number: [u8; 8] = number.try_into().map_err(|_| bad())?;
            Ok(CarrierMessageId::Number(u64::from_be_bytes(number)))
        }
        Some((&TEXT, text)) => {
            Ok(CarrierMessageId::Text(std::str::from_utf8(text).map_err(|_| bad())?.into()))
        }
        _ => Err(bad().into()),
    }
}

pub(super) fn key_of(receipt: &Receipt) -> PartKey {
    (i32::from(receipt.gateway.0), carrier_id_bytes(&receipt.carrier_id))
}

/// Carrier's ids in order, for each gateway: nearly always there is one.
pub(super) fn by_gateway<'a>(keys: impl IntoIterator<Item = &'a PartKey>) -> BTreeMap<i32, Vec<&'a [u8]>> {
    let mut gateways: BTreeMap<i32, Vec<&[u8]>> = BTreeMap::new();
    for (gateway, carrier_id) in keys {
        gateways.entry(*gateway).or_default().push(carrier_id);
    }
    gateways
}

/// Keeps receipts whose part is not known (yet); one that is kept already changes nothing.
pub(super) async fn hold(db: &mut PgConnection, partition: PartitionId, receipts: &[&Receipt]) -> Done<()> {
    let mut rows: BTreeMap<(PartKey, i16), &Receipt> = BTreeMap::new();
    for receipt in receipts {
        rows.entry((key_of(receipt), i16::from(status_code(receipt.status)))).or_insert(receipt);
    }
    let (keys, statuses): (Vec<PartKey>, Vec<i16>) = rows.keys().cloned().unzip();
    let (gateways, ids): (Vec<i32>, Vec<Vec<u8>>) = keys.into_iter().unzip();
    let codes: Vec<&str> = rows.values().map(|receipt| receipt.code.as_str()).collect();
    let at: Vec<i64> = rows.values().map(|receipt| receipt.received_at.millis()).collect();
    let query = sqlx::query(sql::EARLY_ADD).bind(number(partition)).bind(gateways).bind(ids);
    query.bind(statuses).bind(codes).bind(at).execute(db).await?;
    Ok(())
}

/// Which of these parts are known and have a receipt that waits.
pub(super) struct Ready<'a> {
    pub partition: PartitionId,
    pub keys: &'a BTreeSet<PartKey>,
}

impl Operation for Ready<'_> {
    type Answer = BTreeSet<PartKey>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<BTreeSet<PartKey>> {
        let (gateways, ids): (Vec<i32>, Vec<&[u8]>) =
            self.keys.iter().map(|(gateway, id)| (*gateway, id.as_slice())).unzip();
        let query = sqlx::query(sql::EARLY_READY).bind(number(self.partition)).bind(gateways).bind(ids);
        let rows = query.fetch_all(db).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

/// Applies the receipts that wait for these parts.
pub(super) struct Match<'a> {
    pub partition: PartitionId,
    pub keys: &'a BTreeSet<PartKey>,
    pub retry: &'a RetryPolicy,
    pub now: Timestamp,
}

/// What became of each, by part and code of its status.
pub(super) type Matched = BTreeMap<(PartKey, u8), ReceiptOutcome>;

impl Operation for Match<'_> {
    type Answer = (Matched, Touched);

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<(Matched, Touched)> {
        let mut batch = Batch::new(shared, number(self.partition), self.retry);
        let matched = take(db, &mut batch, self.partition, self.keys, self.now).await?;
        Ok((matched, batch.write(db).await?))
    }
}

/// Locks the messages of these parts, takes the receipts out and applies them; the caller writes the batch.
pub(super) async fn take(
    db: &mut PgConnection,
    batch: &mut Batch<'_>,
    partition: PartitionId,
    keys: &BTreeSet<PartKey>,
    now: Timestamp,
) -> Done<Matched> {
    let places = find_parts(db, partition, keys).await?;
    let ids: BTreeSet<i64> = places.values().map(|place| place.message).collect();
    batch.lock(db, &ids).await?;
    batch.read_lanes(db).await?;
    let mut receipts: BTreeMap<(PartKey, u8), Receipt> = BTreeMap::new();
    for (gateway, carrier_ids) in by_gateway(places.keys()) {
        let query = sqlx::query(sql::EARLY_TAKE).bind(number(partition)).bind(gateway).bind(carrier_ids);
        for row in query.fetch_all(&mut *db).await? {
            let key: PartKey = (row.try_get(0)?, row.try_get(1)?);
            let status: u8 = small(row.try_get::<i16, _>(2)?)?;
            let receipt = Receipt {
                gateway: GatewayId(small(key.0)?),
                carrier_id: carrier_id_from(&key.1)?,
                phone: None,
                status: status_from(status)?,
                code: CarrierCode::new(row.try_get::<&str, _>(3)?.as_bytes()),
                received_at: Timestamp::from_millis(row.try_get(4)?),
            };
            receipts.insert((key, status), receipt);
        }
    }
    let mut matched = Matched::new();
    for ((key, status), receipt) in receipts {
        let Some(place) = places.get(&key).copied() else { continue };
        // The part outlived its message: the receipt has nothing to say to anybody.
        let Some(mut life) = batch.take(place.message) else { continue };
        let outcome = apply(batch, &mut life, place, &receipt, now)?;
        batch.put(place.message, life);
        matched.insert((key, status), outcome);
    }
    Ok(matched)
}
