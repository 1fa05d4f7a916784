//! What a decision is made from. Everything here is read inside the claim's transaction, after the lock.

use crate::ids::{EntityId, MessageId};
use crate::lane::Lane;
use crate::message::{Category, coded_enum};
use crate::numbers::NumberFacts;
use crate::time::Timestamp;
use std::fmt;

/// How far a suppression reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// Nobody on this platform may send to the phone.
    Operator,
    /// This legal entity and every other one of its group (the group is resolved at decision).
    Entity(EntityId),
}

coded_enum! {
    /// Where a suppression came from.
    SuppressionSource {
        /// The person answered with an opt-out word.
        OptOut = 1, "opt_out";
        /// A complaint.
        Complaint = 2, "complaint";
        /// Entered by hand or imported.
        Manual = 3, "manual";
        /// A carrier's list.
        Carrier = 4, "carrier";
    }
}

/// "Do not send": for one phone, in a scope, for one category or all of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Suppressed {
    pub scope: Scope,
    /// `None`: every category.
    pub category: Option<Category>,
    pub source: SuppressionSource,
    pub at: Timestamp,
}

coded_enum! {
    /// The legal ground on which an entity may send marketing to a person (PIPL 13; Order 74/2026 art. 21).
    LegalBasis {
        /// The person agreed.
        Consent = 1, "consent";
        /// The person asked for it.
        Request = 2, "request";
        /// A contract that includes it.
        Contract = 3, "contract";
    }
}

/// A person's consent to marketing by one entity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Consented {
    pub entity: EntityId,
    pub basis: LegalBasis,
    pub since: Timestamp,
    /// Half-open: at this instant it is over.
    pub until: Option<Timestamp>,
    /// Withdrawn: kept as a record, never valid again; a new consent replaces it.
    pub withdrawn: bool,
}

/// One hand-over to a carrier that counts for caps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Recent {
    pub handed_at: Timestamp,
    pub message: MessageId,
    pub entity: EntityId,
    pub category: Category,
    pub text_hash: u64,
}

/// All that is kept about a phone and that a claim decides on.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct PersonFacts {
    pub suppressions: Vec<Suppressed>,
    pub consents: Vec<Consented>,
    /// In any order; may reach further back than the longest window.
    pub recents: Vec<Recent>,
    /// What receipts taught about the number.
    pub number: NumberFacts,
}

/// One message about to be sent.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub message: MessageId,
    pub lane: &'a Lane,
    pub category: Category,
    /// A test number of a campaign: exempt from caps and consent, never from suppression.
    pub test: bool,
    /// The whole text as it will be sent.
    pub text: &'a str,
    pub text_hash: u64,
    pub valid_until: Timestamp,
    pub person: &'a PersonFacts,
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("message", &self.message)
            .field("category", &self.category)
            .finish_non_exhaustive()
    }
}

/// The identity of a text for the repeated-text rule: FNV-1a, 64 bits, over UTF-8. Not a secret and not a proof.
#[must_use]
pub fn text_hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
