//! Flow control: how many submits a second are taken.

use wire::Millis;

/// How far ahead of its rate a peer may be. A client that paces in slices of this length is never refused.
const BURST_SECONDS: f64 = 0.25;

/// A token bucket of submits.
#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    per_ms: f64,
    burst: f64,
    level: f64,
    filled_at: Millis,
}

impl Throttle {
    pub(crate) fn new(per_second: u32, now: Millis) -> Self {
        let rate = f64::from(per_second.max(1));
        let burst = (rate * BURST_SECONDS).max(1.0);
        Self { per_ms: rate / 1000.0, burst, level: burst, filled_at: now }
    }

    /// Takes `submits` at once or not at all.
    pub(crate) fn take(&mut self, now: Millis, submits: usize) -> bool {
        let gained = now.since(self.filled_at) as f64 * self.per_ms;
        self.filled_at = self.filled_at.max(now);
        self.level = (self.level + gained).min(self.burst);
        let wanted = submits as f64;
        let taken = self.level >= wanted;
        if taken {
            self.level -= wanted;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_over_ten_seconds() {
        let mut throttle = Throttle::new(500, Millis(0));
        let taken = (0..10_000).filter(|now| throttle.take(Millis(*now), 1)).count();
        assert!((4990..=5126).contains(&taken), "{taken}");
    }
}
