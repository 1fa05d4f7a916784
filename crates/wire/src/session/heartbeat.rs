//! When to test a silent peer, and when to give it up.

use super::{Millis, Timing};

/// Counts the tests that a silent peer has not answered. Any input at all proves life: one real gateway
/// answers a test with a test of its own.
pub(crate) struct Heartbeat {
    timing: Timing,
    next: Millis,
    unanswered: u32,
}

/// What the passing of time asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    Wait,
    Test,
    Dead,
}

impl Heartbeat {
    pub(crate) fn new(timing: Timing, now: Millis) -> Self {
        Self { timing, next: now.after(timing.active_test_interval), unanswered: 0 }
    }

    pub(crate) fn on_input(&mut self, now: Millis) {
        self.unanswered = 0;
        self.next = now.after(self.timing.active_test_interval);
    }

    pub(crate) fn next(&self) -> Millis {
        self.next
    }

    pub(crate) fn on_time(&mut self, now: Millis) -> Beat {
        if now < self.next {
            return Beat::Wait;
        }
        if self.unanswered >= self.timing.retries {
            return Beat::Dead;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.next = now.after(self.timing.response_timeout);
        Beat::Test
    }
}
