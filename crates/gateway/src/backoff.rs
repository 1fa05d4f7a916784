//! How long to wait before the next try to connect.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

/// First wait: a carrier that restarts is back within a second.
const FIRST: Duration = Duration::from_millis(250);
/// Longest wait while nothing but the network is wrong.
const LONGEST: Duration = Duration::from_secs(15);
/// Wait after a refused log-in: trying again without a change is useless, and gateways ban those who hammer.
pub(crate) const AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// Doubling waits with jitter, so that the connections of many platforms do not come back in one instant.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure: between half of and all of the doubled time.
    pub(crate) fn next(&mut self, rng: &mut StdRng) -> Duration {
        let full = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(rng.random_range(0.5..=1.0))
    }

    /// A connection stood: the next failure begins anew.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn waits_double_up_to_a_bound_and_begin_anew() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..12).map(|_| backoff.next(&mut rng)).collect();
        assert!(waits[0] <= FIRST && waits[3] >= FIRST * 4);
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        backoff.reset();
        assert!(backoff.next(&mut rng) <= FIRST);
    }
}
