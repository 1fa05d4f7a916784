//! SMPP 3.4 and 5.0, between a client (ESME) and a message centre (SMSC).
//!
//! Owns: PDUs ([`pdu`]), codec ([`decode`], [`encode`]), delivery receipts, the session and the field-by-field
//! description. Sources: SMPP 3.4 issue 1.2 and SMPP 5.0, and the oddities of real message centres noted at each
//! place. Not spoken: submit_multi and the broadcasts.

mod codes;
mod decode;
mod describe;
mod encode;
pub mod pdu;
mod protocol;
mod receipt;
mod session;

pub use codes::{Command, status, tag};
pub use decode::{decode, decode_body, decode_header};
pub use describe::describe;
pub use encode::encode;
pub use pdu::{
    Address, AlertNotification, Bind, BindKind, BindResp, CancelSm, DataSm, Header, MessageResp, Outbind,
    Pdu, QuerySm, QuerySmResp, ReplaceSm, ShortMessage,
};
pub use protocol::{Answer, Ask, Place, Refusal, Reported, Smpp};
pub use receipt::{Receipt, state_word};
pub use session::{ClientConfig, DEFAULT_WINDOW, Event, ServerConfig, Session};

use crate::frame::Limits;

/// Octets of the header: `command_length`, `command_id`, `command_status`, `sequence_number`.
pub const HEADER_OCTETS: usize = 16;

/// Lengths accepted from a peer: `message_payload` may have 65,535 octets, the other fields some hundred.
pub const LIMITS: Limits = Limits { shortest: HEADER_OCTETS, longest: 70_000 };

/// A version that a client may ask for; their layouts are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// SMPP 3.4, 0x34.
    V34,
    /// SMPP 5.0, 0x50.
    V50,
}

impl Version {
    /// The `interface_version` octet.
    #[must_use]
    pub fn octet(self) -> u8 {
        match self {
            Self::V34 => 0x34,
            Self::V50 => 0x50,
        }
    }

    /// The version that serves a client of this `interface_version`.
    #[must_use]
    pub fn from_octet(octet: u8) -> Self {
        if octet >= 0x50 { Self::V50 } else { Self::V34 }
    }
}
