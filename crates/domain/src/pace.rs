//! A pace: so many a second, with a small burst. For lanes' speed limits and channels' contracts.
//!
//! Invariant: in any stretch of time no more is taken than `rate × stretch + burst`.

/// Parts of a unit that are counted, so that a rate per second refills evenly every millisecond.
const MILLI: u64 = 1_000;
/// The longest time that may be handed out at once: slices of a quarter of a second keep a change of speed, a pause
/// or a throttling answer effective at once.
pub const SLICE_MILLIS: u64 = 250;

/// A token bucket over a monotonic clock in milliseconds. Starts empty, so that a restart gives no flood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenBucket {
    per_second: u32,
    burst: u32,
    milli_tokens: u64,
    refilled_at: u64,
}

impl TokenBucket {
    /// `per_second` units a second; what was not used gathers up to `burst` (at least 1). A rate of 0 gives nothing.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, now_millis: u64) -> Self {
        Self { per_second, burst: burst.max(1), milli_tokens: 0, refilled_at: now_millis }
    }

    /// A bucket that gathers at most one slice of [`SLICE_MILLIS`].
    #[must_use]
    pub fn sliced(per_second: u32, now_millis: u64) -> Self {
        let slice = u64::from(per_second) * SLICE_MILLIS / MILLI;
        Self::new(per_second, u32::try_from(slice).unwrap_or(u32::MAX), now_millis)
    }

    /// With as much in it as it gathers: for a contract whose first second is as good as any other.
    #[must_use]
    pub fn filled(mut self) -> Self {
        self.milli_tokens = u64::from(self.burst) * MILLI;
        self
    }

    /// The rate it was made for.
    #[must_use]
    pub fn per_second(&self) -> u32 {
        self.per_second
    }

    fn at(&self, now_millis: u64) -> u64 {
        let most = u64::from(self.burst) * MILLI;
        let gained = now_millis.saturating_sub(self.refilled_at).saturating_mul(u64::from(self.per_second));
        self.milli_tokens.saturating_add(gained).min(most)
    }

    /// Whole units that may be taken now.
    #[must_use]
    pub fn available(&self, now_millis: u64) -> u32 {
        u32::try_from(self.at(now_millis) / MILLI).unwrap_or(u32::MAX)
    }

    /// Takes up to `wanted` units and returns how many.
    pub fn take(&mut self, wanted: u32, now_millis: u64) -> u32 {
        self.milli_tokens = self.at(now_millis);
        self.refilled_at = self.refilled_at.max(now_millis);
        let taken = wanted.min(u32::try_from(self.milli_tokens / MILLI).unwrap_or(u32::MAX));
        self.milli_tokens -= u64::from(taken) * MILLI;
        taken
    }

    /// Gives back units that were taken and not used.
    pub fn give_back(&mut self, units: u32) {
        let most = u64::from(self.burst) * MILLI;
        self.milli_tokens = self.milli_tokens.saturating_add(u64::from(units) * MILLI).min(most);
    }

    /// Milliseconds until one unit may be taken: 0 when one may be now, `None` when none ever will.
    #[must_use]
    pub fn wait_millis(&self, now_millis: u64) -> Option<u64> {
        match MILLI.saturating_sub(self.at(now_millis)) {
            0 => Some(0),
            _ if self.per_second == 0 => None,
            missing => Some(missing.div_ceil(u64::from(self.per_second))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rate_is_reached_and_a_rest_gathers_one_slice() {
        let mut bucket = TokenBucket::sliced(400, 0);
        let taken: u32 = (1..=1_000).map(|now| bucket.take(u32::MAX, now)).sum();
        assert_eq!(taken, 400);
        assert_eq!(bucket.take(u32::MAX, 60_000), 100);
        assert_eq!(bucket.wait_millis(60_000), Some(3));
        bucket.give_back(1);
        assert_eq!(bucket.wait_millis(60_000), Some(0));
    }

    #[test]
    fn slow_and_absurd_rates_work() {
        let mut slow = TokenBucket::sliced(1, 0);
        assert_eq!((slow.take(5, 999), slow.take(5, 1_000), slow.take(5, u64::MAX)), (0, 1, 1));
        assert_eq!(TokenBucket::sliced(0, 0).wait_millis(u64::MAX), None);
        assert_eq!(TokenBucket::new(u32::MAX, u32::MAX, 0).take(u32::MAX, u64::MAX), u32::MAX);
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_holds_more_than_its_rate_and_one_burst(
            per_second in 1..2_000_u32, burst in 1..300_u32,
            asks in proptest::collection::vec((0..400_u64, 0..400_u32, 0..3_u32), 1..60),
        ) {
            let mut bucket = TokenBucket::new(per_second, burst, 0);
            let (mut now, mut taken) = (0, Vec::new());
            for (gap, wanted, unused) in asks {
                now += gap;
                let got = bucket.take(wanted, now);
                let unused = unused.min(got);
                bucket.give_back(unused);
                taken.push((now, u64::from(got - unused)));
            }
            for (index, (from, _)) in taken.iter().enumerate() {
                let mut sum = 0;
                for (to, units) in &taken[index..] {
                    sum += units;
                    let allowed = (to - from) * u64::from(per_second) / MILLI + u64::from(burst);
                    prop_assert!(sum <= allowed, "{sum} in {} ms", to - from);
                }
            }
        }
    }
}
