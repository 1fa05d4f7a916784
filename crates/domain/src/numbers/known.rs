//! What receipts taught about one phone: on which days carriers called it dead, and which networks it is not of.
//!
//! A carrier's "no such number" is wrong now and then, and a suspended phone comes back when its bill is paid: so one
//! answer decides nothing, and any sign of life ends all of it. That a number was ported is said by the network that it
//! left, which does not say where it went: what is left over is tried.

use std::time::Duration;

use crate::message::Reason;
use crate::phone::Carrier;
use crate::time::Timestamp;

/// What was learned is forgotten after so long: a ported number may move again after 120 days (携号转网服务管理规定), and
/// carriers give a number to somebody else some three months after it was closed.
pub const KNOWN_FOR: Duration = Duration::from_secs(120 * 86_400);
/// Days on which a phone was called dead that are kept, at most: rules ask for far fewer.
const MAX_FAILURES: usize = 8;
/// A day of the country's clock begins this long before one of UTC.
const CHINA_AHEAD_MILLIS: i64 = 8 * 3_600_000;
const DAY_MILLIS: i64 = 86_400_000;

/// What one message taught about its phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lesson {
    /// The carrier says that there is no such number, or that it is suspended.
    Dead,
    /// It is not of this network.
    NotOf(Carrier),
    /// It received something, or wrote to us.
    Alive,
}

/// When a phone counts as dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeadNumber {
    /// On so many different days a carrier called it so,
    pub failures: u8,
    /// none of them longer than this before the last.
    pub within: Duration,
    /// After the last it counts as dead for so long; then it is tried again.
    pub kept: Duration,
}

/// What is known of one phone's number. Bounded.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct NumberFacts {
    /// When it was called dead: one instant a day, oldest first, and nothing since then showed life.
    pub failures: Vec<Timestamp>,
    /// Networks that said that it is not theirs, and when.
    pub not_of: Vec<(Carrier, Timestamp)>,
}

impl Lesson {
    /// What a failure for `reason` teaches about a phone that was taken for one of `carrier`.
    #[must_use]
    pub fn of_failure(reason: Reason, carrier: Carrier) -> Option<Self> {
        match reason {
            Reason::UnknownNumber | Reason::NumberSuspended => Some(Self::Dead),
            Reason::NumberPorted if carrier != Carrier::Foreign => Some(Self::NotOf(carrier)),
            _ => None,
        }
    }
}

impl Default for DeadNumber {
    /// Two days within thirty, for ninety: one answer alone may be a mistake, and a closed number may be another
    /// person's after about ninety days.
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self { failures: 2, within: days(30), kept: days(90) }
    }
}

impl DeadNumber {
    /// What in it makes no sense, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        if self.failures == 0 || usize::from(self.failures) > MAX_FAILURES {
            Some("between 1 and 8 days make a number dead")
        } else if self.within > KNOWN_FOR || self.kept > KNOWN_FOR {
            Some("what is learned of a number is kept for 120 days")
        } else {
            None
        }
    }
}

impl NumberFacts {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.not_of.is_empty()
    }

    /// Takes a lesson in. `false`: it was known.
    pub fn learn(&mut self, lesson: Lesson, at: Timestamp) -> bool {
        let before = self.clone();
        let horizon = at.minus(KNOWN_FOR);
        self.failures.retain(|known| *known >= horizon);
        self.not_of.retain(|(_, known)| *known >= horizon);
        match lesson {
            Lesson::Alive => self.failures.clear(),
            Lesson::Dead => {
                if self.failures.iter().all(|known| day(*known) != day(at)) {
                    self.failures.push(at);
                    self.failures.sort_unstable();
                    let many = self.failures.len().saturating_sub(MAX_FAILURES);
                    self.failures.drain(..many);
                }
            }
            Lesson::NotOf(carrier) => {
                self.not_of.retain(|(known, _)| *known != carrier);
                self.not_of.push((carrier, at));
                self.not_of.sort_unstable();
            }
        }
        *self != before
    }

    /// Since when the phone counts as dead at `now`; none when it does not.
    #[must_use]
    pub fn dead_since(&self, rule: &DeadNumber, now: Timestamp) -> Option<Timestamp> {
        let last = *self.failures.last()?;
        let nth = self.failures.len().checked_sub(usize::from(rule.failures))?;
        let first = *self.failures.get(nth)?;
        let dead = first.plus(rule.within) >= last && now < last.plus(rule.kept);
        dead.then_some(last)
    }

    /// The network that a message to the phone should go over; `by_range` is that of its range. What said "not mine" is
    /// passed over, in the order of the networks' size; when all did, nothing is known.
    #[must_use]
    pub fn carrier(&self, by_range: Carrier, now: Timestamp) -> Carrier {
        if self.not_of.is_empty() || by_range == Carrier::Foreign {
            return by_range;
        }
        let horizon = now.minus(KNOWN_FOR);
        let excluded =
            |carrier: &Carrier| self.not_of.iter().any(|(not, at)| not == carrier && *at >= horizon);
        let domestic = Carrier::ALL.into_iter().filter(|carrier| *carrier != Carrier::Foreign);
        std::iter::once(by_range).chain(domestic).find(|carrier| !excluded(carrier)).unwrap_or(by_range)
    }
}

/// The day of the country's clock that an instant is on.
#[must_use]
pub fn day(at: Timestamp) -> i64 {
    (at.millis() + CHINA_AHEAD_MILLIS).div_euclid(DAY_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = DAY_MILLIS;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + days * DAY)
    }

    fn failed(days: &[i64]) -> NumberFacts {
        let mut facts = NumberFacts::default();
        days.iter().for_each(|days| {
            facts.learn(Lesson::Dead, at(*days));
        });
        facts
    }

    #[test]
    fn two_days_within_thirty_make_a_number_dead_for_ninety() {
        let rule = DeadNumber::default();
        assert_eq!(failed(&[0]).dead_since(&rule, at(1)), None);
        assert_eq!(failed(&[0, 0]).dead_since(&rule, at(1)), None, "one day counts once");
        assert_eq!(failed(&[0, 30]).dead_since(&rule, at(31)), Some(at(30)));
        assert_eq!(failed(&[0, 31]).dead_since(&rule, at(32)), None);
        assert_eq!(failed(&[0, 31, 40]).dead_since(&rule, at(41)), Some(at(40)));
        assert_eq!(failed(&[0, 1]).dead_since(&rule, at(90)), Some(at(1)));
        assert_eq!(failed(&[0, 1]).dead_since(&rule, at(91)), None, "tried again after ninety days");
    }

    #[test]
    fn a_sign_of_life_ends_it_and_what_is_old_is_forgotten() {
        let mut facts = failed(&[0, 1]);
        assert!(facts.learn(Lesson::Alive, at(2)) && facts.is_empty());
        assert!(!facts.learn(Lesson::Alive, at(2)), "nothing changes twice");
        let mut facts = failed(&[0, 200]);
        assert_eq!(facts.failures, [at(200)]);
        (201..300).for_each(|days| {
            facts.learn(Lesson::Dead, at(days));
        });
        assert_eq!(facts.failures.len(), MAX_FAILURES);
    }

    #[test]
    fn a_network_that_says_no_is_passed_over_until_it_is_forgotten() {
        let mut facts = NumberFacts::default();
        assert_eq!(facts.carrier(Carrier::Unicom, at(0)), Carrier::Unicom);
        facts.learn(Lesson::NotOf(Carrier::Mobile), at(0));
        assert_eq!(facts.carrier(Carrier::Mobile, at(1)), Carrier::Unicom);
        assert_eq!(facts.carrier(Carrier::Telecom, at(1)), Carrier::Telecom);
        facts.learn(Lesson::NotOf(Carrier::Unicom), at(1));
        assert_eq!(facts.carrier(Carrier::Mobile, at(2)), Carrier::Telecom);
        assert_eq!(facts.carrier(Carrier::Foreign, at(2)), Carrier::Foreign);
        assert_eq!(facts.carrier(Carrier::Mobile, at(200)), Carrier::Mobile);
        for carrier in Carrier::ALL {
            facts.learn(Lesson::NotOf(carrier), at(3));
        }
        assert_eq!(facts.carrier(Carrier::Mobile, at(4)), Carrier::Mobile, "all said no: nothing is known");
    }

    #[test]
    fn only_some_reasons_teach() {
        let taught = |reason| Lesson::of_failure(reason, Carrier::Mobile);
        assert_eq!(taught(Reason::NumberSuspended), Some(Lesson::Dead));
        assert_eq!(taught(Reason::NumberPorted), Some(Lesson::NotOf(Carrier::Mobile)));
        assert_eq!(taught(Reason::Unreachable), None);
        assert_eq!(Lesson::of_failure(Reason::NumberPorted, Carrier::Foreign), None);
    }

    #[test]
    fn rules_without_sense_are_refused() {
        let rule = DeadNumber::default();
        assert_eq!(rule.fault(), None);
        assert!(DeadNumber { failures: 0, ..rule }.fault().is_some());
        assert!(DeadNumber { kept: 2 * KNOWN_FOR, ..rule }.fault().is_some());
    }
}
