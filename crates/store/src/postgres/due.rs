//! What this node knows of a partition without asking: which streams have messages that wait, and since when.
//!
//! Two sources: what this node itself did, at once; and polls, for what others did. It may be stale and is only a hint.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use domain::ids::PartitionId;
use domain::lane::LaneState;
use domain::ledger::{Due, LedgerError};
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};
use tokio::sync::Mutex as AsyncMutex;

use super::database::{Operation, Shared, number};
use super::fault::Done;
use super::retire::Cursors;
use super::sql;
use crate::moves::board::Board;
use crate::moves::fault::Fault;
use crate::moves::stream::stream;

/// Between two polls while other nodes are at work.
const BUSY: Duration = Duration::from_millis(25);
/// Between two polls after nothing has changed for long: the longest that a message accepted by another node waits to be
/// noticed here.
const IDLE: Duration = Duration::from_millis(400);

/// Lane and `which` of a stream, and when its first message is due.
type Streams = BTreeMap<(i64, i64), i64>;

/// What a transaction of this node changed for the next claims.
#[derive(Debug)]
pub(super) enum Touched {
    /// Messages came into these streams.
    Added(Streams),
    /// Something else: to be looked up.
    Unsure,
}

/// What is known of one partition.
#[derive(Default)]
pub(super) struct Known {
    memory: Mutex<Memory>,
    /// One claim, sweep or change of people at a time of this node: they would only wait for each other in the database.
    pub turn: AsyncMutex<()>,
    /// Where the sweep's walks stand; they begin anew after a restart.
    pub cursors: AsyncMutex<Cursors>,
}

#[derive(Default)]
struct Memory {
    streams: Streams,
    /// Lanes of the streams above.
    lanes: HashMap<i64, LaneState>,
    committed_now: i64,
    /// Grows with every change by this node: what was read before a change is not believed after it.
    version: u64,
}

impl Known {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn committed_now(&self) -> Timestamp {
        Timestamp::from_millis(self.memory().committed_now)
    }

    /// A commit at that time is known.
    pub(super) fn committed(&self, now: Timestamp) {
        let mut memory = self.memory();
        memory.committed_now = memory.committed_now.max(now.millis());
    }

    /// Notes what came. `false`: that is not enough, the partition has to be looked at.
    fn add(&self, added: &Streams) -> bool {
        let mut memory = self.memory();
        memory.version += 1;
        if added.keys().any(|(lane, _)| !memory.lanes.contains_key(lane)) {
            return false;
        }
        for (key, due_at) in added {
            let earliest = memory.streams.entry(*key).or_insert(i64::MAX);
            *earliest = (*due_at).min(*earliest);
        }
        true
    }

    fn due(&self, partition: PartitionId) -> Vec<Due> {
        let memory = self.memory();
        let open = |lane: i64| memory.lanes.get(&lane) == Some(&LaneState::Open);
        let streams = memory.streams.iter().filter(|((lane, _), _)| open(*lane));
        streams
            .map(|(&(lane, which), &due_at)| Due {
                partition,
                stream: stream(lane, which as u32),
                earliest: Timestamp::from_millis(due_at),
            })
            .collect()
    }
}

/// The heads of a partition's streams, and what else is kept of it.
struct Heads {
    partition: i32,
}

struct Seen {
    streams: Streams,
    lanes: HashMap<i64, LaneState>,
    committed_now: i64,
}

impl Operation for Heads {
    type Answer = Seen;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Seen> {
        let now = sqlx::query(sql::PARTITION_NOW).bind(self.partition).fetch_one(&mut *db).await?;
        let rows = sqlx::query(sql::QUEUE_HEADS).bind(self.partition).fetch_all(db).await?;
        let mut seen =
            Seen { streams: BTreeMap::new(), lanes: HashMap::new(), committed_now: now.try_get(0)? };
        for row in rows {
            let (lane, which): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            seen.streams.insert((lane, which), row.try_get(2)?);
            let state = row.try_get::<Option<i16>, _>(3)?;
            let state = state.and_then(|code| LaneState::from_code(u8::try_from(code).ok()?));
            let state = state.ok_or_else(|| Fault::inconsistent("queue", "lane", "of no known lane"))?;
            seen.lanes.insert(lane, state);
        }
        Ok(seen)
    }
}

/// Memory of all partitions, and who is told when it changes.
pub(super) struct Lookout {
    shared: Arc<Shared>,
    board: Board,
}

impl Lookout {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let board = Board::new(shared.map.len());
        Self { shared, board }
    }

    pub(super) fn all(&self) -> Vec<Due> {
        self.board.all()
    }

    pub(super) async fn changed(&self) {
        self.board.changed().await;
    }

    /// Notes what this node did. A failure to look is no failure of what was done: the next poll looks again.
    pub(super) async fn note(&self, id: PartitionId, touched: Touched) {
        let Ok(known) = self.shared.known(id) else { return };
        let enough = match &touched {
            Touched::Added(added) => known.add(added),
            Touched::Unsure => {
                known.memory().version += 1;
                false
            }
        };
        if enough {
            self.board.publish(id, known.due(id));
        } else if let Err(error) = self.look(id).await {
            tracing::debug!(partition = id.0, %error, "what waits could not be looked up; the next poll will");
        }
    }

    /// Looks a partition up. `true`: something changed.
    pub(super) async fn look(&self, id: PartitionId) -> Result<bool, LedgerError> {
        let known = self.shared.known(id)?;
        let version = known.memory().version;
        let seen = self.shared.look(&Heads { partition: number(id) }).await?;
        let changed = {
            let mut memory = known.memory();
            memory.committed_now = memory.committed_now.max(seen.committed_now);
            let older = memory.version != version;
            let same = memory.streams == seen.streams && memory.lanes == seen.lanes;
            // Read before a change that has been noted since: it may lack that change, so it only adds.
            if older {
                for (key, due_at) in seen.streams {
                    let earliest = memory.streams.entry(key).or_insert(i64::MAX);
                    *earliest = due_at.min(*earliest);
                }
                memory.lanes.extend(seen.lanes);
            } else {
                (memory.streams, memory.lanes) = (seen.streams, seen.lanes);
            }
            older || !same
        };
        self.board.publish(id, known.due(id));
        Ok(changed)
    }
}

/// Polls for as long as the ledger is there: often while other nodes are at work, seldom when nothing happens.
pub(super) async fn poll(lookout: Weak<Lookout>) {
    let mut wait = BUSY;
    loop {
        tokio::time::sleep(wait).await;
        let Some(lookout) = lookout.upgrade() else { return };
        let mut changed = false;
        for id in lookout.shared.map.all() {
            match lookout.look(id).await {
                Ok(one) => changed |= one,
                Err(LedgerError::Closed) => return,
                Err(error) => {
                    tracing::warn!(partition = id.0, %error, "what waits could not be polled; it will be again");
                }
            }
        }
        wait = if changed { BUSY } else { (wait * 2).min(IDLE) };
    }
}
