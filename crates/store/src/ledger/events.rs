//! Events for accounts that listen: written at a transaction's end, read from a place on, dropped when they are old.
//!
//! A file has one writer, so rows become visible in the order of their numbers. What a loss of power takes away is
//! numbered anew, but never by a number that was given out before: a restart leaves a gap ([`RESTART_GAP`]).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use domain::events::{EVENT_AGE, EVENT_ROWS, EventLog, EventPlace, EventRead};
use domain::ids::{AccountId, MessageId, PartitionId};
use domain::ledger::{InboundRecord, LedgerError, SuppressionOrder, Swept};
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::accept::blob;
use super::command::Command;
use super::fault::Outcome;
use super::partition::Work;
use super::port::SqliteLedger;
use super::sql;
use crate::moves::events::{self, LOOK_ROWS, Page, droppable};
use crate::moves::life::Life;
use crate::moves::sweep::STEP_ROWS;

/// More rows than can be written between two commits that wait for the disk.
pub(crate) const RESTART_GAP: i64 = 1 << 24;

/// The last row that was committed, seen by readers.
#[derive(Clone, Default)]
pub(super) struct EventHead(Arc<AtomicI64>);

impl EventHead {
    pub(super) fn get(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn committed(&self, next: i64) {
        self.0.store(next - 1, Ordering::Release);
    }
}

/// Who listens, and the number of the next row.
pub(super) struct Heard {
    pub listeners: HashSet<AccountId>,
    pub next: i64,
}

impl Heard {
    /// From a file that was just opened, `stored` being the next number as it was committed last; or again from one whose
    /// transaction failed.
    pub(super) fn read(connection: &Connection, stored: i64, head: &EventHead) -> Outcome<Self> {
        let mut all = connection.prepare_cached(sql::LISTENERS)?;
        let mut rows = all.query([])?;
        let mut listeners = HashSet::new();
        while let Some(row) = rows.next()? {
            if row.get::<_, bool>(1)? {
                listeners.insert(AccountId::from_raw(row.get(0)?));
            }
        }
        let next = if head.get() == 0 { stored + RESTART_GAP } else { stored };
        Ok(Self { listeners, next: next.max(head.get() + 1) })
    }
}

impl Work<'_> {
    /// Notes a message's new state for its account, if that listens.
    pub(super) fn note_event(&mut self, id: MessageId, life: &Life, at: Timestamp) {
        if self.memory.heard.listeners.is_empty() {
            return;
        }
        let Some(lane) = self.memory.lanes.get(&life.lane) else { return };
        if self.memory.heard.listeners.contains(&lane.account)
            && let Some(event) = events::of_message(id, life, lane.campaign, at)
        {
            self.rest.outbox.push(lane.account, &event);
        }
    }

    pub(super) fn note_inbound(&mut self, record: &InboundRecord, orders: &[SuppressionOrder]) {
        if self.memory.heard.listeners.is_empty() {
            return;
        }
        for (account, event) in events::of_inbound(record, orders) {
            if self.memory.heard.listeners.contains(&account) {
                self.rest.outbox.push(account, &event);
            }
        }
    }

    /// At the transaction's end: one row for each account.
    pub(super) fn write_events(&mut self) -> Outcome<()> {
        if self.rest.outbox.is_empty() {
            return Ok(());
        }
        let mut add = self.connection.prepare_cached(sql::EVENT_ADD)?;
        for (account, row) in self.rest.outbox.take() {
            add.execute(params![self.memory.heard.next, account, row.at, row.entry])?;
            self.memory.heard.next += 1;
        }
        Ok(())
    }

    pub(super) fn listen(&mut self, account: AccountId, on: bool) -> Outcome<()> {
        let known = self.memory.heard.listeners.contains(&account);
        if known != on {
            // A number of its own: a reader that stood at the end is told that it may have missed something.
            let through = self.memory.heard.next;
            self.memory.heard.next += 1;
            self.connection.prepare_cached(sql::LISTENER_PUT)?.execute(params![
                account.raw(),
                on,
                through
            ])?;
            if on {
                self.memory.heard.listeners.insert(account);
            } else {
                self.memory.heard.listeners.remove(&account);
            }
        }
        Ok(())
    }

    /// Drops of each account what is too old, beyond its bound, or of a time before it listened.
    pub(super) fn retire_events(&mut self, swept: &mut Swept, now: Timestamp) -> Outcome<()> {
        let mut all = self.connection.prepare_cached(sql::LISTENERS)?;
        let accounts: Vec<(i64, i64)> =
            all.query_map([], |row| Ok((row.get(0)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
        for (account, gone) in accounts {
            let beyond: Option<i64> = self
                .connection
                .prepare_cached(sql::EVENT_BEYOND)?
                .query_row(params![account, EVENT_ROWS], |row| row.get(0))
                .optional()?;
            let oldest: Vec<(i64, i64)> = self
                .connection
                .prepare_cached(sql::EVENT_OLDEST)?
                .query_map(params![account, STEP_ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            let through = beyond.map_or(gone, |row| row.max(gone));
            if let Some(last) = droppable(&oldest, now.minus(EVENT_AGE), through) {
                let dropped =
                    self.connection.prepare_cached(sql::EVENT_CUT)?.execute(params![account, last])?;
                self.connection.prepare_cached(sql::LISTENER_GONE)?.execute(params![account, last])?;
                swept.more |= dropped >= STEP_ROWS as usize;
            }
        }
        Ok(())
    }
}

fn look(
    db: &Connection,
    account: AccountId,
    from: EventPlace,
    (through, limit): (i64, u32),
) -> Outcome<EventRead> {
    let mut page = Page::new(from, limit);
    let mut exhausted = true;
    {
        let mut read = db.prepare_cached(sql::EVENT_PAGE)?;
        let mut rows = read.query(params![account.raw(), from.row, through, LOOK_ROWS])?;
        while exhausted && let Some(row) = rows.next()? {
            exhausted = page.add(row.get(0)?, blob(row, 1)?)?;
        }
    }
    // After the rows: what a sweep drops meanwhile is then known to be gone.
    let mut find = db.prepare_cached(sql::LISTENER_READ)?;
    let found = find.query_row([account.raw()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((true, gone)) = found else { return Ok(EventRead::Deaf) };
    if from.row <= gone {
        return Ok(EventRead::Gone { oldest: EventPlace::behind(gone) });
    }
    Ok(page.read(exhausted, through))
}

#[async_trait]
impl EventLog for SqliteLedger {
    async fn listen(&self, account: AccountId, on: bool) -> Result<(), LedgerError> {
        for id in self.map().all() {
            self.ask(id, Command::Listen { account, on }).await?;
        }
        Ok(())
    }

    async fn listens(&self, account: AccountId) -> Result<bool, LedgerError> {
        for id in self.map().all() {
            let found = self.look(id, move |_, db| {
                let mut find = db.prepare_cached(sql::LISTENER_READ)?;
                Ok(find.query_row([account.raw()], |row| row.get(0)).optional()?.unwrap_or(false))
            });
            if !found.await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn event_heads(&self) -> Result<Vec<i64>, LedgerError> {
        Ok(self.event_heads_now())
    }

    async fn events(
        &self,
        partition: PartitionId,
        account: AccountId,
        from: EventPlace,
        through: i64,
        limit: u32,
    ) -> Result<EventRead, LedgerError> {
        self.look(partition, move |_, db| look(db, account, from, (through, limit))).await
    }
}
