//! Allowances of accounts, and counters by the hour.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use domain::billing::Purse;
use domain::ids::{AccountId, LaneId, PartitionId};
use domain::ledger::{Allowance, LedgerError, MoneyLedger, Tally};
use domain::money::Money;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::database::{Operation, Shared, number};
use super::fault::Done;
use super::port::PostgresLedger;
use super::{sql, tally};
use crate::moves::tally::{HOUR_ROWS, whole_lanes};

/// Draws on allowances, or refuses the whole transaction. The last statement of it: others wait for the row until it ends.
pub(super) async fn draw(db: &mut PgConnection, partition: i32, draws: &BTreeMap<i64, Money>) -> Done<()> {
    for (account, draw) in draws {
        let query = sqlx::query(sql::ALLOWANCE_DRAW).bind(partition).bind(account).bind(draw.micros());
        if query.execute(&mut *db).await?.rows_affected() == 1 {
            continue;
        }
        let query = sqlx::query(sql::ALLOWANCE_OF).bind(partition).bind(account);
        let row = query.fetch_optional(&mut *db).await?;
        let (_, known) = row.as_ref().map(from_row).transpose()?.unwrap_or_default();
        // Somebody may have been granted more since the draw failed: then one unit is asked for, and the next try succeeds.
        let missing = known.missing(*draw).unwrap_or(Money::from_micros(1));
        return Err(LedgerError::Overdrawn { account: AccountId::from_raw(*account), missing }.into());
    }
    Ok(())
}

/// All allowances of a partition, by account.
pub(super) async fn read_all(db: &mut PgConnection, partition: i32) -> Done<BTreeMap<i64, Allowance>> {
    let rows = sqlx::query(sql::ALLOWANCES).bind(partition).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

/// The lanes that pay from an allowance, and whose.
pub(super) async fn drawing_lanes(db: &mut PgConnection, partition: i32) -> Done<HashMap<LaneId, i64>> {
    let query = sqlx::query(sql::VERIFY_DRAWING).bind(partition);
    let rows = query.bind(i16::from(Purse::Allowance.code())).fetch_all(db).await?;
    rows.iter().map(|row| Ok((LaneId::from_raw(row.try_get(0)?), row.try_get(1)?))).collect()
}

fn from_row(row: &PgRow) -> Done<(i64, Allowance)> {
    let amount = |column: usize| row.try_get(column).map(Money::from_micros);
    Ok((row.try_get(0)?, Allowance { granted: amount(1)?, drawn: amount(2)?, returned: amount(3)? }))
}

struct Grant {
    partition: PartitionId,
    account: AccountId,
    total: Money,
}

impl Operation for Grant {
    type Answer = ();

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<()> {
        let query = sqlx::query(sql::ALLOWANCE_GRANT).bind(number(self.partition)).bind(self.account.raw());
        query.bind(self.total.micros()).execute(db).await?;
        Ok(())
    }
}

struct GiveBack {
    partition: PartitionId,
    account: AccountId,
    most: Money,
}

impl Operation for GiveBack {
    type Answer = Money;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Money> {
        let query =
            sqlx::query(sql::ALLOWANCE_GIVE_BACK).bind(number(self.partition)).bind(self.account.raw());
        let row = query.bind(self.most.micros()).fetch_optional(db).await?;
        Ok(Money::from_micros(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0)))
    }
}

struct AllowanceOf {
    partition: PartitionId,
    account: AccountId,
}

impl Operation for AllowanceOf {
    type Answer = Allowance;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Allowance> {
        let query = sqlx::query(sql::ALLOWANCE_OF).bind(number(self.partition)).bind(self.account.raw());
        let row = query.fetch_optional(db).await?;
        Ok(row.as_ref().map(from_row).transpose()?.map(|(_, known)| known).unwrap_or_default())
    }
}

struct Allowances {
    partition: PartitionId,
}

impl Operation for Allowances {
    type Answer = Vec<(AccountId, Allowance)>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Self::Answer> {
        let all = read_all(db, number(self.partition)).await?;
        Ok(all.into_iter().map(|(account, of)| (AccountId::from_raw(account), of)).collect())
    }
}

struct HourTallies {
    partition: PartitionId,
    hour: i64,
    after: Option<LaneId>,
}

impl Operation for HourTallies {
    type Answer = (Vec<Tally>, Option<LaneId>);

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Self::Answer> {
        let after = self.after.map_or(i64::MIN, LaneId::raw);
        let mut limit = HOUR_ROWS;
        loop {
            let query = sqlx::query(sql::TALLY_HOUR).bind(number(self.partition)).bind(self.hour);
            let rows = query.bind(after).bind(i64::from(limit)).fetch_all(&mut *db).await?;
            let tallies = rows.iter().map(tally::from_row).collect::<Done<Vec<Tally>>>()?;
            match whole_lanes(tallies, limit) {
                Some(page) => return Ok(page),
                None => limit *= 2,
            }
        }
    }
}

struct NextHour {
    partition: PartitionId,
    hour: i64,
}

impl Operation for NextHour {
    type Answer = Option<i64>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Option<i64>> {
        let query = sqlx::query(sql::TALLY_NEXT_HOUR).bind(number(self.partition)).bind(self.hour);
        Ok(query.bind(i64::MIN).fetch_one(db).await?.try_get(0)?)
    }
}

#[async_trait]
impl MoneyLedger for PostgresLedger {
    async fn granted(
        &self,
        partition: PartitionId,
        account: AccountId,
        total: Money,
    ) -> Result<(), LedgerError> {
        self.shared().transact(&Grant { partition, account, total }).await
    }

    async fn give_back(
        &self,
        partition: PartitionId,
        account: AccountId,
        most: Money,
    ) -> Result<Money, LedgerError> {
        self.shared().transact(&GiveBack { partition, account, most }).await
    }

    async fn allowance(&self, partition: PartitionId, account: AccountId) -> Result<Allowance, LedgerError> {
        self.shared().look(&AllowanceOf { partition, account }).await
    }

    async fn allowances(&self, partition: PartitionId) -> Result<Vec<(AccountId, Allowance)>, LedgerError> {
        self.shared().look(&Allowances { partition }).await
    }

    async fn hour_tallies(
        &self,
        partition: PartitionId,
        hour: i64,
        after: Option<LaneId>,
    ) -> Result<(Vec<Tally>, Option<LaneId>), LedgerError> {
        self.shared().look(&HourTallies { partition, hour, after }).await
    }

    async fn next_hour(&self, partition: PartitionId, hour: i64) -> Result<Option<i64>, LedgerError> {
        self.shared().look(&NextHour { partition, hour }).await
    }
}
