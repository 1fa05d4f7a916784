//! How fast a channel may write: its contract's parts per second, and slower for a while when the carrier says so.

use std::time::Duration;

use domain::channel::Outgoing;
use domain::pace::{TokenBucket, kept_of_rate, kept_of_window};
use domain::text::MAX_PARTS;
use tokio::sync::futures::Notified;

/// Tokens that may gather while nothing is sent: one slice of this many milliseconds, or what the longest message needs,
/// since its parts are written together: a slow channel would never take it otherwise.
const BURST_MILLIS: u32 = 20;
/// How long a throttling answer slows the channel down.
const PENALTY_MILLIS: u64 = 1_000;
/// The pace while slowed down, when the contract names none: few enough not to be refused again.
const PENALTY_RATE: u32 = 50;

/// A token bucket with a penalty. Instants are milliseconds of a monotonic clock.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Option<u32>,
    /// Of the rate in force; none is no limit.
    bucket: Option<TokenBucket>,
    slow_until: u64,
}

impl Pace {
    pub(crate) fn new(parts_per_second: Option<u32>, now: u64) -> Self {
        Self { rate: parts_per_second, bucket: bucket(parts_per_second, now), slow_until: 0 }
    }

    /// The bucket of the rate in force now: a penalty that is over gives way to the contract's rate.
    fn bucket(&mut self, now: u64) -> Option<&mut TokenBucket> {
        if self.slow_until != 0 && now >= self.slow_until {
            self.slow_until = 0;
            self.bucket = bucket(self.rate, now);
        }
        self.bucket.as_mut()
    }

    /// Parts that may be written now, and those of them that are kept for nobody; none is no limit.
    pub(crate) fn available(&mut self, now: u64) -> Option<(u32, u32)> {
        self.bucket(now).map(|bucket| (bucket.available(now), bucket.open(now)))
    }

    /// What a channel with so much of its window free may write now.
    pub(crate) fn capacity(&mut self, free: u32, window: u32, now: u64) -> (u32, u32) {
        let (parts, open) = self.available(now).unwrap_or((u32::MAX, u32::MAX));
        (free.min(parts), free.saturating_sub(kept_of_window(window)).min(open))
    }

    /// Whether it has gathered all that it gathers.
    pub(crate) fn is_rested(&mut self, now: u64) -> bool {
        self.bucket(now).is_none_or(|bucket| bucket.is_full(now))
    }

    /// Takes tokens for what is about to be written. A single message that is longer than all that gathers owes the rest.
    pub(crate) fn take_for(&mut self, batch: &[Outgoing], now: u64) {
        let parts = batch.iter().map(|outgoing| u32::from(outgoing.parts)).sum();
        let given = batch.len() == 1 && self.bucket(now).is_some_and(|bucket| bucket.take_whole(parts, now));
        if !given {
            self.take(parts, now);
        }
    }

    /// Takes tokens for parts that are about to be written, or all there are.
    fn take(&mut self, parts: u32, now: u64) {
        if let Some(bucket) = self.bucket(now) {
            bucket.take(parts, now);
        }
    }

    /// Milliseconds until any part may be written; none when one may be now.
    pub(crate) fn wait_millis(&mut self, now: u64) -> Option<u64> {
        self.bucket(now)?.wait_millis(now).filter(|millis| *millis > 0)
    }

    /// The carrier asked for a slower pace.
    pub(crate) fn slow_down(&mut self, now: u64) {
        let slow = self.rate.map_or(PENALTY_RATE, |rate| (rate / 2).max(1));
        self.slow_until = now + PENALTY_MILLIS;
        self.bucket = bucket(Some(slow), now);
    }
}

/// Returns when a part may be written after `wait_millis`, or something else changed.
pub(crate) async fn refilled(wait_millis: Option<u64>, changed: Notified<'_>) {
    match wait_millis {
        None => changed.await,
        Some(millis) => tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(Duration::from_millis(millis)) => {}
        },
    }
}

fn bucket(rate: Option<u32>, now: u64) -> Option<TokenBucket> {
    let burst = |rate: u32| (rate.saturating_mul(BURST_MILLIS) / 1_000).max(rate.min(MAX_PARTS.into()));
    rate.map(|rate| TokenBucket::new(rate, burst(rate), now).keeping(kept_of_rate(rate)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes as fast as allowed for `millis` and returns how many parts went out.
    fn run(pace: &mut Pace, from: u64, millis: u64) -> u64 {
        let mut written = 0;
        for now in from..from + millis {
            let (_, open) = pace.available(now).unwrap();
            pace.take(open, now);
            written += u64::from(open);
        }
        written
    }

    #[test]
    fn the_rate_is_held_and_a_pause_gives_no_flood() {
        let mut pace = Pace::new(Some(500), 0);
        assert!((490..=510).contains(&run(&mut pace, 0, 1_000)), "less what is kept, which gathers first");
        let after_pause = run(&mut pace, 61_000, 1_000);
        assert!(after_pause <= 500 + u64::from(MAX_PARTS) + 1, "{after_pause}");
    }

    #[test]
    fn a_slow_channel_gathers_enough_for_the_longest_message() {
        let most = u32::from(MAX_PARTS);
        let mut pace = Pace::new(Some(30), 0);
        assert_eq!(pace.available(10_000), Some((most + 4, most)));
        let mut slower = Pace::new(Some(5), 0);
        assert_eq!(slower.available(10_000), Some((9, 5)), "and never more than a second's worth");
    }

    #[test]
    fn emergencies_have_tokens_while_everybody_else_takes_all_they_may() {
        let mut pace = Pace::new(Some(10), 0);
        assert!(run(&mut pace, 0, 10_000) >= 95, "others lose the kept ones once, at the beginning");
        let (parts, open) = pace.available(10_000).unwrap();
        assert!(parts >= 4 && open <= 1, "{parts} {open}");
        assert_eq!(
            pace.capacity(1_000, 1_024, 10_000),
            (parts, open),
            "a wide window takes nothing of a slow pace"
        );
        assert_eq!(Pace::new(None, 0).capacity(1_000, 1_024, 0), (1_000, 984));
    }

    #[test]
    fn a_throttling_answer_halves_the_rate_for_a_second() {
        let mut pace = Pace::new(Some(1_000), 0);
        pace.slow_down(0);
        assert!(run(&mut pace, 0, 1_000) <= 520);
        assert!(run(&mut pace, 1_000, 1_000) >= 970);
        let mut unlimited = Pace::new(None, 0);
        assert_eq!(unlimited.available(1), None);
        unlimited.slow_down(1);
        assert!(unlimited.available(2).is_some());
    }
}
