//! Requests that may be repeated: the record with the assigned ids is durable before anything is accepted, so a
//! replay finishes what is missing instead of doing it twice.

use async_trait::async_trait;

use super::ControlError;
use crate::ids::{AccountId, MessageId};
use crate::time::Timestamp;

/// How a request with a key begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdempotentStart {
    /// The first time: go on with the ids that were given along.
    Fresh,
    /// Seen before with the same body: go on with these ids; accepting them again changes nothing.
    Replay(Vec<MessageId>),
    /// Seen before with another body.
    Mismatch,
}

/// Idempotency records, kept 24 hours.
#[async_trait]
pub trait Idempotency: Send + Sync {
    /// Records `key` with the ids assigned to its request, durable on return, or finds the earlier record.
    async fn begin_idempotent(
        &self,
        account: AccountId,
        key: &str,
        body_sha256: [u8; 32],
        ids: &[MessageId],
        now: Timestamp,
    ) -> Result<IdempotentStart, ControlError>;
    /// Removes records older than 24 hours. Returns how many.
    async fn expire_idempotent(&self, now: Timestamp) -> Result<u64, ControlError>;
}
