//! Campaigns that stop themselves: how many failures, refusals and complaints are too many. Pure: counts come in, a
//! finding goes out. A person who resumes a campaign begins a new count.

use std::fmt;

use crate::message::{Category, MessageState, coded_enum};
use crate::report::Standings;
use crate::time::Timestamp;

/// A share that must not be passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Of ten thousand.
    pub per_10_000: u16,
    /// So many must have been judged before: one of one says nothing.
    pub at_least: u32,
}

/// When a campaign stops itself. None: not for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// Messages that failed, were undelivered or expired, of those that came to an end.
    pub failures: Option<Limit>,
    /// Refusals, of the messages that carriers took.
    pub opt_outs: Option<Limit>,
    /// Replies that complain, of the messages that carriers took.
    pub complaints: Option<Limit>,
}

/// What was counted of a campaign. Test numbers are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Observed {
    /// Queued or on their way out.
    pub unsent: u64,
    /// A carrier has them, or has told their end.
    pub taken: u64,
    /// Delivered, undelivered, expired or failed.
    pub ended: u64,
    /// Those of them that were not delivered.
    pub failed: u64,
    pub opted_out: u64,
    pub complained: u64,
}

coded_enum! {
    /// Why a campaign stopped itself.
    StopRule {
        /// Too many did not arrive.
        Failures = 1, "failures";
        /// Too many refused.
        OptOuts = 2, "opt_outs";
        /// Too many complained.
        Complaints = 3, "complaints";
        /// The canary is through, and a person wants to look.
        CanaryToBeJudged = 4, "canary_to_be_judged";
        /// The canary cannot be judged: most of its receipts are missing.
        CanaryWithoutReceipts = 5, "canary_without_receipts";
    }
}

/// A limit that was passed, with the numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    pub rule: StopRule,
    pub bad: u64,
    pub of: u64,
    /// The limit; 0 where there is none.
    pub per_10_000: u16,
}

/// A stop, as it is kept and shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped {
    pub at: Timestamp,
    pub found: Finding,
    /// When a person let it go on.
    pub resumed_at: Option<Timestamp>,
}

/// What a campaign is watched by, and what that has led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Watch {
    pub limits: Limits,
    /// What had been counted when a person last let it go on.
    pub since: Observed,
    /// The last stop.
    pub stopped: Option<Stopped>,
}

/// Bad ones before a few messages are judged: one is an accident.
const LEAST_BAD_OF_FEW: u64 = 2;

impl StopRule {
    /// For a person, in Chinese and English.
    #[must_use]
    pub const fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::Failures => ("失败率超过上限，已自动暂停", "stopped itself: too many messages failed"),
            Self::OptOuts => ("退订率超过上限，已自动暂停", "stopped itself: too many people opted out"),
            Self::Complaints => ("投诉率超过上限，已自动暂停", "stopped itself: too many people complained"),
            Self::CanaryToBeJudged => {
                ("试发已完成，等待人工确认后继续", "the canary is through; a person is to let the rest go")
            }
            Self::CanaryWithoutReceipts => (
                "试发的回执太少，无法判断，等待人工确认",
                "most receipts of the canary are missing; a person is to decide",
            ),
        }
    }
}

impl Limit {
    fn is_passed(self, bad: u64, of: u64) -> bool {
        // Multiplied, not divided: nothing is rounded away.
        bad > 0 && u128::from(bad) * 10_000 > u128::from(of.max(bad)) * u128::from(self.per_10_000)
    }
}

impl Limits {
    /// What a campaign is watched by unless its author says otherwise. Our own choice: far above what a sound list
    /// comes to, so that a stop means something; one-time codes have nobody who could refuse them.
    #[must_use]
    pub fn usual(category: Category) -> Self {
        let limit = |per_10_000| Some(Limit { per_10_000, at_least: 200 });
        match category {
            Category::Otp => Self { failures: limit(4_000), opt_outs: None, complaints: None },
            Category::Notice => Self { failures: limit(3_000), opt_outs: limit(300), complaints: limit(50) },
            Category::Marketing => {
                Self { failures: limit(3_000), opt_outs: limit(300), complaints: limit(30) }
            }
        }
    }

    /// The first limit that is passed.
    #[must_use]
    pub fn passed(&self, seen: &Observed) -> Option<Finding> {
        self.first(seen, |limit, _, of| of >= u64::from(limit.at_least))
    }

    /// The first limit that is passed, judged by however few there are: a canary is small by intention.
    #[must_use]
    pub fn passed_by_few(&self, seen: &Observed) -> Option<Finding> {
        self.first(seen, |_, bad, _| bad >= LEAST_BAD_OF_FEW)
    }

    fn first(&self, seen: &Observed, are_enough: impl Fn(Limit, u64, u64) -> bool) -> Option<Finding> {
        let looks = [
            (StopRule::Complaints, self.complaints, seen.complained, seen.taken),
            (StopRule::OptOuts, self.opt_outs, seen.opted_out, seen.taken),
            (StopRule::Failures, self.failures, seen.failed, seen.ended),
        ];
        looks.into_iter().find_map(|(rule, limit, bad, of)| {
            let limit = limit?;
            let passed = limit.is_passed(bad, of) && are_enough(limit, bad, of);
            passed.then_some(Finding { rule, bad, of, per_10_000: limit.per_10_000 })
        })
    }
}

impl Observed {
    /// From present counts and replies.
    #[must_use]
    pub fn of(standings: &Standings, opted_out: u64, complained: u64) -> Self {
        use MessageState as S;
        let sum = |states: &[S]| {
            let sum: i64 = states.iter().map(|state| standings.in_state(*state).messages).sum();
            u64::try_from(sum).unwrap_or(0)
        };
        Self {
            unsent: sum(&[S::Queued, S::Sending]),
            taken: sum(&[S::Submitted, S::Delivered, S::Undelivered, S::Expired, S::Unknown, S::Uncertain]),
            ended: sum(&[S::Delivered, S::Undelivered, S::Expired, S::Failed]),
            failed: sum(&[S::Undelivered, S::Expired, S::Failed]),
            opted_out,
            complained,
        }
    }

    /// What has come since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            unsent: self.unsent,
            taken: self.taken.saturating_sub(before.taken),
            ended: self.ended.saturating_sub(before.ended),
            failed: self.failed.saturating_sub(before.failed),
            opted_out: self.opted_out.saturating_sub(before.opted_out),
            complained: self.complained.saturating_sub(before.complained),
        }
    }
}

impl Watch {
    /// Whether the campaign has to stop now, and why. `seen` is counted from its start.
    #[must_use]
    pub fn look(&self, seen: &Observed) -> Option<Finding> {
        self.limits.passed(&seen.since(&self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(taken: u64, ended: u64, failed: u64) -> Observed {
        Observed { taken, ended, failed, ..Observed::default() }
    }

    #[test]
    fn one_of_one_stops_nothing_and_a_passed_limit_does() {
        let watch = Watch { limits: Limits::usual(Category::Marketing), ..Watch::default() };
        assert_eq!(watch.look(&seen(1, 1, 1)), None);
        assert_eq!(watch.look(&seen(199, 199, 199)), None);
        assert_eq!(watch.look(&seen(1_000, 200, 60)), None, "just at the limit");
        let found = watch.look(&seen(1_000, 200, 61)).unwrap();
        assert_eq!((found.rule, found.bad, found.of, found.per_10_000), (StopRule::Failures, 61, 200, 3_000));
        let refused = Observed { opted_out: 31, complained: 3, ..seen(1_000, 900, 0) };
        assert_eq!(watch.look(&refused).unwrap().rule, StopRule::OptOuts);
        assert_eq!(watch.look(&Observed { complained: 4, ..refused }).unwrap().rule, StopRule::Complaints);
    }

    #[test]
    fn who_resumes_begins_a_new_count() {
        let bad = seen(1_000, 1_000, 500);
        let watch = Watch { limits: Limits::usual(Category::Notice), since: bad, stopped: None };
        assert_eq!(watch.look(&bad), None);
        assert_eq!(watch.look(&seen(1_100, 1_100, 600)), None, "a hundred more are too few to judge");
        assert!(watch.look(&seen(1_200, 1_200, 700)).is_some());
    }

    #[test]
    fn without_limits_nothing_stops() {
        assert_eq!(Watch::default().look(&seen(1_000_000, 1_000_000, 1_000_000)), None);
    }
}
