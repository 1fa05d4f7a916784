//! Housekeeping in bounded steps: cancelled lanes, 72-hour unknowns, held receipts, retention, folding of counters.
//!
//! One transaction under the partition's lock, so that two nodes may both sweep. Nothing reads a whole table.

use std::collections::BTreeSet;

use domain::ids::{MessageId, PartitionId};
use domain::lane::LaneState;
use domain::ledger::{ReceiptOutcome, Retention, Swept};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::batch::Batch;
use super::database::{Operation, Shared, number};
use super::due::Touched;
use super::early::{self, PartKey};
use super::fault::Done;
use super::lanes::{Held, lock};
use super::retire::{self, Cursors};
use super::{numbers, sql, tally};
use crate::moves::fault::Fault;
use crate::moves::life::Life;
use crate::moves::stream::stream;
use crate::moves::sweep::{RECEIPT_WAIT, STEP_ROWS, cancel, look_for_word};

/// One step in one partition.
pub(super) struct Sweep<'a> {
    pub partition: PartitionId,
    pub retention: Retention,
    pub retry: &'a RetryPolicy,
    pub now: Timestamp,
    pub cursors: &'a Cursors,
}

/// What the step did, and where its walks stand.
pub(super) struct Step {
    pub swept: Swept,
    pub cursors: Cursors,
    pub touched: Touched,
    pub now: Timestamp,
}

impl Operation for Sweep<'_> {
    type Answer = Step;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Step> {
        let mut held = lock(db, self.partition).await?;
        let now = shared.now(self.partition, held.committed_now, self.now)?;
        let mut batch = Batch::new(shared, number(self.partition), self.retry);
        let mut swept = Swept::default();
        let mut cursors = self.cursors.clone();
        self.cancelled(db, &mut batch, &mut swept, now).await?;
        self.unknown(db, &mut batch, &mut swept, &mut held, now).await?;
        self.early(db, &mut batch, &mut swept, &mut cursors, now).await?;
        let touched = batch.write(&mut *db).await?;
        let before = now.minus(self.retention.messages);
        held.retired_through =
            retire::messages(db, self.partition, &mut swept, held.retired_through, before).await?;
        retire::parts(db, self.partition, &mut swept, &mut cursors, before).await?;
        retire::recents(db, self.partition, &mut cursors, now.minus(self.retention.recents)).await?;
        swept.more |= retire::claims(db, self.partition, &mut cursors).await?;
        swept.more |= tally::fold(db, self.partition).await?;
        // It walks over what may be many rows: after everything else, not in each of the quick steps.
        if !swept.more {
            super::waiting::retire(db, self.partition, &mut cursors.waiting, now).await?;
            cursors.number = numbers::retire(db, self.partition, cursors.number, now).await?;
            tally::cut_codes(db, self.partition, now).await?;
            swept.more |= super::events::retire(db, self.partition, now).await?;
        }
        let query = sqlx::query(sql::PARTITION_SWEPT).bind(number(self.partition)).bind(now.millis());
        query.bind(held.unknown_through).bind(held.retired_through).execute(db).await?;
        Ok(Step { swept, cursors, touched, now })
    }
}

impl Sweep<'_> {
    /// Ends messages of one stream of a cancelled lane.
    async fn cancelled(
        &self,
        db: &mut PgConnection,
        batch: &mut Batch<'_>,
        swept: &mut Swept,
        now: Timestamp,
    ) -> Done<()> {
        let rows = sqlx::query(sql::QUEUE_HEADS).bind(number(self.partition)).fetch_all(&mut *db).await?;
        let cancelled = i16::from(LaneState::Cancelled.code());
        let mut found = None;
        for row in &rows {
            if row.try_get::<Option<i16>, _>(3)? == Some(cancelled) {
                found = Some((row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?));
                break;
            }
        }
        let Some((lane, which)) = found else { return Ok(()) };
        let query = sqlx::query(sql::QUEUE_STREAM).bind(number(self.partition)).bind(lane).bind(which);
        let rows = query.bind(i64::from(STEP_ROWS)).fetch_all(&mut *db).await?;
        let waiting: Vec<(i64, i64)> =
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Done<_>>()?;
        batch.lock(db, &waiting.iter().map(|(_, id)| *id).collect()).await?;
        for (due_at, id) in waiting {
            batch.cut(stream(lane, which as u32), due_at, id);
            let Some(mut life) = batch.take(id) else { continue };
            if cancel(batch, swept, id, &mut life, now) {
                batch.put(id, life);
            } else {
                batch.put_unchanged(id, life);
            }
        }
        swept.more = true;
        Ok(())
    }

    /// Walks on through the ids that are old enough, and looks again at those that were put down for it.
    async fn unknown(
        &self,
        db: &mut PgConnection,
        batch: &mut Batch<'_>,
        swept: &mut Swept,
        held: &mut Held,
        now: Timestamp,
    ) -> Done<()> {
        let end = MessageId::first_at(now.minus(RECEIPT_WAIT)).raw();
        let lives = lives_between(db, self.partition, held.unknown_through, end).await?;
        swept.more |= lives.len() == STEP_ROWS as usize;
        if let Some((last, _)) = lives.last() {
            held.unknown_through = *last;
        }
        let mut ids: BTreeSet<i64> =
            lives.into_iter().filter(|(_, life)| !life.state.is_final()).map(|(id, _)| id).collect();
        ids.extend(self.overdue(db, swept, now).await?);
        batch.lock(db, &ids).await?;
        batch.read_lanes(db).await?;
        for id in ids {
            let Some(mut life) = batch.take(id) else { continue };
            if look_for_word(batch, swept, id, &mut life, now)? {
                batch.put(id, life);
            } else {
                batch.put_unchanged(id, life);
            }
        }
        Ok(())
    }

    async fn overdue(&self, db: &mut PgConnection, swept: &mut Swept, now: Timestamp) -> Done<Vec<i64>> {
        let query = sqlx::query(sql::OVERDUE_DUE).bind(number(self.partition)).bind(now.millis());
        let rows = query.bind(i64::from(STEP_ROWS)).fetch_all(&mut *db).await?;
        swept.more |= rows.len() == STEP_ROWS as usize;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let due: Vec<(i64, i64)> =
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Done<_>>()?;
        let ids: Vec<i64> = due.iter().map(|(_, id)| *id).collect();
        if let Some((at, id)) = due.last() {
            let query = sqlx::query(sql::OVERDUE_DROP).bind(number(self.partition)).bind(at).bind(id);
            query.bind(&ids).execute(db).await?;
        }
        Ok(ids)
    }

    /// Drops receipts that waited for too long, and applies those whose part is known by now.
    async fn early(
        &self,
        db: &mut PgConnection,
        batch: &mut Batch<'_>,
        swept: &mut Swept,
        cursors: &mut Cursors,
        now: Timestamp,
    ) -> Done<()> {
        let before = now.minus(RECEIPT_WAIT).millis();
        let query = sqlx::query(sql::EARLY_EXPIRE).bind(number(self.partition)).bind(before);
        swept.receipts_dropped += query.execute(&mut *db).await?.rows_affected() as u32;
        let ((gateway, carrier_id), status) = cursors.early.take().unwrap_or(((-1, Vec::new()), -1));
        let query = sqlx::query(sql::EARLY_PAGE).bind(number(self.partition)).bind(gateway);
        let query = query.bind(carrier_id).bind(status).bind(i64::from(STEP_ROWS));
        let rows = query.fetch_all(&mut *db).await?;
        let whole = rows.len() == STEP_ROWS as usize;
        let mut keys: BTreeSet<PartKey> = BTreeSet::new();
        for row in &rows {
            let key: PartKey = (row.try_get(0)?, row.try_get(1)?);
            cursors.early = whole.then_some((key.clone(), row.try_get(2)?));
            keys.insert(key);
        }
        if !keys.is_empty() {
            let matched = early::take(db, batch, self.partition, &keys, now).await?;
            let applied = matched.values().filter(|o| matches!(o, ReceiptOutcome::Applied { .. }));
            swept.receipts_matched += applied.count() as u32;
        }
        Ok(())
    }
}

/// Messages between two ids, as they are now, in order.
pub(super) async fn lives_between(
    db: &mut PgConnection,
    partition: PartitionId,
    after: i64,
    before: i64,
) -> Done<Vec<(i64, Life)>> {
    let query = sqlx::query(sql::LIVES_BETWEEN).bind(number(partition)).bind(after).bind(before);
    let mut lives = Vec::new();
    for row in query.bind(i64::from(STEP_ROWS)).fetch_all(db).await? {
        let life = Life::unpack(row.try_get(1)?).ok_or_else(Fault::unreadable_life)?;
        lives.push((row.try_get(0)?, life));
    }
    Ok(lives)
}
