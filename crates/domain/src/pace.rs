//! A pace: so many a second, with a small burst. For lanes' speed limits and channels' contracts.
//!
//! Invariant: in any stretch of time no more is taken than `rate × stretch + burst`, and beside that the one thing that is
//! larger than a burst and was let through owing the rest, which is paid before anything else is taken.

use text::MAX_PARTS;

/// Parts of a unit that are counted, so that a rate per second refills evenly every millisecond.
const MILLI: i64 = 1_000;
/// This share of a channel's window and rate is kept for emergencies: they leave at once, whatever else is on its way.
const EMERGENCY_SHARE: u32 = 64;
/// Parts that are kept of any rate: what a text of some 260 characters takes. On a slow channel a smaller share would never
/// gather enough for one, since its parts are written together.
const EMERGENCY_PARTS: u32 = 4;

/// Parts of a window that only emergencies may take. Small windows have none to spare, and soon some room again.
#[must_use]
pub const fn kept_of_window(parts: u32) -> u32 {
    parts / EMERGENCY_SHARE
}

/// Tokens of a rate that only emergencies may take: never more than a second's worth, nor than the longest message needs.
#[must_use]
pub fn kept_of_rate(per_second: u32) -> u32 {
    (per_second / EMERGENCY_SHARE).max(EMERGENCY_PARTS).min(per_second).min(MAX_PARTS.into())
}

/// Milliseconds of a second.
const MILLIS: u64 = 1_000;

/// The longest time that may be handed out at once: slices of a quarter of a second keep a change of speed, a pause
/// or a throttling answer effective at once.
pub const SLICE_MILLIS: u64 = 250;

/// A token bucket over a monotonic clock in milliseconds. Starts empty, so that a restart gives no flood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenBucket {
    per_second: u32,
    burst: u32,
    /// Of the burst, for whoever is urgent.
    kept: u32,
    /// Below zero: owed.
    milli_tokens: i64,
    refilled_at: u64,
}

impl TokenBucket {
    /// `per_second` units a second; what was not used gathers up to `burst` (at least 1). A rate of 0 gives nothing.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, now_millis: u64) -> Self {
        Self { per_second, burst: burst.max(1), kept: 0, milli_tokens: 0, refilled_at: now_millis }
    }

    /// A bucket that gathers at most one slice of [`SLICE_MILLIS`].
    #[must_use]
    pub fn sliced(per_second: u32, now_millis: u64) -> Self {
        let slice = u64::from(per_second) * SLICE_MILLIS / MILLIS;
        Self::new(per_second, u32::try_from(slice).unwrap_or(u32::MAX), now_millis)
    }

    /// With as much in it as it gathers: for a contract whose first second is as good as any other.
    #[must_use]
    pub fn filled(mut self) -> Self {
        self.milli_tokens = self.most();
        self
    }

    /// The same at another rate and burst: what it holds, or owes, stays, as far as the new one holds so much.
    #[must_use]
    pub fn at_rate(mut self, per_second: u32, now_millis: u64) -> Self {
        self.milli_tokens = self.at(now_millis);
        self.refilled_at = self.refilled_at.max(now_millis);
        (self.per_second, self.burst) = (per_second, per_second.max(1));
        self.milli_tokens = self.milli_tokens.min(self.most());
        self
    }

    /// With so many units more, which gather first and are for whoever is urgent: [`Self::open`] leaves them out. What was
    /// taken of them gathers again before anybody else may take one, so the rate holds.
    #[must_use]
    pub fn keeping(mut self, kept: u32) -> Self {
        self.kept = kept;
        self.burst = self.burst.saturating_add(kept);
        self
    }

    /// The rate it was made for.
    #[must_use]
    pub fn per_second(&self) -> u32 {
        self.per_second
    }

    fn most(&self) -> i64 {
        milli(self.burst)
    }

    fn at(&self, now_millis: u64) -> i64 {
        let gained = now_millis.saturating_sub(self.refilled_at).saturating_mul(u64::from(self.per_second));
        self.milli_tokens.saturating_add(i64::try_from(gained).unwrap_or(i64::MAX)).min(self.most())
    }

    /// Whole units that may be taken now.
    #[must_use]
    pub fn available(&self, now_millis: u64) -> u32 {
        whole(self.at(now_millis))
    }

    /// Whole units that anybody may take now.
    #[must_use]
    pub fn open(&self, now_millis: u64) -> u32 {
        self.available(now_millis).saturating_sub(self.kept)
    }

    /// Takes up to `wanted` units and returns how many.
    pub fn take(&mut self, wanted: u32, now_millis: u64) -> u32 {
        self.milli_tokens = self.at(now_millis);
        self.refilled_at = self.refilled_at.max(now_millis);
        let taken = wanted.min(whole(self.milli_tokens));
        self.milli_tokens -= milli(taken);
        taken
    }

    /// Takes all of `wanted` or nothing, and returns whether it did. What is larger than a burst would never be given whole: it
    /// is given when at least one unit is there, and the rest is owed.
    pub fn take_whole(&mut self, wanted: u32, now_millis: u64) -> bool {
        let available = self.available(now_millis);
        let given = available >= wanted || (wanted > self.burst && available >= 1);
        if given {
            self.milli_tokens = self.at(now_millis) - milli(wanted);
            self.refilled_at = self.refilled_at.max(now_millis);
        }
        given
    }

    /// Whether it holds all that it gathers.
    #[must_use]
    pub fn is_full(&self, now_millis: u64) -> bool {
        self.at(now_millis) >= self.most()
    }

    /// Gives back units that were taken and not used.
    pub fn give_back(&mut self, units: u32) {
        self.milli_tokens = self.milli_tokens.saturating_add(milli(units)).min(self.most());
    }

    /// Milliseconds until anybody may take one unit: 0 when one may be now, `None` when none ever will.
    #[must_use]
    pub fn wait_millis(&self, now_millis: u64) -> Option<u64> {
        match u64::try_from(milli(self.kept) + milli(1) - self.at(now_millis)) {
            Ok(0) | Err(_) => Some(0),
            Ok(_) if self.per_second == 0 => None,
            Ok(missing) => Some(missing.div_ceil(u64::from(self.per_second))),
        }
    }
}

fn milli(units: u32) -> i64 {
    i64::from(units) * MILLI
}

/// Whole units of what is there; none of a debt.
fn whole(milli: i64) -> u32 {
    u32::try_from(milli.max(0) / MILLI).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_another_rate_what_is_owed_is_owed_still() {
        let mut bucket = TokenBucket::new(10, 10, 0).filled();
        assert!(bucket.take_whole(25, 0));
        let mut slower = bucket.at_rate(5, 0);
        assert!(!slower.take_whole(1, 3_100) && slower.take_whole(1, 3_200));
        assert_eq!(TokenBucket::new(10, 10, 0).filled().at_rate(4, 0).available(0), 4);
        assert_eq!(TokenBucket::new(10, 10, 0).filled().at_rate(20, 0).available(0), 10);
    }

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
    fn what_is_kept_is_there_for_the_urgent_and_gathers_first() {
        let mut bucket = TokenBucket::new(100, 20, 0).keeping(4);
        assert_eq!((bucket.available(40), bucket.open(40)), (4, 0), "kept ones come first");
        assert_eq!(bucket.wait_millis(40), Some(10), "nobody else waits for what is not for them");
        assert_eq!((bucket.available(1_000), bucket.open(1_000)), (24, 20));
        // Everybody takes all they may, whenever they may; four are there all the same.
        let mut others = 0;
        for now in 1_000..2_000 {
            others += bucket.take(bucket.open(now), now);
            assert!(bucket.available(now) >= 4);
        }
        assert_eq!(others, 20 + 99, "the rate is all theirs");
        assert_eq!(bucket.take(4, 2_000), 4);
        assert_eq!((bucket.open(2_000), bucket.wait_millis(2_000)), (0, Some(40)));
    }

    #[test]
    fn what_is_larger_than_a_burst_is_given_once_and_owed() {
        let mut bucket = TokenBucket::new(10, 10, 0).filled();
        assert!(bucket.take_whole(10, 0) && !bucket.take_whole(1, 0));
        assert!(!bucket.take_whole(100, 50), "not a single unit is there");
        assert!(bucket.take_whole(100, 100));
        assert_eq!((bucket.available(9_000), bucket.wait_millis(9_000)), (0, Some(1_100)), "99 are owed");
        assert!(!bucket.take_whole(1, 10_000) && bucket.take_whole(1, 10_100));
        let mut filled = TokenBucket::new(10, 10, 0).filled();
        assert!(filled.is_full(0) && filled.take_whole(4, 0), "something is there");
        assert!(!filled.take_whole(7, 0), "what fits a burst waits for all of it");
        assert!(!filled.is_full(399) && filled.is_full(400));
    }

    #[test]
    fn a_share_is_kept_of_any_window_and_rate() {
        assert_eq!([16, 64, 1_024].map(kept_of_window), [0, 1, 16]);
        assert_eq!([1, 3, 10, 500, 2_000, 100_000].map(kept_of_rate), [1, 3, 4, 7, 20, 20]);
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
            per_second in 1..2_000_u32, burst in 1..300_u32, kept in 0..30_u32,
            asks in proptest::collection::vec((0..400_u64, 0..400_u32, 0..3_u32), 1..60),
        ) {
            let mut bucket = TokenBucket::new(per_second, burst, 0).keeping(kept);
            let burst = burst + kept;
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
                    let allowed = (to - from) * u64::from(per_second) / MILLIS + u64::from(burst);
                    prop_assert!(sum <= allowed, "{sum} in {} ms", to - from);
                }
            }
        }
    }
}
