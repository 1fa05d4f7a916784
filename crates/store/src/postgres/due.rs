//! What this node knows of a partition without asking: which streams have messages that wait, and since when.
//!
//! Two sources: what this node itself did, at once; and polls, for what others did. It may be stale and is only a hint.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use domain::ids::PartitionId;
use domain::lane::LaneState;
use domain::ledger::{Due, LedgerError};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};
use tokio::sync::Mutex as AsyncMutex;

use super::database::{Operation, Shared, number};
use super::fault::Done;
use super::give_back::LostClaims;
use super::retire::Cursors;
use super::sql;
use crate::moves::board::Board;
use crate::moves::fault::Fault;
use crate::moves::stream::stream;

/// Between two polls while other nodes are at work.
const BUSY: Duration = Duration::from_millis(50);
/// Between two polls after nothing has changed for long: the longest that a message accepted by another node waits to be
/// noticed here.
const IDLE: Duration = Duration::from_millis(400);

/// Additions that are kept for looks under way. One that more of them overtake may miss some until the next poll.
const ADDED: usize = 1_024;

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
    /// Claims of this node of which it does not know whether they happened.
    pub lost: LostClaims,
    /// Where the sweep's walks stand; they begin anew after a restart.
    pub cursors: AsyncMutex<Cursors>,
}

#[derive(Default)]
struct Memory {
    streams: Streams,
    /// Lanes of the streams above.
    lanes: HashMap<i64, LaneState>,
    committed_now: i64,
    /// Grows with every change by this node.
    version: u64,
    /// The version at which the look began that the streams are from: one that began earlier knows less.
    looked: u64,
    /// What this node added, and at which version: a look that began before may not have seen it.
    added: VecDeque<(u64, (i64, i64), i64)>,
}

impl Memory {
    fn lower(&mut self, key: (i64, i64), due_at: i64) {
        let earliest = self.streams.entry(key).or_insert(i64::MAX);
        *earliest = due_at.min(*earliest);
    }

    /// Takes over what a look saw that began at `version`. `true`: it is something else than what was known.
    fn take_over(&mut self, version: u64, seen: Seen) -> bool {
        self.committed_now = self.committed_now.max(seen.committed_now);
        if version < self.looked {
            return false;
        }
        self.looked = version;
        let before = std::mem::replace(&mut self.streams, seen.streams);
        let lanes = std::mem::replace(&mut self.lanes, seen.lanes);
        let since: Vec<_> = self.added.iter().filter(|(at, ..)| *at > version).copied().collect();
        for (_, key, due_at) in since {
            self.lower(key, due_at);
            if let Some(state) = lanes.get(&key.0) {
                self.lanes.entry(key.0).or_insert(*state);
            }
        }
        self.streams != before || self.lanes != lanes
    }
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
        let version = memory.version;
        for (key, due_at) in added {
            memory.lower(*key, *due_at);
            memory.added.push_back((version, *key, *due_at));
        }
        let over = memory.added.len().saturating_sub(ADDED);
        memory.added.drain(..over);
        added.keys().all(|(lane, _)| memory.lanes.contains_key(lane))
    }

    /// What is due of the partition that this is of, as far as it is known.
    pub(super) fn due(&self, partition: PartitionId) -> Vec<Due> {
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

    /// Queues again what claims took that were never answered. Their attempts are not spent, so no policy is asked.
    async fn give_back(&self, id: PartitionId) {
        let Ok(known) = self.shared.known(id) else { return };
        if !known.lost.any() {
            return;
        }
        let _turn = known.turn.lock().await;
        match self.shared.give_back(id, &RetryPolicy::default()).await {
            Ok(None) => {}
            Ok(Some(touched)) => self.note(id, touched).await,
            Err(error) => {
                tracing::debug!(partition = id.0, %error, "what became of a claim cannot be found out yet");
            }
        }
    }

    /// Looks a partition up. `true`: something changed.
    pub(super) async fn look(&self, id: PartitionId) -> Result<bool, LedgerError> {
        let known = self.shared.known(id)?;
        let version = known.memory().version;
        let seen = self.shared.look(&Heads { partition: number(id) }).await?;
        let changed = known.memory().take_over(version, seen);
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
            lookout.give_back(id).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(streams: &[(i64, i64)]) -> Seen {
        let streams: Streams = streams.iter().map(|&(lane, due_at)| ((lane, 0), due_at)).collect();
        let lanes = streams.keys().map(|(lane, _)| (*lane, LaneState::Open)).collect();
        Seen { streams, lanes, committed_now: 0 }
    }

    fn due(known: &Known) -> Vec<(i64, i64)> {
        let due = known.due(PartitionId(0)).into_iter();
        due.map(|due| (due.stream.lane.raw(), due.earliest.millis())).collect()
    }

    #[test]
    fn a_look_keeps_what_came_while_it_looked_and_an_older_one_says_nothing() {
        let known = Known::default();
        assert!(known.memory().take_over(0, seen(&[(1, 50), (2, 60)])));
        let slow = known.memory().version;
        assert!(known.add(&[((1, 0), 40)].into()), "of a lane that is known");
        assert!(!known.add(&[((7, 0), 40)].into()), "of one that has to be looked up");
        let fast = known.memory().version;
        known.memory().take_over(fast, seen(&[(7, 40)]));
        assert_eq!(due(&known), [(7, 40)], "the others were taken");
        assert!(!known.memory().take_over(slow, seen(&[(1, 50), (2, 60)])));
        assert_eq!(due(&known), [(7, 40)]);

        let looking = known.memory().version;
        assert!(known.add(&[((7, 0), 30)].into()));
        known.memory().take_over(looking, seen(&[]));
        assert_eq!(due(&known), [(7, 30)], "it came after the look began");
    }
}
