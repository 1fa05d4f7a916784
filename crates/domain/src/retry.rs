//! Whether, when and over which channel a message is tried again. Pure: outcome, class and time come in, a decision goes
//! out. Invariant: nothing is tried again at or after the end of its validity, whatever the class.

use std::time::Duration;

use crate::carrier_code::CodeBook;
use crate::ids::ChannelId;
use crate::message::{Category, Reason};
use crate::time::Timestamp;

/// What a failure says about another try.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RetryClass {
    /// True on every channel and at every hour: the person, the content, our account, or a rule of ours.
    Permanent,
    /// The handset is off, full or out of reach, or a channel says so: a later moment may help, rarely another channel.
    Recipient,
    /// The channel or the carrier failed: another channel may help.
    Temporary,
    /// Too fast or over a quota: a pause helps, or another channel.
    Throttled,
    /// Nobody knows whether it arrived: only where a second copy does less harm than none.
    Uncertain,
}

/// How a category is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryRule {
    /// Tries that count, at most.
    pub attempts: u8,
    /// Wait before the second try; doubles for each further one.
    pub back_off: Duration,
    /// The same for a handset that cannot be reached.
    pub recipient_attempts: u8,
    pub recipient_back_off: Duration,
}

/// Attempts, back-off, and who may be sent a possible duplicate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetryPolicy {
    /// Somebody waits at a sign-in page: soon or never.
    pub otp: RetryRule,
    pub notice: RetryRule,
    pub marketing: RetryRule,
    /// Wait after a throttling answer, which spends no attempt.
    pub throttle_back_off: Duration,
    /// Categories in which an uncertain message is tried again, marked as a possible duplicate.
    pub duplicates_allowed: Vec<Category>,
    /// What carriers' codes mean.
    pub codes: CodeBook,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let usual = RetryRule {
            attempts: 3,
            back_off: Duration::from_secs(5),
            recipient_attempts: 2,
            recipient_back_off: Duration::from_secs(15),
        };
        Self {
            otp: RetryRule { back_off: Duration::from_secs(2), ..usual },
            notice: RetryRule { recipient_attempts: 3, ..usual },
            marketing: usual,
            throttle_back_off: Duration::from_millis(500),
            duplicates_allowed: vec![Category::Otp, Category::Notice],
            codes: CodeBook::default(),
        }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Queue again; away from a channel that failed, where another one can.
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
    /// How a category is tried again.
    #[must_use]
    pub fn rule(&self, category: Category) -> &RetryRule {
        match category {
            Category::Otp => &self.otp,
            Category::Notice => &self.notice,
            Category::Marketing => &self.marketing,
        }
    }

    /// After a definite failure for `reason`.
    #[must_use]
    pub fn after_failure(&self, reason: Reason, tried: Tried, now: Timestamp) -> Next {
        let rule = self.rule(tried.category);
        let (attempts, back_off) = match reason.retry_class() {
            RetryClass::Permanent => return Next::Stop,
            RetryClass::Recipient => (rule.recipient_attempts, rule.recipient_back_off),
            RetryClass::Temporary | RetryClass::Uncertain => (rule.attempts, rule.back_off),
            RetryClass::Throttled => (rule.attempts, rule.back_off.saturating_mul(2)),
        };
        if tried.attempts >= attempts {
            return Next::Stop;
        }
        let doublings = u32::from(tried.attempts.saturating_sub(1)).min(16);
        let due_at = now.plus(back_off.saturating_mul(1 << doublings));
        if due_at >= tried.valid_until {
            Next::Stop
        } else {
            // A report that a handset is off may be the channel's own excuse.
            Next::Retry { due_at, avoid: Some(tried.channel) }
        }
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
    /// What it says about another try (reference: carrier code classes; O, M, R and F stay true on every try).
    #[must_use]
    pub const fn retry_class(self) -> RetryClass {
        match self {
            Self::Unreachable | Self::HandsetFault => RetryClass::Recipient,
            Self::CarrierSystem
            | Self::NumberPorted
            | Self::DeadlinePassed
            | Self::Recalled
            | Self::NoTemplate => RetryClass::Temporary,
            Self::Throttled | Self::CarrierRate => RetryClass::Throttled,
            Self::ConnectionLost | Self::NoAnswer | Self::NoReceipt | Self::Partial => RetryClass::Uncertain,
            Self::None
            | Self::Suppressed
            | Self::NoConsent
            | Self::Capped
            | Self::RepeatedText
            | Self::QuietHours
            | Self::ValidityPassed
            | Self::SignatureMissing
            | Self::OptOutTextMissing
            | Self::ContentBlocked
            | Self::ContentHeld
            | Self::MissingVariable
            | Self::RenderFailed
            | Self::TextTooLong
            | Self::InvalidPhone
            | Self::DuplicatePhone
            | Self::DeadNumber
            | Self::NoRoute
            | Self::CampaignCancelled
            | Self::PartsMissing
            | Self::UnknownNumber
            | Self::NumberSuspended
            | Self::NotSubscribed
            | Self::CarrierBlacklist
            | Self::CarrierContent
            | Self::CarrierSignature
            | Self::CarrierAccount
            | Self::CarrierUnknown
            | Self::CancelledOnRequest => RetryClass::Permanent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn tried(category: Category, attempts: u8, valid_for: Duration) -> Tried {
        Tried { category, attempts, valid_until: NOW.plus(valid_for), channel: ChannelId(1) }
    }

    fn next(reason: Reason, category: Category, attempts: u8) -> Option<(u64, bool)> {
        match RetryPolicy::default().after_failure(reason, tried(category, attempts, DAY), NOW) {
            Next::Retry { due_at, avoid } => Some((due_at.since(NOW).as_secs(), avoid.is_some())),
            Next::Stop => None,
        }
    }

    #[test]
    fn class_and_category_say_how_often_when_and_where() {
        use Category::{Marketing, Notice, Otp};
        let ways = [
            // What the person, the content or our account is stays so.
            (
                Reason::UnknownNumber,
                [Otp, Notice, Marketing].map(|of| next(Reason::UnknownNumber, of, 1)),
                [None; 3],
            ),
            (Reason::CarrierBlacklist, [1, 2, 3].map(|n| next(Reason::CarrierBlacklist, Otp, n)), [None; 3]),
            (Reason::CarrierContent, [1, 2, 3].map(|n| next(Reason::CarrierContent, Notice, n)), [None; 3]),
            // A channel that failed is avoided, and the wait doubles.
            (
                Reason::CarrierSystem,
                [1, 2, 3].map(|n| next(Reason::CarrierSystem, Marketing, n)),
                [Some((5, true)), Some((10, true)), None],
            ),
            (
                Reason::CarrierSystem,
                [1, 2, 3].map(|n| next(Reason::CarrierSystem, Otp, n)),
                [Some((2, true)), Some((4, true)), None],
            ),
            (
                Reason::CarrierRate,
                [1, 2, 3].map(|n| next(Reason::CarrierRate, Notice, n)),
                [Some((10, true)), Some((20, true)), None],
            ),
            // A handset that is off needs longer.
            (
                Reason::Unreachable,
                [1, 2, 3].map(|n| next(Reason::Unreachable, Marketing, n)),
                [Some((15, true)), None, None],
            ),
            (
                Reason::HandsetFault,
                [1, 2, 3].map(|n| next(Reason::HandsetFault, Notice, n)),
                [Some((15, true)), Some((30, true)), None],
            ),
        ];
        for (reason, found, expected) in ways {
            assert_eq!(found, expected, "{reason}");
        }
    }

    #[test]
    fn validity_is_the_hard_end_of_every_class() {
        let policy = RetryPolicy::default();
        for reason in Reason::ALL {
            for category in Category::ALL {
                let brief = tried(*category, 1, Duration::from_secs(2));
                assert_eq!(policy.after_failure(*reason, brief, NOW), Next::Stop, "{reason} {category}");
            }
        }
    }

    #[test]
    fn marketing_is_never_sent_twice_on_a_guess() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.after_uncertainty(tried(Category::Marketing, 1, DAY), NOW), Next::Stop);
        assert!(matches!(policy.after_uncertainty(tried(Category::Otp, 1, DAY), NOW), Next::Retry { .. }));
        for reason in [Reason::ConnectionLost, Reason::NoAnswer, Reason::Partial, Reason::NoReceipt] {
            assert_eq!(reason.retry_class(), RetryClass::Uncertain);
        }
    }
}
