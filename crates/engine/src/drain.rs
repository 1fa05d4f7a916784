//! The end of a node's work: it takes nothing new, waits for what carriers still owe, and says what remains.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::Engine;

/// Between two looks at what is still in flight.
const LOOK: Duration = Duration::from_millis(20);

/// Whether a node takes work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    Ready,
    /// It is about to end; others, or its next start, go on.
    Draining,
    /// It cannot renew its life among the nodes: it does nothing until it can, or until it is replaced.
    Detached,
    /// It has channels, and none of them has had a connection for too long ([`Settings::unconnected`](crate::Settings)).
    Unconnected,
}

/// Something that was not finished when a drain ended, and who goes on with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remaining {
    /// Parts whose answers a carrier still owes: their messages become uncertain, or are sent again where that is allowed.
    Answers { channel: String, parts: u32 },
    /// Imports that stop half-way; whoever ordered them starts them again.
    Imports(usize),
    /// Preflights that stop; whoever asked asks again.
    Preflights(usize),
    /// Campaigns whose audience is not yet all in the ledger; expansion goes on where it stopped.
    Expansions(usize),
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answers { channel, parts } => write!(f, "{channel}: {parts} parts without an answer"),
            Self::Imports(count) => write!(f, "imports: {count}"),
            Self::Preflights(count) => write!(f, "preflights: {count}"),
            Self::Expansions(count) => write!(f, "expansions: {count}"),
        }
    }
}

impl Engine {
    /// Whether this node takes work.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if self.is_draining() {
            Readiness::Draining
        } else if !self.node.may_act() {
            Readiness::Detached
        } else if self.is_unconnected() {
            Readiness::Unconnected
        } else {
            Readiness::Ready
        }
    }

    fn is_unconnected(&self) -> bool {
        let now = self.clock.monotonic_millis();
        let without = self.dispatch().map_or(0, |dispatch| dispatch.millis_without_connection(now));
        u128::from(without) > self.settings.unconnected.as_millis()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Claims nothing more, tells the other nodes, and waits until no carrier owes an answer, for at most `limit`.
    /// Receipts are still taken, and requests still answered. Returns what remains. [`Engine::stop`] follows.
    pub async fn drain(&self, limit: Duration) -> Vec<Remaining> {
        self.draining.store(true, Ordering::Release);
        if let Some(joined) = self.node.joined() {
            joined.drain().await;
        }
        let quiet = async {
            // The wait comes first: a loop that is about to claim has not reserved anything yet.
            loop {
                tokio::time::sleep(LOOK).await;
                if self.answers_owed().iter().all(|(_, parts)| *parts == 0) {
                    return;
                }
            }
        };
        let _in_time = tokio::time::timeout(limit, quiet).await;
        self.remaining()
    }

    fn answers_owed(&self) -> Vec<(String, u32)> {
        self.dispatch().map_or_else(Vec::new, |dispatch| dispatch.in_flight())
    }

    fn remaining(&self) -> Vec<Remaining> {
        let owed = self.answers_owed().into_iter().filter(|(_, parts)| *parts > 0);
        let mut remaining: Vec<_> =
            owed.map(|(channel, parts)| Remaining::Answers { channel, parts }).collect();
        let counts = [
            (self.imports.count(), Remaining::Imports as fn(usize) -> Remaining),
            (self.preflights.count(), Remaining::Preflights),
            (self.expansions.count(), Remaining::Expansions),
        ];
        remaining.extend(counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, of)| of(count)));
        remaining
    }
}
