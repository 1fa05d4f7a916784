//! Policy: whether a message may go to a phone now, and if not, why.
//!
//! Pure: facts and time come in, a verdict goes out. The same code decides inside the claim's transaction and in
//! the read-only preflight, which is why their numbers agree.

mod facts;

pub use facts::{
    Consented, Facts, LegalBasis, PersonFacts, Recent, Scope, Suppressed, SuppressionSource, text_hash,
};

use crate::message::Reason;
use crate::time::Timestamp;

/// Which rule decided. Stored in two bytes; its text form (`CN-R09`) comes from the rule registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RuleId(pub u16);

/// What may become of a message now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Send,
    Reject { reason: Reason, rule: RuleId },
    Defer { until: Timestamp, reason: Reason, rule: RuleId },
    /// Defer, and pause the lane until a person resumes it.
    Pause { until: Timestamp, reason: Reason, rule: RuleId },
}

/// An immutable snapshot of every rule, word list and entity group that decisions are made by.
#[derive(Debug, Default)]
pub struct Policy {}

impl Policy {
    /// Decides about one message at `now`.
    #[must_use]
    pub fn decide(&self, _facts: &Facts<'_>, _now: Timestamp) -> Verdict {
        Verdict::Send
    }
}
