//! The circuit breaker of one channel.
//!
//! A channel without connections is down. One whose submits fail too often rests for a while, then carries a few
//! messages as a probe: if they go through it is up again, if not it rests twice as long.

use crate::message::Reason;

/// When a channel is taken out and how it comes back. Times in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthRules {
    /// Over how long errors are counted.
    pub window_millis: u64,
    /// Fewer answers than this in the window say nothing.
    pub least_answers: u32,
    /// Of a hundred answers, so many errors open the circuit.
    pub error_percent: u32,
    /// The first rest; doubles with each failed probe.
    pub rest_millis: u64,
    /// The longest rest.
    pub longest_rest_millis: u64,
    /// Messages of one probe.
    pub probe: u32,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self {
            window_millis: 10_000,
            least_answers: 20,
            error_percent: 50,
            rest_millis: 5_000,
            longest_rest_millis: 120_000,
            probe: 5,
        }
    }
}

/// Why a channel is not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// No connection is up.
    Disconnected,
    /// Too many submits failed.
    Errors,
}

/// What a channel may do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// As much as its window and pace allow.
    Up,
    /// So many more messages, to find out whether it works again.
    Probing { allowance: u32 },
    /// Nothing, at least until then (milliseconds of the monotonic clock), if that is known.
    Down { trouble: Trouble, until_millis: Option<u64> },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Circuit {
    Closed,
    /// Resting until then; then half open.
    Open {
        until_millis: u64,
    },
    HalfOpen {
        out: u32,
        succeeded: u32,
        since_millis: u64,
    },
}

/// Errors are forgotten in steps of this part of the window.
const BUCKETS: usize = 10;

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Bucket {
    number: u64,
    answers: u32,
    errors: u32,
}

/// The health of one channel. `now` is a monotonic clock in milliseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    rules: HealthRules,
    connections_up: u16,
    circuit: Circuit,
    rests: u32,
    buckets: [Bucket; BUCKETS],
}

impl Health {
    /// A channel that is not connected yet.
    #[must_use]
    pub fn new(rules: HealthRules) -> Self {
        let buckets = [Bucket::default(); BUCKETS];
        Self { rules, connections_up: 0, circuit: Circuit::Closed, rests: 0, buckets }
    }

    /// Whether an answer of this kind says that the channel is ill. What it says of a number, a content or a rate
    /// is about the message.
    #[must_use]
    pub fn is_illness(reason: Reason) -> bool {
        matches!(
            reason,
            Reason::CarrierSystem | Reason::CarrierAccount | Reason::NoAnswer | Reason::ConnectionLost
        )
    }

    /// The number of connections that can carry messages changed.
    pub fn connections(&mut self, up: u16) {
        self.connections_up = up;
    }

    /// Messages were handed over: counts towards a probe.
    pub fn handed_over(&mut self, messages: u32, now: u64) {
        if let Circuit::Open { until_millis } = self.circuit
            && until_millis <= now
        {
            self.circuit = Circuit::HalfOpen { out: 0, succeeded: 0, since_millis: now };
        }
        if let Circuit::HalfOpen { out, since_millis, .. } = &mut self.circuit {
            *out = out.saturating_add(messages);
            *since_millis = now;
        }
    }

    /// Answers came: `fine` of messages that the carrier dealt with (taken, or refused for what they are), `ill` of
    /// those for which [`Self::is_illness`].
    pub fn answered(&mut self, fine: u32, ill: u32, now: u64) {
        if let Circuit::HalfOpen { succeeded, .. } = &mut self.circuit {
            *succeeded = succeeded.saturating_add(fine);
            let recovered = *succeeded >= self.rules.probe;
            if ill > 0 {
                self.open(now);
            } else if recovered {
                self.circuit = Circuit::Closed;
                (self.rests, self.buckets) = (0, [Bucket::default(); BUCKETS]);
            }
            return;
        }
        self.count(fine, ill, now);
        let (answers, errors) = self.recent(now);
        let too_many =
            u64::from(errors) * 100 >= u64::from(answers) * u64::from(self.rules.error_percent) && errors > 0;
        if self.circuit == Circuit::Closed && answers >= self.rules.least_answers && too_many {
            self.open(now);
        }
    }

    /// What the channel may do now.
    #[must_use]
    pub fn condition(&self, now: u64) -> Condition {
        if self.connections_up == 0 {
            return Condition::Down { trouble: Trouble::Disconnected, until_millis: None };
        }
        match self.circuit {
            Circuit::Closed => Condition::Up,
            Circuit::Open { until_millis } if now < until_millis => {
                Condition::Down { trouble: Trouble::Errors, until_millis: Some(until_millis) }
            }
            Circuit::Open { .. } => Condition::Probing { allowance: self.rules.probe },
            // A probe whose answers never came is made again.
            Circuit::HalfOpen { since_millis, .. } if now >= since_millis + self.rules.window_millis => {
                Condition::Probing { allowance: self.rules.probe }
            }
            Circuit::HalfOpen { out, .. } => match self.rules.probe.saturating_sub(out) {
                0 => {
                    let until_millis = self.probe_ends();
                    Condition::Down { trouble: Trouble::Errors, until_millis }
                }
                allowance => Condition::Probing { allowance },
            },
        }
    }

    /// Whether messages may be handed to the channel now.
    #[must_use]
    pub fn is_usable(&self, now: u64) -> bool {
        !matches!(self.condition(now), Condition::Down { .. })
    }

    fn probe_ends(&self) -> Option<u64> {
        match self.circuit {
            Circuit::HalfOpen { since_millis, .. } => Some(since_millis + self.rules.window_millis),
            _ => None,
        }
    }

    fn open(&mut self, now: u64) {
        let rest = self.rules.rest_millis.saturating_mul(1 << self.rests.min(16));
        self.rests = self.rests.saturating_add(1);
        self.circuit = Circuit::Open { until_millis: now + rest.min(self.rules.longest_rest_millis) };
        self.buckets = [Bucket::default(); BUCKETS];
    }

    fn bucket_number(&self, now: u64) -> u64 {
        now / (self.rules.window_millis / BUCKETS as u64).max(1)
    }

    fn count(&mut self, fine: u32, ill: u32, now: u64) {
        let number = self.bucket_number(now);
        let place = usize::try_from(number % BUCKETS as u64).unwrap_or(0);
        let bucket = &mut self.buckets[place];
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        bucket.answers = bucket.answers.saturating_add(fine).saturating_add(ill);
        bucket.errors = bucket.errors.saturating_add(ill);
    }

    /// Answers and errors of the window that ends now.
    fn recent(&self, now: u64) -> (u32, u32) {
        let number = self.bucket_number(now);
        let fresh = |bucket: &&Bucket| bucket.number + BUCKETS as u64 > number && bucket.number <= number;
        self.buckets.iter().filter(fresh).fold((0, 0), |(answers, errors), bucket| {
            (answers.saturating_add(bucket.answers), errors.saturating_add(bucket.errors))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected() -> Health {
        let mut health = Health::new(HealthRules::default());
        health.connections(4);
        health
    }

    #[test]
    fn a_channel_without_connections_is_down() {
        let mut health = Health::new(HealthRules::default());
        assert_eq!(
            health.condition(0),
            Condition::Down { trouble: Trouble::Disconnected, until_millis: None }
        );
        health.connections(1);
        assert_eq!(health.condition(0), Condition::Up);
        health.connections(0);
        assert!(!health.is_usable(0));
    }

    #[test]
    fn errors_open_it_only_when_they_are_many_and_recent() {
        let mut health = connected();
        health.answered(0, 19, 0);
        assert!(health.is_usable(0), "nineteen answers are too few to judge by");
        health.answered(10, 0, 11_000);
        health.answered(0, 9, 11_000);
        assert!(health.is_usable(11_000), "the first errors are forgotten, and 9 of 19 are too few");
        health.answered(0, 1, 11_000);
        assert_eq!(
            health.condition(11_000),
            Condition::Down { trouble: Trouble::Errors, until_millis: Some(16_000) }
        );
    }

    #[test]
    fn it_comes_back_through_a_probe_and_rests_longer_when_the_probe_fails() {
        let mut health = connected();
        health.answered(0, 20, 0);
        assert_eq!(health.condition(5_000), Condition::Probing { allowance: 5 });
        health.handed_over(3, 5_000);
        assert_eq!(health.condition(5_000), Condition::Probing { allowance: 2 });
        health.handed_over(2, 5_001);
        assert!(!health.is_usable(5_001), "one probe at a time");
        health.answered(2, 1, 5_010);
        assert_eq!(
            health.condition(5_010),
            Condition::Down { trouble: Trouble::Errors, until_millis: Some(15_010) }
        );
        health.handed_over(5, 15_010);
        health.answered(5, 0, 15_020);
        assert_eq!(health.condition(15_020), Condition::Up);
        health.answered(0, 20, 15_030);
        assert!(health.is_usable(20_030), "after a recovery the first rest is short again");
    }

    #[test]
    fn a_probe_without_answers_is_made_again_and_answers_from_before_do_not_reopen() {
        let mut health = connected();
        health.answered(0, 20, 0);
        health.answered(0, 50, 10);
        assert_eq!(health.condition(5_000), Condition::Probing { allowance: 5 });
        health.handed_over(5, 5_000);
        assert!(!health.is_usable(14_999));
        assert!(health.is_usable(15_000));
    }

    #[test]
    fn only_the_channels_own_faults_count() {
        assert!(Health::is_illness(Reason::CarrierSystem) && Health::is_illness(Reason::NoAnswer));
        assert!(!Health::is_illness(Reason::UnknownNumber) && !Health::is_illness(Reason::Throttled));
    }
}
