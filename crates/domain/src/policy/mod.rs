//! Policy: whether a message may go to a phone now, and if not, why.
//!
//! Pure: facts and time come in, a verdict goes out. The same code decides inside the claim's transaction and in
//! the read-only preflight, which is why their numbers agree.
//!
//! Invariants: `decide` is total and deterministic; a suppression wins over everything but lateness; a message's own
//! earlier hand-over never counts against it; no window of a cap ever holds more hand-overs than the cap allows.

mod build;
mod builtin;
mod decide;
mod facts;
mod local;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use build::{PolicyBuilder, PolicyError};
pub use decide::{Scratch, spread};
pub use facts::{
    Consented, Facts, LegalBasis, PersonFacts, Recent, Scope, Suppressed, SuppressionSource, text_hash,
};
pub use local::{Hours, HoursError, Zone, ZoneError};
pub use rule::{Cap, Check, CountScope, Rule, SourceStatus, Window};

use crate::audit::Auditor;
use crate::ids::EntityId;
use crate::message::{Category, Reason};
use crate::time::Timestamp;

/// Which rule decided. Stored in two bytes; its text form (`CN-R09`) comes from the rule registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RuleId(pub u16);

/// What may become of a message now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Send,
    Reject {
        reason: Reason,
        rule: RuleId,
    },
    Defer {
        until: Timestamp,
        reason: Reason,
        rule: RuleId,
    },
    /// Defer, and pause the lane until a person resumes it.
    Pause {
        until: Timestamp,
        reason: Reason,
        rule: RuleId,
    },
}

/// An immutable snapshot of every rule, word list and entity group that decisions are made by.
///
/// [`Policy::builtin`] and [`PolicyBuilder`] make one; the default has no rules at all and lets everything pass,
/// which is of use only where something else than policy is looked at.
#[derive(Clone, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    /// Per category (by code), the indexes of its rules in the order in which they decide.
    plans: [Vec<usize>; Category::ALL.len() + 1],
    /// Entities that belong to a group, and the entity that stands for the group.
    groups: HashMap<EntityId, EntityId>,
    /// The compiled word lists; without them the audit finds nothing.
    auditor: Option<Arc<Auditor>>,
    release_over: Duration,
}

impl Policy {
    /// Every rule, in order of registration.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule behind a stored id; `None` when this snapshot does not have it.
    #[must_use]
    pub fn explain(&self, id: RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The word lists that decisions are made by: for showing which words were found where.
    #[must_use]
    pub fn auditor(&self) -> Option<&Arc<Auditor>> {
        self.auditor.as_ref()
    }

    /// The first instant from `at` on at which `category` may be sent: `at` itself inside sending hours.
    #[must_use]
    pub fn open_from(&self, category: Category, at: Timestamp) -> Timestamp {
        /// Two sets of hours agree within this many steps or not at all.
        const STEPS: usize = 8;
        let mut opening = at;
        for _ in 0..STEPS {
            match self.hours(category, opening).find(|hours| !hours.is_open(opening)) {
                Some(closed) => opening = closed.next_opening(opening),
                None => break,
            }
        }
        opening
    }

    /// When the sending window of `category` that holds `at` ends; [`Timestamp::FAR_FUTURE`] when it does not end.
    /// A message's validity must not reach beyond it.
    #[must_use]
    pub fn open_until(&self, category: Category, at: Timestamp) -> Timestamp {
        self.hours(category, at).map(|hours| hours.next_closing(at)).min().unwrap_or(Timestamp::FAR_FUTURE)
    }

    fn hours(&self, category: Category, at: Timestamp) -> impl Iterator<Item = &Hours> {
        self.plan(category).filter(move |rule| rule.is_in_force(at)).filter_map(|rule| match &rule.check {
            Check::QuietHours(hours) => Some(hours),
            _ => None,
        })
    }

    fn plan(&self, category: Category) -> impl Iterator<Item = &Rule> {
        self.plans[usize::from(category.code())].iter().map(|&index| &self.rules[index])
    }

    /// The entity that stands for the group of `entity`: itself when it is in none.
    fn group(&self, entity: EntityId) -> EntityId {
        self.groups.get(&entity).copied().unwrap_or(entity)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("rules", &self.rules.len())
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}
