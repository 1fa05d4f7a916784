//! Messages from the API: one or a batch, each accepted or refused for itself, acknowledged when durable.
//!
//! Owns the checking of requests, the streams (lanes) of each account, and what makes a repeated request safe.
//! Invariants: a message whose id was given out is in the ledger; a request repeated under its key accepts only what
//! is missing, under the same ids.

mod error;
mod lanes;
mod preview;
mod request;
mod send;

pub use error::{RefusedItem, SendError};
pub(crate) use lanes::{ApiLanes, StreamKey};
pub use request::{Content, IdempotencyKey, ItemOutcome, SendItem, SendRequest};
pub(crate) use send::Incoming;

/// Most messages of one request.
pub const MAX_BATCH: usize = 1_000;
/// Longest idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 255;
