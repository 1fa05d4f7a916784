//! How fast a channel may write: its contract's parts per second, and slower for a while when the carrier says so.

/// Tokens are counted in thousandths, so that a rate per second refills evenly every millisecond.
const MILLI: u64 = 1000;
/// Tokens that may gather while nothing is sent: one slice of this many milliseconds.
const BURST_MILLIS: u64 = 20;
/// How long a throttling answer slows the channel down.
const PENALTY_MILLIS: u64 = 1_000;
/// The pace while slowed down, when the contract names none: few enough not to be refused again.
const PENALTY_RATE: u64 = 50;

/// A token bucket with a penalty. Instants are milliseconds of a monotonic clock.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Option<u64>,
    milli_tokens: u64,
    refilled_at: u64,
    slow_until: u64,
}

impl Pace {
    pub(crate) fn new(parts_per_second: Option<u32>, now: u64) -> Self {
        Self { rate: parts_per_second.map(u64::from), milli_tokens: 0, refilled_at: now, slow_until: 0 }
    }

    fn rate_at(&self, now: u64) -> Option<u64> {
        if now >= self.slow_until {
            return self.rate;
        }
        Some(self.rate.map_or(PENALTY_RATE, |rate| (rate / 2).max(1)))
    }

    fn refill(&mut self, now: u64) {
        let Some(rate) = self.rate_at(now) else { return };
        let elapsed = now.saturating_sub(self.refilled_at).min(PENALTY_MILLIS);
        let most = (rate * BURST_MILLIS).max(MILLI);
        self.milli_tokens = (self.milli_tokens + elapsed * rate).min(most);
        self.refilled_at = now;
    }

    /// Parts that may be written now; none is no limit.
    pub(crate) fn available(&mut self, now: u64) -> Option<u32> {
        self.refill(now);
        self.rate_at(now)?;
        Some(u32::try_from(self.milli_tokens / MILLI).unwrap_or(u32::MAX))
    }

    /// Takes tokens for parts that are about to be written; more than there are delays the next ones.
    pub(crate) fn take(&mut self, parts: u32, now: u64) {
        self.refill(now);
        self.milli_tokens = self.milli_tokens.saturating_sub(u64::from(parts) * MILLI);
    }

    /// Milliseconds until a part may be written; none when one may be now.
    pub(crate) fn wait_millis(&mut self, now: u64) -> Option<u64> {
        self.refill(now);
        let rate = self.rate_at(now)?;
        (self.milli_tokens < MILLI).then(|| (MILLI - self.milli_tokens).div_ceil(rate).max(1))
    }

    /// The carrier asked for a slower pace.
    pub(crate) fn slow_down(&mut self, now: u64) {
        self.slow_until = now + PENALTY_MILLIS;
        self.milli_tokens = 0;
        self.refilled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes as fast as allowed for `millis` and returns how many parts went out.
    fn run(pace: &mut Pace, from: u64, millis: u64) -> u64 {
        let mut written = 0;
        for now in from..from + millis {
            let free = pace.available(now).unwrap();
            pace.take(free, now);
            written += u64::from(free);
        }
        written
    }

    #[test]
    fn the_rate_is_held_and_a_pause_gives_no_flood() {
        let mut pace = Pace::new(Some(500), 0);
        assert!((498..=510).contains(&run(&mut pace, 0, 1_000)));
        let after_pause = run(&mut pace, 61_000, 1_000);
        assert!(after_pause <= 500 + 500 * BURST_MILLIS / 1000 + 1, "{after_pause}");
    }

    #[test]
    fn a_throttling_answer_halves_the_rate_for_a_second() {
        let mut pace = Pace::new(Some(1_000), 0);
        pace.slow_down(0);
        assert!(run(&mut pace, 0, 1_000) <= 520);
        assert!(run(&mut pace, 1_000, 1_000) >= 980);
        let mut unlimited = Pace::new(None, 0);
        assert_eq!(unlimited.available(1), None);
        unlimited.slow_down(1);
        assert!(unlimited.available(2).is_some());
    }
}
