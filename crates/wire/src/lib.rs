//! Carrier protocols without I/O: PDUs, codecs and session state machines in client and server role.
//!
//! Owns: framing, decoding, encoding, the rules of a connection (log-in, window, heartbeat, time-outs,
//! log-out). Refuses: sockets, clocks, randomness, threads, text encodings, and any policy about what to send
//! or to retry.
//!
//! Invariants:
//! - a decoder never panics and never allocates by a length that the peer claims;
//! - every request handed to a session comes back exactly once: answered, unanswered (time-out) or lost
//!   (closed);
//! - decoding is liberal in the listed ways, encoding is strict;
//! - phones, texts and secrets never appear in `Debug` output or in an error.
//!
//! [`session`] holds what all protocols share (window, timers, log-in, framing of input, output); [`cmpp`],
//! [`sgip`], [`smgp`] and [`smpp`] add their PDUs and quirks.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)
)]

pub mod cmpp;
pub mod concat;
pub mod describe;
pub mod destinations;
pub mod error;
pub mod frame;
pub mod octets;
pub mod session;
pub mod sgip;
pub mod smgp;
pub mod smpp;
pub mod tlv;

pub use error::{DecodeError, EncodeError};
pub use octets::{Content, Hidden, Octets, Secret, TerminalId};
pub use session::{CloseCause, Millis, Request, Role, SendError};
