//! Elapsed time in microseconds: finer than the process's clock tells, and only for figures.

use std::time::Instant;

/// A running watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since the start.
    pub(super) fn micros(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
