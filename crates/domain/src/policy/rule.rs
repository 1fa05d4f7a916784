//! Rules as data: what is checked, for which categories, from when to when, and who says so.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::RuleId;
use super::local::{Hours, Zone};
use crate::message::Category;
use crate::numbers::DeadNumber;
use crate::time::Timestamp;
use text::Bilingual;

/// Over which stretch of time hand-overs are counted.
#[derive(Clone, PartialEq, Debug)]
pub enum Window {
    /// The last so long: a hand-over exactly this old is outside.
    Rolling(Duration),
    /// This many local calendar days, today included.
    CalendarDays(u16, Zone),
}

impl Window {
    /// The first instant that lies in the window which ends with `now`.
    #[must_use]
    pub fn start(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::Rolling(length) => Timestamp::from_millis(now.minus(*length).millis().saturating_add(1)),
            Self::CalendarDays(days, zone) => zone.day_start(now, days.saturating_sub(1)),
        }
    }
}

/// Whose hand-overs to the phone count towards a cap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CountScope {
    /// Those of the sending legal entity.
    Entity,
    /// Those of every tenant of this platform.
    Operator,
}

/// At most `max` messages of a rule's categories to one phone in any window.
#[derive(Clone, PartialEq, Debug)]
pub struct Cap {
    pub max: u32,
    pub window: Window,
    pub scope: CountScope,
}

/// What a rule looks at. The order of the variants is the order in which they decide: the first objection wins.
#[derive(Clone, PartialEq, Debug)]
pub enum Check {
    /// The message is still of use.
    Validity,
    /// The phone is not suppressed for the entity's group and the category.
    Suppression,
    /// The person agreed to hear from the entity.
    Consent,
    /// Carriers have not called the number dead again and again. Emergencies and test numbers are exempt.
    DeadNumber(DeadNumber),
    /// The text begins with a 【signature】.
    SignatureRequired,
    /// The text ends with words that say how to refuse.
    OptOutTextRequired,
    /// The text holds no words of a blocked class, and none of a held class that nobody looked at.
    Audit,
    /// The local time is one at which this category may be sent.
    QuietHours(Hours),
    /// The same text did not go to the same phone in the last so long.
    RepeatedText(Duration),
    /// The person gets no more than the cap.
    Cap(Cap),
}

impl Check {
    /// Its place in the order of evaluation: suppression and consent first, then identity, content, time, frequency.
    #[must_use]
    pub const fn stage(&self) -> u8 {
        match self {
            Self::Validity => 0,
            Self::Suppression => 1,
            Self::Consent => 2,
            // Before the hours: nobody waits for the morning in order to be told then.
            Self::DeadNumber(_) => 3,
            Self::SignatureRequired => 4,
            Self::OptOutTextRequired => 5,
            Self::Audit => 6,
            Self::QuietHours(_) => 7,
            Self::RepeatedText(_) => 8,
            Self::Cap(_) => 9,
        }
    }
}

/// How well the text behind a rule is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourceStatus {
    /// The official text was read.
    Primary,
    /// Known from articles about it.
    Secondary,
    /// What carriers and vendors do.
    Practice,
    /// The operator's own choice.
    Operator,
}

/// One rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// What is stored with every decision; never given to another rule.
    pub id: RuleId,
    /// What people call it: `CN-R09`.
    pub name: Cow<'static, str>,
    /// What it demands, for the person who asks why a message was not sent.
    pub title: Bilingual,
    pub categories: Vec<Category>,
    pub check: Check,
    /// Applies from this instant on; none is always.
    pub valid_from: Option<Timestamp>,
    /// Half-open: at this instant it applies no more.
    pub valid_to: Option<Timestamp>,
    pub source: Cow<'static, str>,
    pub source_status: SourceStatus,
}

impl Rule {
    /// Whether the rule applies at `now`.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= now) && self.valid_to.is_none_or(|to| now < to)
    }

    /// What in the rule's own numbers makes no sense, if anything.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let window = match &self.check {
            Check::Cap(Cap { window: Window::CalendarDays(days, _), .. }) => {
                return (*days == 0).then_some("a window of calendar days has at least one");
            }
            Check::Cap(Cap { window: Window::Rolling(length), .. }) | Check::RepeatedText(length) => *length,
            Check::DeadNumber(dead) => return dead.fault(),
            _ => return self.categories.is_empty().then_some("it applies to no category"),
        };
        window.is_zero().then_some("its window has no length")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
