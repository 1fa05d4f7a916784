//! Counters without locks: a batch costs a few relaxed additions, whatever is in it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of histograms, in milliseconds: from what a commit takes to what a person calls broken.
pub(super) const BOUNDS_MILLIS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// Counts by a small number that is no more than 255 (the code of a closed list).
#[derive(Debug)]
pub(super) struct ByCode<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for ByCode<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl<const N: usize> ByCode<N> {
    /// A code beyond the list is not counted.
    pub(super) fn add(&self, code: usize, count: u64) {
        if count > 0
            && let Some(counter) = self.0.get(code)
        {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self, code: usize) -> u64 {
        self.0.get(code).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

/// How often something took how long.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: ByCode<{ BOUNDS_MILLIS.len() + 1 }>,
    millis: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, millis: u64) {
        self.buckets.add(BOUNDS_MILLIS.partition_point(|bound| *bound < millis), 1);
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }

    /// Of each bound in seconds, how many took no longer; then how many there were, and the sum in seconds.
    pub(super) fn read(&self) -> (Vec<(f64, u64)>, u64, f64) {
        let mut below = 0;
        let steps = BOUNDS_MILLIS.iter().enumerate().map(|(place, bound)| {
            below += self.buckets.get(place);
            (seconds(*bound), below)
        });
        let steps = steps.collect();
        (steps, below + self.buckets.get(BOUNDS_MILLIS.len()), seconds(self.millis.load(Ordering::Relaxed)))
    }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}
