//! What waits for customers that connect to us: written with what brings it about, read in pages, dropped when told.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::downstream::{Fragment, WAITING_AGE, WAITING_ROWS, Waiting, WaitingKind, WaitingPlace};
use domain::ids::{CustomerId, PartitionId};
use domain::time::Timestamp;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::accept::Incoming;
use super::database::{Operation, Shared, number};
use super::fault::Done;
use super::sql;
use crate::moves::fault::Fault;
use crate::moves::waiting::{self, Counted, SLACK};
use crate::sealing::Sealer;

/// Whence new messages came.
pub(super) async fn add_origins<'a>(
    db: &mut PgConnection,
    partition: i32,
    messages: impl Iterator<Item = &'a Incoming>,
) -> Done<()> {
    let (mut ids, mut customers, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        if let Some((customer, entry)) = &message.origin {
            ids.push(message.id);
            customers.push(*customer);
            entries.push(entry.as_slice());
        }
    }
    if !ids.is_empty() {
        let query = sqlx::query(sql::ORIGIN_ADD).bind(partition).bind(ids).bind(customers).bind(entries);
        query.execute(db).await?;
    }
    Ok(())
}

/// Messages that ended: when, and how, for whoever sent them.
pub(super) async fn tell_ends(
    db: &mut PgConnection,
    partition: i32,
    ended: &BTreeMap<(i64, i64), Vec<u8>>,
) -> Done<BTreeSet<CustomerId>> {
    if ended.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (ids, at): (Vec<i64>, Vec<i64>) = ended.keys().copied().unzip();
    let entries: Vec<&[u8]> = ended.values().map(Vec::as_slice).collect();
    let query = sqlx::query(sql::WAITING_REPORT).bind(partition).bind(ids).bind(at).bind(entries);
    query.fetch_all(db).await?.iter().map(told).collect()
}

/// For whom a row was written.
pub(super) fn told(row: &PgRow) -> Done<CustomerId> {
    let customer: i32 = row.try_get(0)?;
    let odd = |_| Fault::inconsistent("waiting", "customer", "out of range");
    Ok(u16::try_from(customer).map(CustomerId).map_err(odd)?)
}

/// Drops what is too old, and of each customer what is beyond its bound.
pub(super) async fn retire(
    db: &mut PgConnection,
    partition: PartitionId,
    counts: &mut HashMap<(i32, i16), Counted>,
    now: Timestamp,
) -> Done<()> {
    let before = now.minus(WAITING_AGE).millis();
    let mut place = (i32::MIN, i16::MIN);
    loop {
        let query = sqlx::query(sql::WAITING_NEXT).bind(number(partition)).bind(place.0).bind(place.1);
        let Some(row) = query.fetch_optional(&mut *db).await? else { return Ok(()) };
        place = (row.try_get(0)?, row.try_get(1)?);
        let query = sqlx::query(sql::WAITING_OLD).bind(number(partition)).bind(place.0).bind(place.1);
        query.bind(before).execute(&mut *db).await?;
        let last = sqlx::query(sql::WAITING_LAST).bind(number(partition)).bind(place.0).bind(place.1);
        let Some(last) = last.fetch_optional(&mut *db).await? else {
            counts.remove(&place);
            continue;
        };
        let last = (last.try_get(0)?, last.try_get(1)?);
        let known = counts.get(&place).copied().unwrap_or(Counted { rows: 0, last: BEFORE_ALL });
        let mut counted = known.and(came(db, partition, place, known.last).await?, last);
        if counted.is_beyond() {
            let query = sqlx::query(sql::WAITING_CUT).bind(number(partition)).bind(place.0).bind(place.1);
            query.bind(before).bind(i64::from(WAITING_ROWS)).execute(&mut *db).await?;
            counted = Counted { rows: came(db, partition, place, BEFORE_ALL).await?, last };
        }
        counts.insert(place, counted);
    }
}

/// Before every row of a customer and kind.
const BEFORE_ALL: (i64, i64) = (i64::MIN, i64::MIN);

/// Rows behind a place, no more than tell that there are too many.
async fn came(
    db: &mut PgConnection,
    partition: PartitionId,
    (customer, kind): (i32, i16),
    after: (i64, i64),
) -> Done<u64> {
    let query = sqlx::query(sql::WAITING_CAME).bind(number(partition)).bind(customer).bind(kind);
    let query = query.bind(after.0).bind(after.1).bind(i64::from(WAITING_ROWS + SLACK + 1));
    let rows: i64 = query.fetch_one(db).await?.try_get(0)?;
    Ok(rows.unsigned_abs())
}

/// Keeps parts of texts that are not whole.
pub(super) struct HoldFragments {
    partition: PartitionId,
    customers: Vec<i32>,
    at: Vec<i64>,
    items: Vec<i64>,
    entries: Vec<Vec<u8>>,
}

impl HoldFragments {
    /// Sealed once however often the transaction is tried.
    pub(super) fn sealed(partition: PartitionId, fragments: &[Fragment], sealer: &Sealer) -> Self {
        let table = sealer.for_table(waiting::table_of(WaitingKind::Fragment));
        Self {
            partition,
            customers: fragments.iter().map(|fragment| fragment.customer.0.into()).collect(),
            at: fragments.iter().map(|fragment| fragment.place.at.millis()).collect(),
            items: fragments.iter().map(|fragment| fragment.place.item).collect(),
            entries: fragments.iter().map(|fragment| waiting::seal_fragment(&table, fragment)).collect(),
        }
    }
}

impl Operation for HoldFragments {
    type Answer = ();

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<()> {
        let query = sqlx::query(sql::WAITING_FRAGMENT).bind(number(self.partition)).bind(&self.customers);
        query.bind(&self.at).bind(&self.items).bind(&self.entries).execute(db).await?;
        Ok(())
    }
}

/// Drops what was told.
pub(super) struct ForgetWaiting<'a> {
    pub partition: PartitionId,
    pub customer: CustomerId,
    pub kind: WaitingKind,
    pub places: &'a [WaitingPlace],
}

impl Operation for ForgetWaiting<'_> {
    type Answer = ();

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<()> {
        let at: Vec<i64> = self.places.iter().map(|place| place.at.millis()).collect();
        let items: Vec<i64> = self.places.iter().map(|place| place.item).collect();
        let query = sqlx::query(sql::WAITING_DROP).bind(number(self.partition));
        let query = query.bind(i32::from(self.customer.0)).bind(i16::from(self.kind.code()));
        query.bind(at).bind(items).execute(db).await?;
        Ok(())
    }
}

/// A page of what waits for a customer.
pub(super) struct WaitingPage {
    pub partition: PartitionId,
    pub customer: CustomerId,
    pub kind: WaitingKind,
    pub after: WaitingPlace,
    pub limit: u32,
}

impl Operation for WaitingPage {
    type Answer = Vec<Waiting>;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Vec<Waiting>> {
        let text = match self.kind {
            WaitingKind::Report => sql::WAITING_REPORTS,
            WaitingKind::Inbound => sql::WAITING_INBOUNDS,
            WaitingKind::Fragment => sql::WAITING_FRAGMENTS,
        };
        let query = sqlx::query(text).bind(number(self.partition)).bind(i32::from(self.customer.0));
        let query = query.bind(self.after.at.millis()).bind(self.after.item);
        let rows = query.bind(i64::from(self.limit)).fetch_all(db).await?;
        let table = shared.sealer.for_table(waiting::table_of(self.kind));
        let one = |row: &PgRow| {
            let place = WaitingPlace { at: Timestamp::from_millis(row.try_get(0)?), item: row.try_get(1)? };
            waiting::read(self.kind, &table, (self.customer, place), |column| Ok(row.try_get(2 + column)?))
        };
        let mut all = rows.iter().map(one).collect::<Done<Vec<Waiting>>>()?;
        all.sort_unstable_by_key(|waiting| waiting.place);
        Ok(all)
    }
}
