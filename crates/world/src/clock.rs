//! Virtual time: nothing moves unless the world says so.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use domain::time::{Clock, Timestamp};

/// 2026-11-25 18:30 in Shanghai: an hour and a half before marketing must stop.
const START: i64 = 1_795_602_600_000;

/// The node's clock. The wall clock and the monotonic one move together.
#[derive(Debug)]
pub(crate) struct WorldClock {
    wall: AtomicI64,
    monotonic: AtomicU64,
}

impl Default for WorldClock {
    fn default() -> Self {
        Self { wall: AtomicI64::new(START), monotonic: AtomicU64::new(1_000) }
    }
}

impl WorldClock {
    pub(crate) fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(0);
        self.monotonic.fetch_add(millis, Ordering::Relaxed);
        self.wall.fetch_add(millis.cast_signed(), Ordering::Relaxed);
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::Relaxed))
    }

    fn monotonic_millis(&self) -> u64 {
        self.monotonic.load(Ordering::Relaxed)
    }
}
