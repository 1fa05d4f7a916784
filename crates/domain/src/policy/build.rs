//! Putting a policy together from the built-in rules and an operator's changes.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::rule::{Cap, Check, Rule};
use super::{Hours, Policy, RuleId, builtin};
use crate::audit::Auditor;
use crate::ids::EntityId;
use crate::message::Category;
use crate::numbers::DeadNumber;

/// How long the release of what waited for a window's opening takes, unless configured: long enough that neither
/// the carriers nor a shop's call centre meet a whole night's messages in one second.
const RELEASE_OVER: Duration = Duration::from_secs(300);

/// A set of rules that cannot decide. The operator's configuration is at fault; trying again will not help.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyError {
    /// Two rules have the same number or the same name.
    #[error("two rules are called {name} ({number})")]
    Twice { name: String, number: u16 },
    /// A rule whose numbers make no sense.
    #[error("rule {name}: {fault}")]
    Senseless { name: String, fault: &'static str },
    /// A change to a rule that is not there or has another kind of check.
    #[error("there is no rule number {number} to change in this way")]
    NoSuchRule { number: u16 },
}

/// A policy in the making. Start from [`PolicyBuilder::builtin`] or [`PolicyBuilder::empty`].
#[derive(Clone)]
pub struct PolicyBuilder {
    /// In order of registration; within one kind of check the earlier one decides first.
    pub rules: Vec<Rule>,
    /// Entities that belong to a group, and the entity that stands for the group.
    pub groups: HashMap<EntityId, EntityId>,
    /// The compiled word lists.
    pub auditor: Option<Arc<Auditor>>,
    /// Over how long deferred messages are spread once their window opens; zero releases all at the opening.
    pub release_over: Duration,
    fault: Option<PolicyError>,
}

impl PolicyBuilder {
    /// No rules: everything is sent.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            rules: Vec::new(),
            groups: HashMap::new(),
            auditor: None,
            release_over: RELEASE_OVER,
            fault: None,
        }
    }

    /// The defaults for mainland China.
    #[must_use]
    pub fn builtin() -> Self {
        Self { rules: builtin::rules(), ..Self::empty() }
    }

    /// Adds a rule, or replaces the one with its number.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        match self.rules.iter_mut().find(|known| known.id == rule.id) {
            Some(known) => *known = rule,
            None => self.rules.push(rule),
        }
        self
    }

    /// Leaves rules out.
    #[must_use]
    pub fn without(mut self, ids: &[RuleId]) -> Self {
        self.rules.retain(|rule| !ids.contains(&rule.id));
        self
    }

    /// Changes how many messages a cap allows.
    #[must_use]
    pub fn with_cap(self, id: RuleId, max: u32) -> Self {
        self.with_check(id, |check| match check {
            Check::Cap(cap) => Some(Check::Cap(Cap { max, ..cap })),
            _ => None,
        })
    }

    /// Changes the hours of a rule about hours.
    #[must_use]
    pub fn with_hours(self, id: RuleId, hours: Hours) -> Self {
        self.with_check(id, |check| matches!(check, Check::QuietHours(_)).then_some(Check::QuietHours(hours)))
    }

    /// Changes when a number counts as dead.
    #[must_use]
    pub fn with_dead_number(self, id: RuleId, dead: DeadNumber) -> Self {
        self.with_check(id, |check| matches!(check, Check::DeadNumber(_)).then_some(Check::DeadNumber(dead)))
    }

    /// Over how long deferred messages are spread once their window opens.
    #[must_use]
    pub fn with_release_over(mut self, over: Duration) -> Self {
        self.release_over = over;
        self
    }

    /// The word lists for the audit.
    #[must_use]
    pub fn with_auditor(mut self, auditor: Arc<Auditor>) -> Self {
        self.auditor = Some(auditor);
        self
    }

    /// Puts entities into one group: who refused one of them hears from none of them.
    #[must_use]
    pub fn with_group(mut self, entities: &[EntityId]) -> Self {
        if let Some(&head) = entities.first() {
            self.groups.extend(entities.iter().map(|&entity| (entity, head)));
        }
        self
    }

    fn with_check(mut self, id: RuleId, change: impl FnOnce(Check) -> Option<Check>) -> Self {
        let known = self.rules.iter_mut().find(|rule| rule.id == id);
        match known.and_then(|rule| change(rule.check.clone()).map(|check| rule.check = check)) {
            Some(()) => {}
            None => self.fault = Some(PolicyError::NoSuchRule { number: id.0 }),
        }
        self
    }

    /// The finished snapshot.
    ///
    /// # Errors
    /// [`PolicyError`] when rules share a number or a name, make no sense, or a change found nothing to change.
    pub fn build(self) -> Result<Policy, PolicyError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let name = || rule.name.clone().into_owned();
            if self.rules[..index].iter().any(|other| other.id == rule.id || other.name == rule.name) {
                return Err(PolicyError::Twice { name: name(), number: rule.id.0 });
            }
            if let Some(fault) = rule.fault() {
                return Err(PolicyError::Senseless { name: name(), fault });
            }
        }
        let mut policy = Policy {
            rules: self.rules,
            groups: self.groups,
            auditor: self.auditor,
            release_over: self.release_over,
            ..Policy::default()
        };
        for &category in Category::ALL {
            let applies = |&index: &usize| policy.rules[index].categories.contains(&category);
            let mut plan: Vec<usize> = (0..policy.rules.len()).filter(applies).collect();
            plan.sort_by_key(|&index| policy.rules[index].check.stage());
            policy.plans[usize::from(category.code())] = plan;
        }
        Ok(policy)
    }
}

impl fmt::Debug for PolicyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyBuilder").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}
