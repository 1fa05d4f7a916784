//! Virtual time: nothing moves unless the world says so, and every node has its own idea of what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use domain::time::{Clock, Timestamp};

use crate::random::Random;

/// 2026-11-25 18:30 in Shanghai: an hour and a half before marketing must stop.
const START: i64 = 1_795_602_600_000;
/// How far a clock that is looked after is off, at most: two of them never differ by as much as a partition refuses.
const OFF: u64 = 1_200;
/// How fast a clock runs away, in millionths, at most; whoever looks after it keeps that within [`OFF`] too.
const DRIFT: u64 = 200;

/// True time. The wall clock and the monotonic one move together.
#[derive(Debug)]
pub(crate) struct WorldClock {
    wall: AtomicI64,
    monotonic: AtomicU64,
    /// The latest that any node's clock has ever shown.
    latest: AtomicI64,
}

impl Default for WorldClock {
    fn default() -> Self {
        Self { wall: AtomicI64::new(START), monotonic: AtomicU64::new(1_000), latest: AtomicI64::new(START) }
    }
}

impl WorldClock {
    pub(crate) fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(0);
        self.monotonic.fetch_add(millis, Ordering::Relaxed);
        self.wall.fetch_add(millis.cast_signed(), Ordering::Relaxed);
    }

    /// No partition can have decided anything for a later moment than this.
    pub(crate) fn latest(&self) -> Timestamp {
        Timestamp::from_millis(self.latest.load(Ordering::Relaxed))
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

/// One node's clocks: the wall clock is off, drifts, and may be set back; the monotonic one is true.
#[derive(Debug)]
pub(crate) struct NodeClock {
    world: Arc<WorldClock>,
    off: i64,
    /// In millionths.
    drift: i64,
    set_back: AtomicI64,
}

impl NodeClock {
    pub(crate) fn new(world: Arc<WorldClock>, random: &mut Random) -> Self {
        let around = |random: &mut Random, bound: u64| {
            random.between(0, 2 * bound).cast_signed() - bound.cast_signed()
        };
        let (off, drift) = (around(random, OFF), around(random, DRIFT));
        Self { world, off, drift, set_back: AtomicI64::new(0) }
    }

    /// Somebody sets it back.
    pub(crate) fn set_back(&self, millis: u64) {
        self.set_back.store(millis.cast_signed(), Ordering::Relaxed);
    }

    /// Somebody sees to it that it is right again, as far as clocks are.
    pub(crate) fn correct(&self) {
        self.set_back(0);
    }

    pub(crate) fn is_set_back(&self) -> bool {
        self.set_back.load(Ordering::Relaxed) > 0
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        let bound = OFF.cast_signed();
        let drifted = self.world.monotonic_millis().cast_signed() * self.drift / 1_000_000;
        let off = self.off + drifted.clamp(-bound, bound) - self.set_back.load(Ordering::Relaxed);
        let now = self.world.now().millis() + off;
        self.world.latest.fetch_max(now, Ordering::Relaxed);
        Timestamp::from_millis(now)
    }

    fn monotonic_millis(&self) -> u64 {
        self.world.monotonic_millis()
    }
}
