//! Allowances of accounts, and counters by the hour. What a transaction changes of an allowance is written once, at its end.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use domain::billing::Purse;
use domain::ids::{AccountId, LaneId, PartitionId};
use domain::ledger::{Allowance, Entry, LedgerError, MoneyLedger, Tally};
use domain::money::Money;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::command::{Command, Incoming, Reply};
use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::port::SqliteLedger;
use super::{sql, tally};
use crate::moves::tally::{HOUR_ROWS, whole_lanes};

impl Work<'_> {
    /// Refuses messages that the allowances of their accounts do not pay for. Messages that are here already cost nothing;
    /// whether they are is looked up only when it matters.
    pub(super) fn afford(&self, messages: &[Incoming]) -> Outcome<()> {
        let mut asked: BTreeMap<AccountId, Money> = BTreeMap::new();
        for message in messages {
            if let Some(account) = self.draws_on(message) {
                *asked.entry(account).or_default() += message.frozen.price;
            }
        }
        for (account, most) in asked {
            let allowance = self.memory.allowances.get(&account.raw()).copied().unwrap_or_default();
            if allowance.missing(most).is_some()
                && let Some(missing) = allowance.missing(self.fresh_price(messages, account)?)
            {
                return Err(Fault::Refused(LedgerError::Overdrawn { account, missing }));
            }
        }
        Ok(())
    }

    /// What those of an account's messages cost that are not here.
    fn fresh_price(&self, messages: &[Incoming], account: AccountId) -> Outcome<Money> {
        let mut is_there = self.connection.prepare_cached(sql::MESSAGE_IS_THERE)?;
        let (mut seen, mut price) = (HashSet::new(), Money::ZERO);
        for message in messages.iter().filter(|message| self.draws_on(message) == Some(account)) {
            if seen.insert(message.id) && !is_there.exists([message.id.raw()])? {
                price += message.frozen.price;
            }
        }
        Ok(price)
    }

    /// A message was added.
    pub(super) fn draw(&mut self, message: &Incoming) {
        if let Some(account) = self.draws_on(message) {
            self.change(account, |allowance| allowance.drawn += message.frozen.price);
        }
    }

    /// Whose allowance a message draws on, if it does.
    fn draws_on(&self, message: &Incoming) -> Option<AccountId> {
        let queued = matches!(message.entry, Entry::Queue { .. }) && message.frozen.price > Money::ZERO;
        let lane = self.memory.lanes.get(&message.frozen.lane).filter(|_| queued)?;
        (lane.purse == Purse::Allowance).then_some(lane.account)
    }

    pub(super) fn granted(&mut self, account: AccountId, total: Money) {
        self.change(account, |allowance| allowance.granted = allowance.granted.max(total));
    }

    /// Returns what was given back in all.
    pub(super) fn give_back(&mut self, account: AccountId, most: Money) -> Money {
        if !self.memory.allowances.contains_key(&account.raw()) {
            return Money::ZERO;
        }
        self.change(account, |allowance| allowance.returned += allowance.left().min(most).max(Money::ZERO))
    }

    fn change(&mut self, account: AccountId, change: impl FnOnce(&mut Allowance)) -> Money {
        let allowance = self.memory.allowances.entry(account.raw()).or_default();
        change(allowance);
        self.rest.changed_allowances.insert(account.raw());
        allowance.returned
    }

    /// At the end of a transaction.
    pub(super) fn write_allowances(&mut self) -> Outcome<()> {
        while let Some(account) = self.rest.changed_allowances.pop_first() {
            let allowance = self.memory.allowances.get(&account).copied().unwrap_or_default();
            let [granted, drawn, returned] =
                [allowance.granted, allowance.drawn, allowance.returned].map(Money::micros);
            let mut put = self.connection.prepare_cached(sql::ALLOWANCE_PUT)?;
            put.execute(params![account, granted, drawn, returned])?;
        }
        Ok(())
    }
}

/// The allowances of a file, by account.
pub(super) fn read_all(db: &Connection) -> Outcome<BTreeMap<i64, Allowance>> {
    let mut read = db.prepare_cached(sql::ALLOWANCES)?;
    let mut rows = read.query([])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        all.insert(row.get(0)?, from_row(row)?);
    }
    Ok(all)
}

fn from_row(row: &Row<'_>) -> Outcome<Allowance> {
    let amount = |column| row.get(column).map(Money::from_micros);
    Ok(Allowance { granted: amount(1)?, drawn: amount(2)?, returned: amount(3)? })
}

fn hour_tallies(db: &Connection, hour: i64, after: Option<LaneId>) -> Outcome<(Vec<Tally>, Option<LaneId>)> {
    let after = after.map_or(i64::MIN, LaneId::raw);
    let mut read = db.prepare_cached(sql::TALLY_HOUR)?;
    let mut limit = HOUR_ROWS;
    loop {
        let mut rows = read.query(params![hour, after, limit])?;
        let mut tallies = Vec::new();
        while let Some(row) = rows.next()? {
            tallies.push(tally::from_row(row)?);
        }
        match whole_lanes(tallies, limit) {
            Some(page) => return Ok(page),
            None => limit *= 2,
        }
    }
}

#[async_trait]
impl MoneyLedger for SqliteLedger {
    async fn granted(
        &self,
        partition: PartitionId,
        account: AccountId,
        total: Money,
    ) -> Result<(), LedgerError> {
        self.ask(partition, Command::Granted { account, total }).await.map(drop)
    }

    async fn give_back(
        &self,
        partition: PartitionId,
        account: AccountId,
        most: Money,
    ) -> Result<Money, LedgerError> {
        match self.ask(partition, Command::GiveBack { account, most }).await? {
            Reply::Sum(returned) => Ok(returned),
            _ => Err(LedgerError::Closed),
        }
    }

    async fn allowance(&self, partition: PartitionId, account: AccountId) -> Result<Allowance, LedgerError> {
        let found = self.look(partition, move |_, db| {
            let mut read = db.prepare_cached(sql::ALLOWANCE_OF)?;
            let mut rows = read.query([account.raw()])?;
            rows.next()?.map(from_row).transpose()
        });
        Ok(found.await?.unwrap_or_default())
    }

    async fn allowances(&self, partition: PartitionId) -> Result<Vec<(AccountId, Allowance)>, LedgerError> {
        let all = self.look(partition, |_, db| read_all(db)).await?;
        Ok(all.into_iter().map(|(account, of)| (AccountId::from_raw(account), of)).collect())
    }

    async fn hour_tallies(
        &self,
        partition: PartitionId,
        hour: i64,
        after: Option<LaneId>,
    ) -> Result<(Vec<Tally>, Option<LaneId>), LedgerError> {
        self.look(partition, move |_, db| hour_tallies(db, hour, after)).await
    }

    async fn next_hour(&self, partition: PartitionId, hour: i64) -> Result<Option<i64>, LedgerError> {
        self.look(partition, move |_, db| {
            let mut read = db.prepare_cached(sql::TALLY_NEXT_HOUR)?;
            Ok(read.query_row([hour], |row| row.get(0)).optional()?)
        })
        .await
    }
}
