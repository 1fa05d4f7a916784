//! What the ledger keeps for customers: whence a message came, how it ended, answers from phones, and parts of texts that
//! are not whole.

use std::fmt;

use crate::channel::CarrierCode;
use crate::ids::{CustomerId, MessageId};
use crate::message::{MessageState, Reason, coded_enum};
use crate::phone::Phone;
use crate::time::Timestamp;

/// Whence a message came. Kept beside it, and told with its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    pub customer: CustomerId,
    /// The number that the customer sent it from: where answers go.
    pub source: Box<str>,
    /// The id that each part was answered with, in order; at least one. In SGIP it is the part's sequence number, 96 bits.
    pub parts: Vec<u128>,
    /// Whether the customer wants to hear of a good end, and of a bad one.
    pub on_success: bool,
    pub on_failure: bool,
}

coded_enum! {
    /// What waits.
    WaitingKind {
        /// How a message ended.
        Report = 1, "report";
        /// A message from a phone.
        Inbound = 2, "inbound";
        /// A part of a text that is not whole.
        Fragment = 3, "fragment";
    }
}

/// Where a row lies among those of its customer and kind: by time, then by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaitingPlace {
    pub at: Timestamp,
    pub item: i64,
}

impl WaitingPlace {
    /// Before everything.
    pub const START: Self = Self { at: Timestamp::from_millis(i64::MIN), item: i64::MIN };
}

/// How a message ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    pub state: MessageState,
    pub reason: Reason,
    /// The carrier's last code.
    pub code: CarrierCode,
    /// Parts of the last try.
    pub parts: u8,
    /// A bit for each of them that has arrived.
    pub arrived: u32,
}

impl Ending {
    /// How part `index` (from 0) of `count` parts that a customer sent ended. Where the text was sent in as many parts as
    /// it came in, each has its own end; else all share the message's.
    #[must_use]
    pub fn of_part(&self, index: usize, count: usize) -> MessageState {
        let arrived = u32::try_from(index).is_ok_and(|index| index < 32 && self.arrived & 1 << index != 0);
        if count == usize::from(self.parts) && count > 1 && arrived {
            MessageState::Delivered
        } else {
            self.state
        }
    }
}

/// A part of a text that is not whole yet. `body` is personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Fragment {
    pub customer: CustomerId,
    pub place: WaitingPlace,
    pub phone: Phone,
    /// As [`super::Part`] writes itself.
    pub body: String,
}

impl fmt::Debug for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fragment")
            .field("customer", &self.customer)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Something that waits for a customer.
#[derive(Clone, PartialEq, Eq)]
pub struct Waiting {
    pub place: WaitingPlace,
    pub phone: Phone,
    pub what: What,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What it is.
#[derive(Clone, PartialEq, Eq)]
pub enum What {
    /// How a message of the customer's ended.
    Report { message: MessageId, origin: Origin, ending: Ending },
    /// What a phone answered to a message of the customer's: to the number that it was sent from.
    Inbound { to: Box<str>, text: String },
    /// As it was held.
    Fragment { body: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_for_themselves_only_where_they_correspond() {
        let ending = Ending {
            state: MessageState::Undelivered,
            reason: Reason::Unreachable,
            code: CarrierCode::default(),
            parts: 2,
            arrived: 0b01,
        };
        assert_eq!(
            [0, 1].map(|part| ending.of_part(part, 2)),
            [MessageState::Delivered, MessageState::Undelivered]
        );
        assert_eq!([0, 1, 2].map(|part| ending.of_part(part, 3)), [MessageState::Undelivered; 3]);
        assert_eq!(ending.of_part(0, 1), MessageState::Undelivered);
    }
}
