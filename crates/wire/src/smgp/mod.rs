//! SMGP 3.0.3 (China Telecom), between a service provider and its gateway.
//!
//! Owns: PDUs ([`pdu`]), codec ([`decode`], [`encode`]), log-in ([`auth`]), status reports, message ids, the session
//! and the field-by-field description. Source: SMGP 3.0.3 specification and the oddities of real gateways noted at
//! each place. The commands between gateways are not spoken.

pub mod auth;
mod decode;
mod describe;
mod encode;
mod msg_id;
pub mod pdu;
mod protocol;
mod report;
mod session;

pub use decode::{decode, decode_body, decode_header};
pub use describe::describe;
pub use encode::encode;
pub use msg_id::MsgId;
pub use pdu::{
    Command, Deliver, DeliverResp, Header, Login, LoginMode, LoginResp, Pdu, Query, QueryCounts, QueryResp,
    Submit, SubmitResp,
};
pub use protocol::{Ask, Refusal, Reported, Smgp};
pub use report::Report;
pub use session::{ClientConfig, DEFAULT_WINDOW, Event, ServerConfig, Session};

use crate::frame::Limits;

/// Octets of the header: `PacketLength`, `RequestID`, `SequenceID`.
pub const HEADER_OCTETS: usize = 12;

/// Lengths accepted from a peer: 4,096 octets hold a Submit to 100 phones with all its optional parameters.
pub const LIMITS: Limits = Limits { shortest: HEADER_OCTETS, longest: 4096 };

/// A version that a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 0x13: Submit has no `FixedFee`. Still in use.
    V13,
    /// 0x30: SMGP 3.0.
    V30,
}

impl Version {
    /// The `ClientVersion` octet.
    #[must_use]
    pub fn octet(self) -> u8 {
        match self {
            Self::V13 => 0x13,
            Self::V30 => 0x30,
        }
    }

    /// The version of an octet; anything but 0x13 has the layouts of 3.0.
    #[must_use]
    pub fn from_octet(octet: u8) -> Self {
        if octet == 0x13 { Self::V13 } else { Self::V30 }
    }
}

/// Tags of the optional parameters (SMGP 3.0.3, chapter "optional parameters").
pub mod tag {
    /// `TP_pid`
    pub const TP_PID: u16 = 0x01;
    /// `TP_udhi`: 1 when the content begins with a user data header.
    pub const TP_UDHI: u16 = 0x02;
    /// `LinkID`
    pub const LINK_ID: u16 = 0x03;
    /// `ChargeUserType`
    pub const CHARGE_USER_TYPE: u16 = 0x04;
    /// `PkTotal`: parts of the long message.
    pub const PK_TOTAL: u16 = 0x09;
    /// `PkNumber`: which part, from 1.
    pub const PK_NUMBER: u16 = 0x0A;
    /// `SubmitMsgType`
    pub const SUBMIT_MSG_TYPE: u16 = 0x0B;
    /// `MsgSrc`: the service provider.
    pub const MSG_SRC: u16 = 0x10;

    /// The name of a tag in the specification.
    #[must_use]
    pub fn name(tag: u16) -> &'static str {
        match tag {
            TP_PID => "TP_pid",
            TP_UDHI => "TP_udhi",
            LINK_ID => "LinkID",
            CHARGE_USER_TYPE => "ChargeUserType",
            0x05 => "ChargeTermType",
            0x06 => "ChargeTermPseudo",
            0x07 => "DestTermType",
            0x08 => "DestTermPseudo",
            PK_TOTAL => "PkTotal",
            PK_NUMBER => "PkNumber",
            SUBMIT_MSG_TYPE => "SubmitMsgType",
            0x0C => "SPDealResult",
            0x0D => "SrcTermType",
            0x0E => "SrcTermPseudo",
            0x0F => "NodesCount",
            MSG_SRC => "MsgSrc",
            0x11 => "SrcType",
            0x12 => "MServiceID",
            _ => "TLV",
        }
    }
}
