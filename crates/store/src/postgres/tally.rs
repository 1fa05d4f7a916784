//! Counters: deltas are appended by every transaction, and folded by the sweep. A reader adds both up.

use std::collections::BTreeMap;

use domain::ids::{LaneId, PartitionId};
use domain::ledger::{Tally, UnknownCode};
use domain::time::Timestamp;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::database::{Operation, Shared, number};
use super::fault::Done;
use super::lanes::small;
use super::sql;
use crate::moves::tally::{CODES_FOR, CODES_KEPT, CodeGain, Gain, TallyKey, read, read_code};

/// Deltas of one fold.
const FOLD_ROWS: i64 = 5_000;

/// Counters of some lanes.
pub(super) struct Tallies {
    pub partition: PartitionId,
    pub lanes: Vec<i64>,
}

impl Tallies {
    pub(super) fn new(partition: PartitionId, lanes: &[LaneId]) -> Self {
        let mut lanes: Vec<i64> = lanes.iter().map(|lane| lane.raw()).collect();
        lanes.sort_unstable();
        lanes.dedup();
        Self { partition, lanes }
    }
}

impl Operation for Tallies {
    type Answer = Vec<Tally>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Vec<Tally>> {
        let query = sqlx::query(sql::TALLY_READ).bind(number(self.partition)).bind(&self.lanes);
        let mut tallies = Vec::new();
        for row in query.fetch_all(db).await? {
            tallies.push(from_row(&row)?);
        }
        Ok(tallies)
    }
}

/// Codes that are in no table.
pub(super) struct Codes {
    pub partition: PartitionId,
}

impl Operation for Codes {
    type Answer = Vec<UnknownCode>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Vec<UnknownCode>> {
        let mut codes = Vec::new();
        for row in sqlx::query(sql::CODES).bind(number(self.partition)).fetch_all(db).await? {
            let gain =
                CodeGain { times: row.try_get(2)?, first_at: row.try_get(3)?, last_at: row.try_get(4)? };
            let code: String = row.try_get(1)?;
            codes.push(read_code(small(row.try_get::<i32, _>(0)?)?, &code, gain));
        }
        Ok(codes)
    }
}

/// Adds a transaction's codes, in order of their key.
pub(super) async fn write_codes(
    db: &mut PgConnection,
    partition: i32,
    codes: &BTreeMap<(u16, String), CodeGain>,
) -> Done<()> {
    if codes.is_empty() {
        return Ok(());
    }
    let of = |column: fn(&CodeGain) -> i64| -> Vec<i64> { codes.values().map(column).collect() };
    let gateways: Vec<i32> = codes.keys().map(|(gateway, _)| i32::from(*gateway)).collect();
    let words: Vec<&str> = codes.keys().map(|(_, code)| code.as_str()).collect();
    let query = sqlx::query(sql::CODE_ADD).bind(partition).bind(gateways).bind(words);
    let query = query.bind(of(|gain| gain.times)).bind(of(|gain| gain.first_at));
    query.bind(of(|gain| gain.last_at)).execute(db).await?;
    Ok(())
}

/// Forgets codes that are old or too many.
pub(super) async fn cut_codes(db: &mut PgConnection, partition: PartitionId, now: Timestamp) -> Done<()> {
    let before = now.minus(CODES_FOR).millis();
    let query = sqlx::query(sql::CODE_CUT).bind(number(partition)).bind(before);
    query.bind(i64::from(CODES_KEPT)).execute(db).await?;
    Ok(())
}

/// Reads a counter from a row of [`sql::TALLY_READ`].
pub(super) fn from_row(row: &PgRow) -> Done<Tally> {
    let code = |column| small::<i16, u8>(row.try_get(column)?);
    let key = TallyKey {
        lane: row.try_get(0)?,
        hour: row.try_get(1)?,
        channel: small(row.try_get::<i32, _>(2)?)?,
        from: code(3)?,
        from_reason: code(4)?,
        to: code(5)?,
        reason: code(6)?,
        test: row.try_get(7)?,
        carrier: code(8)?,
    };
    let gain = Gain { messages: row.try_get(9)?, parts: row.try_get(10)?, price: row.try_get(11)? };
    Ok(read(key, gain)?)
}

/// Folds some deltas. `true`: there may be more. The partition is locked, so that no other fold is at the same rows.
pub(super) async fn fold(db: &mut PgConnection, partition: PartitionId) -> Done<bool> {
    let query = sqlx::query(sql::TALLY_FOLD).bind(number(partition)).bind(FOLD_ROWS);
    let folded: i64 = query.fetch_one(db).await?.try_get(0)?;
    Ok(folded == FOLD_ROWS)
}
