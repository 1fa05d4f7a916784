//! CMPP 2.0 (also called 2.1 with the same layouts) and CMPP 3.0, between a service provider and its gateway.
//!
//! Owns: PDUs ([`pdu`]), codec ([`decode`], [`encode`]), log-in ([`auth`]), status reports, message ids, the
//! session and the field-by-field description of a PDU. Sources: CMPP 2.0 (2002-04) and CMPP 3.0
//! specifications, and the oddities of real gateways noted at each place.

pub mod auth;
mod decode;
pub mod describe;
mod encode;
mod msg_id;
pub mod pdu;
mod protocol;
mod report;
mod session;

pub use decode::{decode, decode_body, decode_header};
pub use describe::describe;
pub use encode::encode;
pub use msg_id::{MsgId, MsgIdParts};
pub use pdu::{
    Command, Connect, ConnectResp, Deliver, DeliverResp, Header, Pdu, Query, QueryCounts, QueryResp,
    Reported, Submit, SubmitResp,
};
pub use protocol::{Answer, Ask, Cmpp, Refusal};
pub use report::{Outcome, Report};
pub use session::{ClientConfig, DEFAULT_WINDOW, Event, ServerConfig, Session};

pub use crate::destinations::{DESTINATIONS_LIMIT, Destinations};

use crate::frame::Limits;

/// Octets of the header: `Total_Length`, `Command_Id`, `Sequence_Id`.
pub const HEADER_OCTETS: usize = 12;

/// Lengths accepted from a peer: 4,096 octets hold a submit to 100 destinations in either version with room
/// to spare.
pub const LIMITS: Limits = Limits { shortest: HEADER_OCTETS, longest: 4096 };

/// A version that a client may ask for. 2.0 and 2.1 share their layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// CMPP 2.0, 0x20.
    V20,
    /// CMPP 2.1, 0x21: the layouts of 2.0.
    V21,
    /// CMPP 3.0, 0x30.
    V30,
}

impl Version {
    /// The `Version` octet: major in the high nibble, minor in the low one.
    #[must_use]
    pub fn octet(self) -> u8 {
        match self {
            Self::V20 => 0x20,
            Self::V21 => 0x21,
            Self::V30 => 0x30,
        }
    }

    /// The version of an octet; `None` for anything unknown (0x7F is one implementation's private extension,
    /// not CMPP).
    #[must_use]
    pub fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            0x20 => Some(Self::V20),
            0x21 => Some(Self::V21),
            0x30 => Some(Self::V30),
            _ => None,
        }
    }

    /// Whether the layouts of CMPP 3.0 apply.
    #[must_use]
    pub fn is_three(self) -> bool {
        self == Self::V30
    }

    /// Octets of a phone field.
    pub(crate) fn terminal_octets(self) -> usize {
        if self.is_three() { 32 } else { 21 }
    }

    /// Octets of the last field of SUBMIT and DELIVER (`Reserve` in 2.0, `LinkID` in 3.0).
    pub(crate) fn link_octets(self) -> usize {
        if self.is_three() { 20 } else { 8 }
    }
}
