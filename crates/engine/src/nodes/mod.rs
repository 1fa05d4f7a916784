//! This process among others on the same storage: its life, what it holds, what the others do.
//!
//! Alone (one data folder, one process) everything is held at once and nothing is asked of the database. Among others, a
//! heartbeat keeps the node's life, and with it duties and channel seats ([`domain::nodes`] has the rules). Invariants:
//! a node acts only while its last heartbeat is valid, by its own monotonic clock; a life that others have ended never
//! acts again: whoever runs the node starts another one.

mod heartbeat;
mod recovery;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use domain::control::ControlError;
use domain::nodes::{
    ClaimRecovery, Duty, Home, Lease, LeaseName, NODE_NUMBERS, NodeId, NodeRow, Nodes, Picture, Standing,
    Timing,
};
use domain::time::{Clock, Timestamp};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use recovery::keep_recovering;

/// Times that a number is chosen anew when others are faster: more than nodes that can start at once.
const TRIES: usize = NODE_NUMBERS as usize;

/// Why a node could not join the others.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error(transparent)]
    Control(#[from] ControlError),
    /// As many nodes run, or ended without having been recovered, as there are numbers.
    #[error(
        "all {} node numbers are in use; stop a node, or wait until one that ended is recovered",
        NODE_NUMBERS
    )]
    NoNumber,
}

/// A life that has begun, and does nothing yet.
pub struct Joining {
    joined: Joined,
    ids_after: Timestamp,
}

impl Joining {
    /// Begins a life under a number that nobody has.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(
        port: Arc<dyn Nodes>,
        clock: Arc<dyn Clock>,
        timing: Timing,
    ) -> Result<Self, JoinError> {
        for _ in 0..TRIES {
            let picture = port.picture().await?;
            let (number, seen) = number_of_rest(&picture.nodes).ok_or(JoinError::NoNumber)?;
            let began = clock.monotonic_millis();
            let Some(node) = port.join(number, seen, clock.now()).await? else { continue };
            tracing::info!(%node, "this node has joined");
            // The last life of this number may have run on a machine whose clock is ahead of this one's.
            let ids_after = seen.map_or(Timestamp::default(), |row| row.clock.plus(timing.silence));
            let joined = Joined {
                port,
                clock,
                timing,
                node,
                recovery: None,
                valid_until: AtomicU64::new(began + millis(timing.valid)),
                draining: AtomicBool::new(false),
                configuration: AtomicU64::new(0),
                picture: watch::Sender::new(Arc::default()),
                looking: Mutex::default(),
                ended: CancellationToken::new(),
                over: CancellationToken::new(),
            };
            return Ok(Self { joined, ids_after });
        }
        Err(JoinError::NoNumber)
    }

    /// The life: ids and claims bear its number.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.joined.node
    }

    /// Ids made by this life must be later: an earlier one under this number made ids up to here.
    #[must_use]
    pub fn ids_after(&self) -> Timestamp {
        self.ids_after
    }

    /// Over a ledger that can end the claims of others.
    #[must_use]
    pub fn over(self, recovery: Arc<dyn ClaimRecovery>) -> Membership {
        Membership(Some(Arc::new(Joined { recovery: Some(recovery), ..self.joined })))
    }
}

/// The number that has rested longest: one that was never used, else the one that was given out least often. So a node
/// that comes back late, and makes an id before it notices, finds its number unused.
fn number_of_rest(rows: &[NodeRow]) -> Option<(u8, Option<&NodeRow>)> {
    let row = |number: &u8| rows.iter().find(|row| row.node.number == *number);
    if let Some(unused) = (0..NODE_NUMBERS).find(|number| row(number).is_none()) {
        return Some((unused, None));
    }
    let free = rows.iter().filter(|row| row.standing == Standing::Free);
    free.min_by_key(|row| (row.node.epoch, row.node.number)).map(|row| (row.node.number, Some(row)))
}

/// How this process stands to others.
#[derive(Clone)]
pub struct Membership(Option<Arc<Joined>>);

impl Membership {
    /// The only process on its storage.
    #[must_use]
    pub fn alone() -> Self {
        Self(None)
    }

    /// What there is to several nodes; none when alone.
    pub(crate) fn joined(&self) -> Option<&Arc<Joined>> {
        self.0.as_ref()
    }

    /// Whether this node may do anything now.
    pub(crate) fn may_act(&self) -> bool {
        self.0.as_ref().is_none_or(|joined| joined.may_act())
    }

    /// Until when, on the monotonic clock, something may be written to a carrier that was decided now.
    pub(crate) fn valid_until(&self) -> u64 {
        self.0.as_ref().map_or(u64::MAX, |joined| joined.valid_until.load(Ordering::Acquire))
    }

    /// Whether this node is the one that has a duty now.
    pub(crate) fn holds(&self, duty: Duty) -> bool {
        self.0.as_ref().is_none_or(|joined| joined.holds(duty))
    }

    /// The partitions that this node claims first.
    pub(crate) fn home(&self) -> Home {
        self.0.as_ref().map_or(Home::EVERYWHERE, |joined| Home::of(joined.node, &joined.picture.borrow()))
    }

    /// Returns when others have ended this life; never when alone.
    pub(crate) async fn ended(&self) {
        match &self.0 {
            Some(joined) => joined.ended.cancelled().await,
            None => std::future::pending().await,
        }
    }
}

/// One life among others.
pub(crate) struct Joined {
    pub(crate) port: Arc<dyn Nodes>,
    clock: Arc<dyn Clock>,
    pub(crate) timing: Timing,
    pub(crate) node: NodeId,
    /// Some from the moment at which the engine has it.
    recovery: Option<Arc<dyn ClaimRecovery>>,
    valid_until: AtomicU64,
    draining: AtomicBool,
    /// The number of the configuration that the catalog was last emptied for.
    configuration: AtomicU64,
    picture: watch::Sender<Arc<Picture>>,
    /// Held while the picture is read and shown: a later look is never overwritten by an earlier one.
    looking: Mutex<()>,
    /// Others have ended this life, or it left.
    ended: CancellationToken,
    /// Ends the heartbeat: the engine has stopped.
    over: CancellationToken,
}

impl Joined {
    fn may_act(&self) -> bool {
        !self.ended.is_cancelled() && self.clock.monotonic_millis() < self.valid_until.load(Ordering::Acquire)
    }

    fn holds(&self, duty: Duty) -> bool {
        self.may_act() && self.picture().holder(LeaseName::Duty(duty)) == Some(self.node)
    }

    /// What was known at the last look.
    pub(crate) fn picture(&self) -> Arc<Picture> {
        Arc::clone(&self.picture.borrow())
    }

    /// Changes when a look saw something new.
    pub(crate) fn pictures(&self) -> watch::Receiver<Arc<Picture>> {
        self.picture.subscribe()
    }

    /// Reads the picture again, and shows it.
    pub(crate) async fn look(&self) -> Result<Arc<Picture>, ControlError> {
        let _one_at_a_time = self.looking.lock().await;
        let picture = Arc::new(self.port.picture().await?);
        self.picture.send_if_modified(|shown| {
            let is_new = **shown != *picture;
            *shown = Arc::clone(&picture);
            is_new
        });
        Ok(picture)
    }

    /// Takes a lease that nobody living holds; none when somebody does.
    pub(crate) async fn take(&self, name: LeaseName) -> Result<Option<Lease>, ControlError> {
        let picture = self.look().await?;
        if picture.holder(name).is_some() || !self.may_act() {
            return Ok(None);
        }
        self.port.take(name, picture.lease(name), self.node).await
    }

    /// Others are told to take over; what is held stays until the end.
    pub(crate) async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        if let Err(error) = self.port.drain(self.node).await {
            tracing::warn!(%error, "the others could not be told that this node drains; they find out at its end");
        }
    }

    /// Others have ended this life.
    pub(crate) fn fence(&self) {
        if !self.ended.is_cancelled() {
            tracing::error!(node = %self.node, "other nodes took this one for dead; it stops acting");
            self.ended.cancel();
        }
    }

    /// Ends this life: duties and seats are free at once. Nothing of the engine runs any more.
    pub(crate) async fn leave(&self) {
        self.over.cancel();
        if self.ended.is_cancelled() {
            return;
        }
        self.ended.cancel();
        match self.port.end(self.node, None).await {
            Ok(_) => tracing::info!(node = %self.node, "this node has left"),
            Err(error) => {
                tracing::warn!(%error, "this node could not say goodbye; the others wait for its silence");
            }
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u8, epoch: u32, standing: Standing) -> NodeRow {
        NodeRow { node: NodeId { number, epoch }, standing, beat: 0, clock: Timestamp::default() }
    }

    #[test]
    fn a_number_rests_as_long_as_possible_and_is_never_taken_from_who_has_it() {
        assert_eq!(number_of_rest(&[]), Some((0, None)));
        assert_eq!(number_of_rest(&[row(0, 1, Standing::Free), row(1, 1, Standing::Live)]), Some((2, None)));
        let mut all: Vec<_> = (0..NODE_NUMBERS).map(|number| row(number, 2, Standing::Live)).collect();
        assert_eq!(number_of_rest(&all), None);
        all[4] = row(4, 7, Standing::Free);
        all[9] = row(9, 3, Standing::Free);
        all[10] = row(10, 1, Standing::Ended);
        assert_eq!(number_of_rest(&all), Some((9, Some(&all[9]))), "what is not recovered is not free");
    }
}
