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
//! [`session`] holds what all protocols share (window, timers, framing of input, output); [`cmpp`] adds the
//! PDUs and quirks of CMPP 2.0 and 3.0.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)
)]

pub mod cmpp;
pub mod concat;
pub mod error;
pub mod frame;
pub mod octets;
pub mod session;

pub use error::{DecodeError, EncodeError};
pub use octets::{Content, Octets, Secret, TerminalId};
pub use session::{CloseCause, Millis, Request, Role, SendError};
