//! SGIP 1.2 (China Unicom), between a service provider (SP) and its gateway (SMG).
//!
//! Owns: PDUs ([`pdu`]), codec ([`decode`], [`encode`]), the session and the field-by-field description. Source:
//! SGIP 1.2 specification (2001-10) and the oddities of real gateways noted at each place. The commands between
//! gateways are not spoken.
//!
//! There is no message id: the twelve octets of a SUBMIT's sequence number are the id, and REPORT repeats them.

mod decode;
mod describe;
mod encode;
pub mod pdu;
mod protocol;
mod session;

pub use decode::{decode, decode_body, decode_header};
pub use describe::describe;
pub use encode::encode;
pub use pdu::{
    Bind, Command, Deliver, Header, LoginType, Pdu, Report, Sequence, State, Submit, Trace, TraceResp,
    UserReport,
};
pub use protocol::{Answer, Ask, Place, Refusal, Sgip};
pub use session::{ClientConfig, DEFAULT_WINDOW, Event, ListenerConfig, Session};

use crate::frame::Limits;

/// Octets of the header: `Message Length`, `Command ID`, and twelve of `Sequence Number`.
pub const HEADER_OCTETS: usize = 20;

/// Lengths accepted from a peer: 4,096 octets hold a SUBMIT to 100 users with room to spare.
pub const LIMITS: Limits = Limits { shortest: HEADER_OCTETS, longest: 4096 };

/// `Result` codes that a session itself gives or understands (SGIP 1.2, chapter "error codes").
pub mod result {
    /// Taken.
    pub const OK: u32 = 0;
    /// Illegal log-in: name or password.
    pub const ILLEGAL_LOGIN: u32 = 1;
    /// The login type does not fit.
    pub const LOGIN_TYPE: u32 = 4;
    /// A parameter has the wrong form.
    pub const PARAMETER: u32 = 5;
    /// A number without 86.
    pub const ILLEGAL_NUMBER: u32 = 6;
    /// SGIP 1.2: the SMSC's queue is full; SGIP 1.3: too fast.
    pub const QUEUE_FULL: u32 = 33;
    /// Flow control, as gateways practise it.
    pub const FLOW: u32 = 88;
}
