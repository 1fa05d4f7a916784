//! Whether two sides that never spoke tell the same story: the ledger's messages against what the carriers received.
//!
//! Pure. Invariant: `agrees` is true only when every message of either side is accounted for by the other.

use std::collections::HashMap;

use domain::ledger::{MessageRecord, TrailEvent};
use domain::message::MessageState;
use domain::policy::text_hash;
use sim::Truth;

/// What the comparison needs of a message in the ledger.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    phone: u64,
    text_hash: u64,
    state: MessageState,
    possible_duplicate: bool,
    /// How often its trail says that a carrier took it: after a receipt of failure it is tried again.
    taken: u64,
}

impl From<&MessageRecord> for Kept {
    fn from(record: &MessageRecord) -> Self {
        Self {
            phone: record.phone.to_u64(),
            text_hash: text_hash(&record.text),
            state: record.state,
            possible_duplicate: record.possible_duplicate,
            taken: record.trail.iter().filter(|entry| entry.event == TrailEvent::Submitted).count() as u64,
        }
    }
}

/// The outcome, as numbers. The first group is information, the second must be zero throughout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub(crate) struct Reckoning {
    /// Messages in the ledger.
    pub(crate) in_ledger: u64,
    /// Of these, in the hands of a carrier as the ledger knows for sure.
    pub(crate) taken: u64,
    /// Distinct messages that the carriers received completely.
    pub(crate) at_carriers: u64,
    /// Delivered as the ledger knows.
    pub(crate) delivered_in_ledger: u64,
    /// Delivered as the carriers know: a carrier that has broken down may keep receipts back.
    pub(crate) delivered_by_carriers: u64,
    /// Copies beyond the first that the ledger knows of: tries after a receipt of failure.
    pub(crate) tried_again: u64,
    /// Of the uncertain ones, those that a carrier has.
    pub(crate) uncertain_at_carriers: u64,
    /// Of the uncertain ones, those that no carrier has.
    pub(crate) uncertain_elsewhere: u64,

    /// The ledger says taken, no carrier has it.
    pub(crate) lost: u64,
    /// Copies that neither a try after a failure nor the mark of a possible duplicate explains.
    pub(crate) duplicated: u64,
    /// The ledger says that it was never sent, a carrier has it.
    pub(crate) sent_against_the_ledger: u64,
    /// The ledger says delivered, the carriers say not.
    pub(crate) delivered_against_the_carriers: u64,
    /// A carrier has it, the ledger does not know it.
    pub(crate) unknown_to_the_ledger: u64,
}

impl Reckoning {
    /// Whether both sides tell the same.
    pub(crate) fn agrees(&self) -> bool {
        self.lost == 0
            && self.duplicated == 0
            && self.sent_against_the_ledger == 0
            && self.delivered_against_the_carriers == 0
            && self.unknown_to_the_ledger == 0
    }
}

/// What all carriers together have of one message.
#[derive(Clone, Copy, Default)]
struct Seen {
    copies: u64,
    delivered: bool,
}

/// Compares the two sides.
pub(crate) fn reckon(kept: &[Kept], truths: &[Truth]) -> Reckoning {
    use MessageState::{Cancelled, Delivered, Failed, Queued, Rejected, Sending, Uncertain};
    let mut seen: HashMap<(u64, u64), Seen> = HashMap::new();
    for message in truths.iter().flat_map(|truth| &truth.messages) {
        let seen = seen.entry((message.phone, message.text_hash)).or_default();
        seen.copies += u64::from(message.count);
        seen.delivered |= message.delivered;
    }
    let mut reckoning = Reckoning {
        in_ledger: kept.len() as u64,
        at_carriers: seen.len() as u64,
        delivered_by_carriers: seen.values().filter(|seen| seen.delivered).count() as u64,
        ..Reckoning::default()
    };
    for message in kept {
        let seen = seen.remove(&(message.phone, message.text_hash)).unwrap_or_default();
        let there = u64::from(seen.copies > 0);
        match message.state {
            Queued | Rejected | Cancelled | Failed => reckoning.sent_against_the_ledger += there,
            Uncertain | Sending => {
                reckoning.uncertain_at_carriers += there;
                reckoning.uncertain_elsewhere += 1 - there;
            }
            _ => {
                reckoning.taken += 1;
                reckoning.lost += 1 - there;
            }
        }
        if message.state == Delivered {
            reckoning.delivered_in_ledger += 1;
            reckoning.delivered_against_the_carriers += u64::from(!seen.delivered);
        }
        let uncertain = u64::from(matches!(message.state, Uncertain | Sending));
        let known = message.taken.max(1) + if message.taken > 0 { uncertain } else { 0 };
        reckoning.tried_again += seen.copies.min(known).saturating_sub(1);
        if !message.possible_duplicate {
            reckoning.duplicated += seen.copies.saturating_sub(known);
        }
    }
    reckoning.unknown_to_the_ledger = seen.len() as u64;
    reckoning
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::MessageTruth;

    fn kept(phone: u64, state: MessageState) -> Kept {
        Kept { phone, text_hash: 7, state, possible_duplicate: false, taken: 1 }
    }

    fn truth(messages: &[(u64, u32, bool)]) -> Truth {
        let messages = messages.iter().map(|&(phone, count, delivered)| MessageTruth {
            phone,
            text_hash: 7,
            count,
            delivered,
        });
        Truth { messages: messages.collect(), opt_outs: Vec::new() }
    }

    #[test]
    fn two_sides_that_agree_agree() {
        let ledger = [
            kept(1, MessageState::Delivered),
            kept(2, MessageState::Submitted),
            kept(3, MessageState::Rejected),
            kept(4, MessageState::Uncertain),
            kept(5, MessageState::Uncertain),
        ];
        let reckoning = reckon(&ledger, &[truth(&[(1, 1, true), (4, 1, false)]), truth(&[(2, 1, true)])]);
        assert!(reckoning.agrees(), "{reckoning:?}");
        assert_eq!((reckoning.taken, reckoning.at_carriers), (2, 3));
        assert_eq!((reckoning.delivered_in_ledger, reckoning.delivered_by_carriers), (1, 2));
        assert_eq!((reckoning.uncertain_at_carriers, reckoning.uncertain_elsewhere), (1, 1));
    }

    #[test]
    fn every_kind_of_disagreement_is_found() {
        let one = |state, messages: &[(u64, u32, bool)]| reckon(&[kept(1, state)], &[truth(messages)]);
        assert_eq!(one(MessageState::Submitted, &[]).lost, 1);
        assert_eq!(one(MessageState::Delivered, &[(1, 3, true)]).duplicated, 2);
        assert_eq!(one(MessageState::Rejected, &[(1, 1, false)]).sent_against_the_ledger, 1);
        assert_eq!(one(MessageState::Delivered, &[(1, 1, false)]).delivered_against_the_carriers, 1);
        assert_eq!(reckon(&[], &[truth(&[(1, 1, false)])]).unknown_to_the_ledger, 1);
        let both = [truth(&[(1, 1, true)]), truth(&[(1, 1, false)])];
        assert_eq!(reckon(&[kept(1, MessageState::Delivered)], &both).duplicated, 1, "once per carrier");
    }

    #[test]
    fn a_try_after_a_failure_is_no_duplicate_but_a_third_copy_is() {
        let twice = Kept { taken: 2, ..kept(1, MessageState::Delivered) };
        let reckoning = reckon(&[twice], &[truth(&[(1, 1, false)]), truth(&[(1, 1, true)])]);
        assert_eq!((reckoning.duplicated, reckoning.tried_again), (0, 1));
        let reckoning = reckon(&[twice], &[truth(&[(1, 2, false)]), truth(&[(1, 1, true)])]);
        assert_eq!((reckoning.duplicated, reckoning.tried_again), (1, 1));
    }
}
