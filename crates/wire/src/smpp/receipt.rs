//! Delivery receipts: text in a deliver_sm's content, or optional parameters, or both (SMPP 3.4, appendix B).

use super::{ShortMessage, tag};
use crate::error::DecodeError;
use crate::octets::{Octets, labelled, unpadded, word};

/// The longest receipt text looked at; what follows is the start of the message.
const TEXT_OCTETS: usize = 255;

/// What a message centre tells of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// The id, from `receipted_message_id` when `message_state` is there too, else from the text. It may be written
    /// otherwise than in the answer to the submit (decimal or hexadecimal).
    pub message_id: Octets<65>,
    /// `stat`, or the word of `message_state`.
    pub stat: Octets<7>,
    /// `err`, specific to the message centre; empty when missing.
    pub err: Octets<3>,
    /// `submit date`: YYMMDDhhmm, sometimes with seconds; empty when missing.
    pub submit_date: Octets<12>,
    /// `done date`, the same.
    pub done_date: Octets<12>,
}

/// The word of a receipt's `stat` for a `message_state` (SMPP 3.4, 5.2.28); `None` for an unknown one.
#[must_use]
pub fn state_word(message_state: u8) -> Option<&'static str> {
    Some(match message_state {
        1 => "ENROUTE",
        2 => "DELIVRD",
        3 => "EXPIRED",
        4 => "DELETED",
        5 => "UNDELIV",
        6 => "ACCEPTD",
        7 => "UNKNOWN",
        8 => "REJECTD",
        _ => return None,
    })
}

impl Receipt {
    /// Reads the receipt that a deliver_sm carries.
    ///
    /// # Errors
    /// [`DecodeError`] when neither text nor parameters name a message and its state.
    pub fn of(message: &ShortMessage<'_>) -> Result<Self, DecodeError> {
        let mut narrow = [0; TEXT_OCTETS];
        let text = narrowed(message.content().as_bytes(), &mut narrow);
        let state = message.tlvs.number(tag::MESSAGE_STATE).and_then(|state| u8::try_from(state).ok());
        let named = message.tlvs.get(tag::RECEIPTED_MESSAGE_ID).map(unpadded);
        let of_text = word(labelled(text, b"id", 65));
        let message_id = match named.filter(|_| state.is_some() || of_text.is_empty()) {
            Some(named) => Octets::from_field(named).unwrap_or(of_text),
            None => of_text,
        };
        let stat: Octets<7> = match state.and_then(state_word) {
            Some(state) => Octets::from_field(state.as_bytes()).unwrap_or_default(),
            None => word(labelled(text, b"stat", 7)),
        };
        if message_id.is_empty() || stat.is_empty() {
            return Err(DecodeError::Truncated {
                field: if stat.is_empty() { "stat" } else { "id" },
                offset: 0,
                needed: 1,
                available: 0,
            });
        }
        Ok(Self {
            message_id,
            stat,
            err: word(labelled(text, b"err", 3)),
            submit_date: word(labelled(text, b"submit", 12)),
            done_date: word(labelled(text, b"done", 12)),
        })
    }

    /// Appends the text of a receipt.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        let delivered: &[u8] = if self.stat.as_bytes() == b"DELIVRD" { b"001" } else { b"000" };
        for (label, value) in [
            (&b"id:"[..], self.message_id.as_bytes()),
            (b" sub:001 dlvrd:", delivered),
            (b" submit date:", self.submit_date.as_bytes()),
            (b" done date:", self.done_date.as_bytes()),
            (b" stat:", self.stat.as_bytes()),
            (b" err:", self.err.as_bytes()),
            (b" text:", b""),
        ] {
            out.extend_from_slice(label);
            out.extend_from_slice(value);
        }
    }
}

/// Some message centres write receipts in UCS-2: their high octets are dropped.
fn narrowed<'a>(text: &'a [u8], narrow: &'a mut [u8; TEXT_OCTETS]) -> &'a [u8] {
    if text.first() != Some(&0) {
        return text.get(..TEXT_OCTETS).unwrap_or(text);
    }
    let mut used = 0_usize;
    for (place, pair) in narrow.iter_mut().zip(text.chunks_exact(2)) {
        *place = pair.last().copied().unwrap_or_default();
        used = used.saturating_add(1);
    }
    narrow.get(..used).unwrap_or_default()
}
