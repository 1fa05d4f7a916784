//! The decision itself: each check in turn, and the first objection wins.

use std::fmt;
use std::time::Duration;

use super::rule::{Cap, Check, CountScope, Rule};
use super::{Facts, Hours, Policy, Scope, Verdict};
use crate::audit::{AuditScratch, Severity};
use crate::ids::MessageId;
use crate::lane::WindowClose;
use crate::message::Reason;
use crate::time::Timestamp;
use text::ends_with_opt_out;

/// Most characters between 【 and 】 that still make a signature.
const MAX_SIGNATURE_CHARS: usize = 20;

/// Memory that decisions reuse, so that sending allocates nothing. Holds no result: any scratch gives any decision.
#[derive(Default)]
pub struct Scratch {
    audit: AuditScratch,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch(…)")
    }
}

impl Policy {
    /// Decides about one message at `now`, with memory of its own. Loops keep a [`Scratch`] and call
    /// [`Self::decide_with`].
    #[must_use]
    pub fn decide(&self, facts: &Facts<'_>, now: Timestamp) -> Verdict {
        self.decide_with(facts, now, &mut Scratch::default())
    }

    /// Decides about one message at `now`.
    #[must_use]
    pub fn decide_with(&self, facts: &Facts<'_>, now: Timestamp, scratch: &mut Scratch) -> Verdict {
        self.plan(facts.category)
            .filter(|rule| rule.is_in_force(now))
            .find_map(|rule| self.objection(rule, facts, now, scratch))
            .unwrap_or(Verdict::Send)
    }

    /// What `rule` has against sending now, if anything.
    fn objection(
        &self,
        rule: &Rule,
        facts: &Facts<'_>,
        now: Timestamp,
        scratch: &mut Scratch,
    ) -> Option<Verdict> {
        let reject = |reason| Verdict::Reject { reason, rule: rule.id };
        match &rule.check {
            Check::Validity => is_too_late(facts, now).then(|| reject(Reason::ValidityPassed)),
            Check::Suppression => self.is_suppressed(facts).then(|| reject(Reason::Suppressed)),
            Check::DeadNumber(dead) => {
                let exempt = facts.test || facts.lane.is_emergency();
                (!exempt && facts.person.number.dead_since(dead, now).is_some())
                    .then(|| reject(Reason::DeadNumber))
            }
            Check::Consent => (!facts.test && !has_consent(facts, now)).then(|| reject(Reason::NoConsent)),
            Check::SignatureRequired => {
                (!begins_with_signature(facts.text)).then(|| reject(Reason::SignatureMissing))
            }
            Check::OptOutTextRequired => {
                (!ends_with_opt_out(facts.text)).then(|| reject(Reason::OptOutTextMissing))
            }
            Check::Audit => self.held_words(facts, scratch).map(reject),
            Check::QuietHours(hours) => self.outside_hours(hours, rule, facts, now),
            Check::RepeatedText(within) => {
                is_repeated(facts, now.minus(*within)).then(|| reject(Reason::RepeatedText))
            }
            Check::Cap(cap) => {
                (!facts.test && is_full(cap, rule, facts, now)).then(|| reject(Reason::Capped))
            }
        }
    }

    fn is_suppressed(&self, facts: &Facts<'_>) -> bool {
        let entity = facts.lane.entity;
        facts.person.suppressions.iter().any(|suppressed| {
            let reaches = match suppressed.scope {
                Scope::Operator => true,
                Scope::Entity(other) => other == entity || self.group(other) == self.group(entity),
            };
            reaches && suppressed.category.is_none_or(|category| category == facts.category)
        })
    }

    /// Blocked words stop a message for good; held ones until a person has looked at the campaign.
    fn held_words(&self, facts: &Facts<'_>, scratch: &mut Scratch) -> Option<Reason> {
        match self.auditor.as_ref()?.worst(facts.text, &mut scratch.audit)? {
            Severity::Block => Some(Reason::ContentBlocked),
            Severity::Hold if !facts.lane.held_words_approved => Some(Reason::ContentHeld),
            Severity::Hold | Severity::Warn => None,
        }
    }

    /// What to do at a closed hour: the lane says, and what would come too late is not kept waiting.
    fn outside_hours(
        &self,
        hours: &Hours,
        rule: &Rule,
        facts: &Facts<'_>,
        now: Timestamp,
    ) -> Option<Verdict> {
        if hours.is_open(now) {
            return None;
        }
        let (reason, rule) = (Reason::QuietHours, rule.id);
        let opening = self.open_from(facts.category, now);
        let deadline = match facts.lane.window_close {
            WindowClose::PauseForHuman => return Some(Verdict::Pause { until: opening, reason, rule }),
            WindowClose::Hold => facts.valid_until,
            WindowClose::DropAfter(deadline) => deadline.min(facts.valid_until),
        };
        if deadline <= opening {
            return Some(Verdict::Reject { reason, rule });
        }
        let over = self.release_over.min(hours.length()).min(deadline.since(opening));
        Some(Verdict::Defer { until: spread(facts.message, opening, over), reason, rule })
    }
}

/// When a message that waited for `opening` is released: a fixed place in the time `over`, the same on every call,
/// so that a night's messages do not all come due in one millisecond.
#[must_use]
pub fn spread(message: MessageId, opening: Timestamp, over: Duration) -> Timestamp {
    // The end of splitmix64: neighbouring ids land far apart.
    let mut mixed = message.raw().cast_unsigned();
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let place = (u128::from(mixed) * over.as_millis()) >> u64::BITS;
    opening.plus(Duration::from_millis(u64::try_from(place).unwrap_or(0)))
}

fn is_too_late(facts: &Facts<'_>, now: Timestamp) -> bool {
    let dropped = matches!(facts.lane.window_close, WindowClose::DropAfter(deadline) if deadline <= now);
    dropped || facts.valid_until <= now
}

/// The newest consent that has begun decides; of two equally new ones, the withdrawal.
fn has_consent(facts: &Facts<'_>, now: Timestamp) -> bool {
    let begun = |consent: &&super::Consented| consent.entity == facts.lane.entity && consent.since <= now;
    facts
        .person
        .consents
        .iter()
        .filter(begun)
        .max_by_key(|consent| (consent.since, consent.withdrawn))
        .is_some_and(|consent| !consent.withdrawn && consent.until.is_none_or(|until| now < until))
}

fn begins_with_signature(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('【') else { return false };
    let close = rest.chars().take(MAX_SIGNATURE_CHARS + 1).position(|ch| ch == '】');
    close.is_some_and(|chars| chars > 0)
}

/// Whether another message with this text was handed over after `since`: half-open, exactly `since` is over.
fn is_repeated(facts: &Facts<'_>, since: Timestamp) -> bool {
    facts.person.recents.iter().any(|recent| {
        recent.text_hash == facts.text_hash && recent.handed_at > since && recent.message != facts.message
    })
}

/// Whether the cap leaves no room. The message's own earlier try does not count.
fn is_full(cap: &Cap, rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> bool {
    // Fewer hand-overs than the cap in all of memory: no need to ask a calendar.
    if facts.person.recents.len() < cap.max as usize {
        return false;
    }
    let start = cap.window.start(now);
    let counted = facts.person.recents.iter().filter(|recent| {
        recent.handed_at >= start
            && recent.message != facts.message
            && (cap.scope == CountScope::Operator || recent.entity == facts.lane.entity)
            && rule.categories.contains(&recent.category)
    });
    counted.count() >= cap.max as usize
}
