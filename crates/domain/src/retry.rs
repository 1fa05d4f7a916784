//! Whether and when a message is tried again. Pure: outcome, class and time come in, a decision goes out.

use std::time::Duration;

use crate::carrier_code::CodeBook;
use crate::ids::ChannelId;
use crate::message::{Category, Reason};
use crate::time::Timestamp;

/// Attempts, back-off, and who may be sent a possible duplicate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetryPolicy {
    /// Tries that count, at most (default 3).
    pub max_attempts: u8,
    /// Wait before the second try; doubles for each further one.
    pub back_off: Duration,
    /// Wait after a throttling answer, which spends no attempt.
    pub throttle_back_off: Duration,
    /// Categories in which an uncertain message is tried again, marked as a possible duplicate.
    pub duplicates_allowed: Vec<Category>,
    /// What carriers' codes mean.
    pub codes: CodeBook,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            back_off: Duration::from_secs(5),
            throttle_back_off: Duration::from_millis(500),
            duplicates_allowed: vec![Category::Otp, Category::Notice],
            codes: CodeBook::default(),
        }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Queue again, preferably away from the channel that failed.
    Retry { due_at: Timestamp, avoid: Option<ChannelId> },
    /// Another try would not help or is not allowed.
    Stop,
}

/// What is known of a message when a try has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tried {
    pub category: Category,
    /// Tries made, this one included.
    pub attempts: u8,
    pub valid_until: Timestamp,
    pub channel: ChannelId,
}

impl RetryPolicy {
    /// After a definite failure for `reason`.
    #[must_use]
    pub fn after_failure(&self, reason: Reason, tried: Tried, now: Timestamp) -> Next {
        if !reason.is_worth_a_retry() || tried.attempts >= self.max_attempts {
            return Next::Stop;
        }
        let doublings = u32::from(tried.attempts.saturating_sub(1)).min(16);
        let due_at = now.plus(self.back_off.saturating_mul(1 << doublings));
        if due_at >= tried.valid_until {
            return Next::Stop;
        }
        Next::Retry { due_at, avoid: Some(tried.channel) }
    }

    /// After an answer that never came: only where a second copy does less harm than none.
    #[must_use]
    pub fn after_uncertainty(&self, tried: Tried, now: Timestamp) -> Next {
        if !self.duplicates_allowed.contains(&tried.category) {
            return Next::Stop;
        }
        self.after_failure(Reason::ConnectionLost, tried, now)
    }
}

impl Reason {
    /// Whether another channel or a later hour may succeed where this failed. What the carrier says of the person,
    /// the content or our account stays true on every try (reference: carrier code classes O, M, R, F).
    #[must_use]
    pub const fn is_worth_a_retry(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::HandsetFault
                | Self::CarrierRate
                | Self::CarrierSystem
                | Self::NumberPorted
                | Self::Throttled
                | Self::ConnectionLost
                | Self::NoAnswer
                | Self::DeadlinePassed
                | Self::Recalled
                | Self::NoTemplate
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn tried(category: Category, attempts: u8, valid_for: Duration) -> Tried {
        Tried { category, attempts, valid_until: NOW.plus(valid_for), channel: ChannelId(1) }
    }

    #[test]
    fn retries_back_off_away_from_the_channel_and_end() {
        let policy = RetryPolicy::default();
        let day = Duration::from_secs(86_400);
        assert_eq!(
            policy.after_failure(Reason::CarrierSystem, tried(Category::Marketing, 2, day), NOW),
            Next::Retry { due_at: NOW.plus(Duration::from_secs(10)), avoid: Some(ChannelId(1)) }
        );
        let stops = [
            (Reason::CarrierSystem, tried(Category::Marketing, 3, day)),
            (Reason::UnknownNumber, tried(Category::Otp, 1, day)),
            (Reason::CarrierSystem, tried(Category::Otp, 1, Duration::from_secs(5))),
        ];
        for (reason, tried) in stops {
            assert_eq!(policy.after_failure(reason, tried, NOW), Next::Stop);
        }
    }

    #[test]
    fn marketing_is_never_sent_twice_on_a_guess() {
        let policy = RetryPolicy::default();
        let day = Duration::from_secs(86_400);
        assert_eq!(policy.after_uncertainty(tried(Category::Marketing, 1, day), NOW), Next::Stop);
        assert!(matches!(policy.after_uncertainty(tried(Category::Otp, 1, day), NOW), Next::Retry { .. }));
    }
}
