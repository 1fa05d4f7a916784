//! Events for accounts that listen: written at a transaction's end, read from a place on, dropped when they are old.
//!
//! Rows are numbered by a sequence, but settlements and receipts of one partition commit in any order, so that a smaller
//! number may become visible after a greater one. A reader therefore reads only up to a number of which it is known that
//! no transaction still holds a smaller one ([`Horizon`]). The numbers of one message's events grow with it: the second of two
//! transactions waits for the message's lock, and takes its number after that. With Citus this is not proven:
//! its workers count transactions by themselves.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::events::{EVENT_AGE, EVENT_ROWS, EventLog, EventPlace, EventRead};
use domain::ids::{AccountId, PartitionId};
use domain::ledger::{InboundRecord, LedgerError, SuppressionOrder};
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};
use tokio::sync::Mutex as AsyncMutex;

use super::database::{Operation, Shared, number};
use super::fault::Done;
use super::lanes::lock;
use super::port::PostgresLedger;
use super::sql;
use crate::moves::events::{LOOK_ROWS, Outbox, OutboxRow, Page, droppable, of_inbound};
use crate::moves::sweep::STEP_ROWS;

/// Adds one row for each account. Last in its transaction: by then that has a number of its own, which [`Horizon`]
/// relies on.
pub(super) async fn add(db: &mut PgConnection, partition: i32, rows: BTreeMap<i64, OutboxRow>) -> Done<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let accounts: Vec<i64> = rows.keys().copied().collect();
    let at: Vec<i64> = rows.values().map(|row| row.at).collect();
    let entries: Vec<Vec<u8>> = rows.into_values().map(|row| row.entry).collect();
    let query = sqlx::query(sql::EVENT_ADD).bind(partition).bind(accounts).bind(at).bind(entries);
    query.execute(db).await?;
    Ok(())
}

/// Tells a message from a phone to those accounts that listen.
pub(super) async fn tell_inbound(
    db: &mut PgConnection,
    partition: PartitionId,
    record: &InboundRecord,
    orders: &[SuppressionOrder],
) -> Done<()> {
    let mut outbox = Outbox::default();
    of_inbound(record, orders).iter().for_each(|(account, event)| outbox.push(*account, event));
    add(db, number(partition), outbox.take()).await
}

/// Drops of each account what is too old, beyond its bound, or of a time before it listened. `true`: there may be more.
pub(super) async fn retire(db: &mut PgConnection, partition: PartitionId, now: Timestamp) -> Done<bool> {
    let mut more = false;
    let listeners = sqlx::query(sql::LISTENERS).bind(number(partition)).fetch_all(&mut *db).await?;
    for listener in listeners {
        let (account, gone): (i64, i64) = (listener.try_get(0)?, listener.try_get(1)?);
        let query = sqlx::query(sql::EVENT_BEYOND).bind(number(partition)).bind(account);
        let beyond = query.bind(i64::from(EVENT_ROWS)).fetch_optional(&mut *db).await?;
        let beyond: Option<i64> = beyond.map(|row| row.try_get(0)).transpose()?;
        let query = sqlx::query(sql::EVENT_OLDEST).bind(number(partition)).bind(account);
        let rows = query.bind(i64::from(STEP_ROWS)).fetch_all(&mut *db).await?;
        let oldest: Vec<(i64, i64)> =
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Done<_>>()?;
        let through = beyond.map_or(gone, |row| row.max(gone));
        if let Some(last) = droppable(&oldest, now.minus(EVENT_AGE), through) {
            let query = sqlx::query(sql::EVENT_CUT).bind(number(partition)).bind(account).bind(last);
            more |= query.execute(&mut *db).await?.rows_affected() >= u64::from(STEP_ROWS);
            let query = sqlx::query(sql::LISTENER_GONE).bind(number(partition)).bind(account).bind(last);
            query.execute(&mut *db).await?;
        }
    }
    Ok(more)
}

/// Up to which number every row is there.
#[derive(Default)]
pub(super) struct Horizon {
    known: AsyncMutex<Known>,
}

#[derive(Default)]
struct Known {
    safe: i64,
    /// A number that was the newest, and a transaction that began after all that hold it or a smaller one.
    pending: Option<(i64, i64)>,
}

/// Looks how far the horizon is by now: it moves to a number once every transaction has ended that ran when that number was
/// the newest. One of those took its own number before it took one of a row, so it is before the fence.
struct LookOut {
    safe: i64,
    pending: Option<(i64, i64)>,
}

impl Operation for LookOut {
    type Answer = Known;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Known> {
        let Self { mut safe, mut pending } = *self;
        // Twice: what waited may have ended, and what came since may have too.
        for _ in 0..2 {
            if pending.is_none() {
                let newest: i64 = sqlx::query(sql::EVENT_LAST).fetch_one(&mut *db).await?.try_get(0)?;
                if newest <= safe {
                    break;
                }
                let fence: i64 = sqlx::query(sql::EVENT_FENCE).fetch_one(&mut *db).await?.try_get(0)?;
                pending = Some((newest, fence));
            }
            let Some((newest, fence)) = pending else { break };
            let ended: i64 = sqlx::query(sql::EVENT_ENDED).fetch_one(&mut *db).await?.try_get(0)?;
            if ended < fence {
                break;
            }
            (safe, pending) = (newest, None);
        }
        Ok(Known { safe, pending })
    }
}

struct Listen {
    partition: PartitionId,
    account: AccountId,
    on: bool,
}

impl Operation for Listen {
    type Answer = ();

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<()> {
        lock(db, self.partition).await?;
        // A number of its own: a reader that stood at the end is told that it may have missed something.
        let newest: i64 = sqlx::query(sql::EVENT_NEXT).fetch_one(&mut *db).await?.try_get(0)?;
        let query = sqlx::query(sql::LISTENER_PUT).bind(number(self.partition)).bind(self.account.raw());
        query.bind(self.on).bind(newest).execute(db).await?;
        Ok(())
    }
}

struct Listens {
    partition: PartitionId,
    account: AccountId,
}

impl Operation for Listens {
    /// Whether it does, and up to which row nothing is kept.
    type Answer = Option<i64>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Option<i64>> {
        let query = sqlx::query(sql::LISTENER_READ).bind(number(self.partition)).bind(self.account.raw());
        let Some(row) = query.fetch_optional(db).await? else { return Ok(None) };
        Ok(if row.try_get(0)? { Some(row.try_get(1)?) } else { None })
    }
}

struct Look {
    listens: Listens,
    from: EventPlace,
    through: i64,
    limit: u32,
}

impl Operation for Look {
    type Answer = EventRead;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<EventRead> {
        let query = sqlx::query(sql::EVENT_PAGE).bind(number(self.listens.partition));
        let query = query.bind(self.listens.account.raw()).bind(self.from.row).bind(self.through);
        let rows = query.bind(i64::from(LOOK_ROWS)).fetch_all(&mut *db).await?;
        // After the rows: what a sweep drops meanwhile is then known to be gone.
        let Some(gone) = self.listens.run(shared, db).await? else { return Ok(EventRead::Deaf) };
        if self.from.row <= gone {
            return Ok(EventRead::Gone { oldest: EventPlace::behind(gone) });
        }
        let mut page = Page::new(self.from, self.limit);
        for row in rows {
            if !page.add(row.try_get(0)?, row.try_get(1)?)? {
                return Ok(page.read(false, self.through));
            }
        }
        Ok(page.read(true, self.through))
    }
}

#[async_trait]
impl EventLog for PostgresLedger {
    async fn listen(&self, account: AccountId, on: bool) -> Result<(), LedgerError> {
        for partition in self.shared().map.all() {
            let _turn = self.shared().known(partition)?.turn.lock().await;
            self.shared().transact(&Listen { partition, account, on }).await?;
        }
        Ok(())
    }

    async fn listens(&self, account: AccountId) -> Result<bool, LedgerError> {
        for partition in self.shared().map.all() {
            if self.shared().look(&Listens { partition, account }).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn event_heads(&self) -> Result<Vec<i64>, LedgerError> {
        let mut known = self.horizon.known.lock().await;
        *known = self.shared().look(&LookOut { safe: known.safe, pending: known.pending }).await?;
        Ok(vec![known.safe; usize::from(self.shared().map.len())])
    }

    async fn events(
        &self,
        partition: PartitionId,
        account: AccountId,
        from: EventPlace,
        through: i64,
        limit: u32,
    ) -> Result<EventRead, LedgerError> {
        let listens = Listens { partition, account };
        self.shared().look(&Look { listens, from, through, limit }).await
    }
}
