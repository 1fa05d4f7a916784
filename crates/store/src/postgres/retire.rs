//! What is old enough goes: messages, parts, hand-overs, claims that are answered. Walks go round in bounded steps.

use std::collections::{BTreeSet, HashMap};

use domain::ids::{MessageId, PartitionId};
use domain::ledger::Swept;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::database::number;
use super::early::{PartKey, by_gateway};
use super::fault::Done;
use super::numbers::NumberKey;
use super::recover::drop_claims;
use super::sql;
use super::sweep::lives_between;
use crate::moves::fault::Fault;
use crate::moves::life::Life;
use crate::moves::sweep::STEP_ROWS;
use crate::moves::waiting::Counted;

/// Claims of one step: each names up to some hundred messages.
const CLAIMS: i64 = 100;

/// Where the walks of one partition stand, in this node's memory: begun anew after a restart, and at the end of a table.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Cursors {
    pub part: Option<PartKey>,
    pub early: Option<(PartKey, i16)>,
    pub number: Option<NumberKey>,
    recent: Option<(i64, i64)>,
    claim: i64,
    /// By customer and kind: how many rows wait, about.
    pub waiting: HashMap<(i32, i16), Counted>,
}

/// Removes finished messages that are older than they need be kept. One that never finished stays. Returns up to where
/// it looked.
pub(super) async fn messages(
    db: &mut PgConnection,
    partition: PartitionId,
    swept: &mut Swept,
    through: i64,
    before: Timestamp,
) -> Done<i64> {
    let lives = lives_between(db, partition, through, MessageId::first_at(before).raw()).await?;
    swept.more |= lives.len() == STEP_ROWS as usize;
    let finished: Vec<i64> =
        lives.iter().filter(|(_, life)| life.state.is_final()).map(|(id, _)| *id).collect();
    if !finished.is_empty() {
        swept.rows_retired += finished.len() as u32;
        let watched: Vec<i64> = lives
            .iter()
            .filter(|(_, life)| life.watched && life.state.is_final())
            .map(|(id, _)| *id)
            .collect();
        if !watched.is_empty() {
            sqlx::query(sql::ORIGINS_DROP).bind(number(partition)).bind(watched).execute(&mut *db).await?;
        }
        sqlx::query(sql::MESSAGES_DROP).bind(number(partition)).bind(finished).execute(db).await?;
    }
    Ok(lives.last().map_or(through, |(id, _)| *id))
}

/// Drops parts of messages that are gone.
pub(super) async fn parts(
    db: &mut PgConnection,
    partition: PartitionId,
    swept: &mut Swept,
    cursors: &mut Cursors,
    before: Timestamp,
) -> Done<()> {
    let (gateway, carrier_id) = cursors.part.take().unwrap_or((-1, Vec::new()));
    let query = sqlx::query(sql::PART_PAGE).bind(number(partition)).bind(gateway).bind(carrier_id);
    let rows = query.bind(i64::from(STEP_ROWS)).fetch_all(&mut *db).await?;
    let first_kept = MessageId::first_at(before).raw();
    let mut gone: BTreeSet<PartKey> = BTreeSet::new();
    for row in &rows {
        let key: PartKey = (row.try_get(0)?, row.try_get(1)?);
        cursors.part = (rows.len() == STEP_ROWS as usize).then(|| key.clone());
        if row.try_get::<i64, _>(2)? < first_kept {
            gone.insert(key);
        }
    }
    for (gateway, ids) in by_gateway(&gone) {
        let query = sqlx::query(sql::PART_DROP).bind(number(partition)).bind(gateway).bind(ids);
        swept.rows_retired += query.execute(&mut *db).await?.rows_affected() as u32;
    }
    Ok(())
}

/// Drops hand-overs that no cap looks at any more. They are not counted: on SQLite most of them go with other work too.
pub(super) async fn recents(
    db: &mut PgConnection,
    partition: PartitionId,
    cursors: &mut Cursors,
    before: Timestamp,
) -> Done<()> {
    let from = cursors.recent.take().unwrap_or((i64::MIN, i64::MIN));
    let query = sqlx::query(sql::RECENT_PAGE).bind(number(partition)).bind(from.0).bind(from.1);
    let rows = query.bind(i64::from(STEP_ROWS)).fetch_all(&mut *db).await?;
    let (mut phones, mut messages): (Vec<i64>, Vec<i64>) = (Vec::new(), Vec::new());
    for row in &rows {
        let key: (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if row.try_get::<i64, _>(2)? < before.millis() {
            phones.push(key.0);
            messages.push(key.1);
        }
        cursors.recent = (rows.len() == STEP_ROWS as usize).then_some(key);
    }
    if !phones.is_empty() {
        let query = sqlx::query(sql::RECENT_DROP).bind(number(partition)).bind(phones);
        query.bind(messages).execute(db).await?;
    }
    Ok(())
}

/// Drops claims of which no message waits for an answer any more. Settling does not, so that it touches nothing but its
/// own messages.
pub(super) async fn claims(
    db: &mut PgConnection,
    partition: PartitionId,
    cursors: &mut Cursors,
) -> Done<bool> {
    let query = sqlx::query(sql::CLAIMS_AFTER).bind(number(partition)).bind(cursors.claim).bind(CLAIMS);
    let rows = query.fetch_all(&mut *db).await?;
    let whole = rows.len() as i64 == CLAIMS;
    let mut claims: Vec<(i64, Vec<i64>)> = Vec::with_capacity(rows.len());
    for row in &rows {
        claims.push((row.try_get(0)?, row.try_get(1)?));
    }
    cursors.claim = claims.last().filter(|_| whole).map_or(0, |(seq, _)| *seq);
    let ids: BTreeSet<i64> = claims.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let waiting = waiting(db, partition, ids.into_iter().collect()).await?;
    let answered: Vec<i64> =
        claims.into_iter().map(|(seq, _)| seq).filter(|seq| !waiting.contains(seq)).collect();
    if !answered.is_empty() {
        drop_claims(db, partition, answered).await?;
    }
    Ok(whole)
}

/// The claims that these messages wait in.
async fn waiting(db: &mut PgConnection, partition: PartitionId, ids: Vec<i64>) -> Done<BTreeSet<i64>> {
    let mut waiting = BTreeSet::new();
    if ids.is_empty() {
        return Ok(waiting);
    }
    for row in sqlx::query(sql::LIVES_READ).bind(number(partition)).bind(ids).fetch_all(db).await? {
        let life = Life::unpack(row.try_get(0)?).ok_or_else(Fault::unreadable_life)?;
        if life.outstanding {
            waiting.insert(life.claim);
        }
    }
    Ok(waiting)
}
