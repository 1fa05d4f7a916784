//! The one place that reads a clock.

use tokio::time::{Duration, Instant};
use wire::Millis;

/// Milliseconds since the simulator started, and the wall clock at that instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
    unix_ms: i64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: instant(), unix_ms: unix_ms() }
    }

    pub(crate) fn now(&self) -> Millis {
        Millis(u64::try_from(instant().duration_since(self.origin).as_millis()).unwrap_or(u64::MAX))
    }

    /// The instant of a time on this clock, for timers.
    pub(crate) fn instant(&self, at: Millis) -> Instant {
        // A century is beyond any timer and below what an instant can hold.
        const FURTHEST_MS: u64 = 100 * 365 * 86_400_000;
        self.origin + Duration::from_millis(at.0.min(FURTHEST_MS))
    }

    /// Wall clock at the start, Unix milliseconds.
    pub(crate) fn started_unix_ms(&self) -> i64 {
        self.unix_ms
    }
}

#[expect(clippy::disallowed_methods, reason = "the simulator stands for a carrier, which has its own clock")]
fn instant() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "receipts carry the carrier's wall clock")]
fn unix_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
