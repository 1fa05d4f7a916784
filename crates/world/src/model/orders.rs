//! What owners ask of single messages: a cancelled one is claimed no more and ends as that; of a redacted one no text is left.

use domain::ids::{AccountId, MessageId};
use domain::ledger::{Cancelling, MessageRecord, Redacting};
use domain::message::{MessageState, Reason};

use super::{Fate, Model, Offer};

/// As far as it was asked and acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    /// In the order of things.
    cancelled: Option<u64>,
    redaction_asked: bool,
    redacted: bool,
}

impl Offer {
    /// Somebody has claimed it, and the ledger heard of no answer yet.
    fn is_out(&self) -> bool {
        !self.recovered && self.tries.iter().any(|t| matches!(t.fate, Fate::Handed | Fate::Written))
    }

    pub(super) fn was_cancelled_before(&self, since: u64) -> bool {
        self.orders.cancelled.is_some_and(|cancelled| cancelled < since)
    }

    /// The text that was offered, or none if it was to be forgotten.
    pub(super) fn has_text(&self, record: &MessageRecord) -> bool {
        match record.redacted_at() {
            None => record.text == self.text,
            Some(_) => record.text.is_empty(),
        }
    }

    pub(super) fn check_orders(&self, record: &MessageRecord) -> Result<(), String> {
        let ended = (record.state, record.reason);
        if self.orders.cancelled.is_some() && ended != (MessageState::Cancelled, Reason::CancelledOnRequest) {
            return Err(format!("was cancelled and is {}", record.state));
        }
        match record.redacted_at() {
            Some(_) if !self.orders.redaction_asked => Err("is redacted and nobody asked for it".to_owned()),
            None if self.orders.redacted => Err("was redacted and has its text".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Model {
    /// Some message that was acknowledged, with its account.
    pub(crate) fn any_message(&self, place: usize) -> Option<(MessageId, AccountId)> {
        let known = self.offers.iter().filter(|(_, offer)| offer.acknowledged);
        let all: Vec<_> = known.map(|(id, offer)| (*id, offer.account)).collect();
        all.get(place % all.len().max(1)).copied()
    }

    /// Somebody asks for a cancellation. Whether the message is certainly with a channel.
    pub(crate) fn cancel_asked(&self, id: MessageId) -> bool {
        self.offers.get(&id).is_some_and(Offer::is_out)
    }

    pub(crate) fn cancel_answered(&mut self, id: MessageId, was_out: bool, answer: Cancelling) {
        let now = self.tick();
        self.changes += 1;
        let Some(offer) = self.offers.get_mut(&id) else { return };
        let found = match answer {
            Cancelling::Cancelled if was_out && offer.is_out() => "was cancelled while a channel had it",
            Cancelling::Cancelled => {
                offer.orders.cancelled.get_or_insert(now);
                return;
            }
            Cancelling::NoSuch => "was acknowledged and is gone: it cannot be cancelled",
            _ if offer.orders.cancelled.is_some() => "was cancelled and cannot be cancelled again",
            _ => return,
        };
        self.violation(format!("{id} {found}"));
    }

    pub(crate) fn redact_asked(&mut self, id: MessageId) {
        if let Some(offer) = self.offers.get_mut(&id) {
            offer.orders.redaction_asked = true;
        }
    }

    pub(crate) fn redact_answered(&mut self, id: MessageId, answer: Redacting) {
        self.changes += 1;
        let Some(offer) = self.offers.get_mut(&id) else { return };
        match answer {
            Redacting::Redacted { .. } => offer.orders.redacted = true,
            Redacting::NotEnded(state) if state.is_final() => {
                self.violation(format!("{id} is {state} and is not forgotten as if it were not"));
            }
            Redacting::NotEnded(_) => {}
            Redacting::NoSuch => {
                self.violation(format!("{id} was acknowledged and is gone: its text cannot be forgotten"));
            }
        }
    }
}
