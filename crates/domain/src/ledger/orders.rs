//! What people ask of single messages after they were accepted: not to be sent, to be forgotten, what became of them.
//!
//! A cancellation is serialised with claims by the partition: either the message is never claimed afterwards, or the claim
//! was first and the answer says so. Repeating a call changes nothing and answers the same.

use async_trait::async_trait;

use super::LedgerError;
use crate::downstream::Origin;
use crate::ids::{AccountId, CustomerId, MessageId, PartitionId};
use crate::message::MessageState;
use crate::time::Timestamp;

/// What became of the wish that a message is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cancelling {
    /// It waited, and will never be sent; also when the same was asked before.
    Cancelled,
    /// A claim was first: the carrier has it, or may have it at any moment.
    TooLate(MessageState),
    /// It had ended before.
    Ended(MessageState),
    /// The account has no such message.
    NoSuch,
}

/// How much of a message is to be forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forgetting {
    /// Its text.
    Text,
    /// Its text, and its account wants to see nothing of it any more.
    Whole,
}

/// What became of the wish that a message is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Redacting {
    /// The text is forgotten since then: now, or when the same was asked first.
    Redacted { since: Timestamp },
    /// It is still needed: the message may have to be sent.
    NotEnded(MessageState),
    /// The account has no such message.
    NoSuch,
}

/// A message that a customer sent, and the ids that its parts were answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    pub message: MessageId,
    pub origin: Origin,
}

/// What became of what a customer sent, in parts as it sent them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SentCounts {
    /// Messages: one for each text and phone.
    pub messages: u64,
    /// Carriers have them, or may have them, and have not said that they will not arrive.
    pub forwarded: u64,
    pub waiting: u64,
    /// Refused, cancelled, or known not to arrive.
    pub failed: u64,
}

impl SentCounts {
    /// With one message more.
    pub fn count(&mut self, state: MessageState, parts: u64) {
        self.messages += 1;
        *match state {
            MessageState::Queued | MessageState::Sending => &mut self.waiting,
            MessageState::Submitted
            | MessageState::Delivered
            | MessageState::Unknown
            | MessageState::Uncertain => &mut self.forwarded,
            MessageState::Undelivered
            | MessageState::Expired
            | MessageState::Rejected
            | MessageState::Cancelled
            | MessageState::Failed => &mut self.failed,
        } += parts;
    }

    /// All parts.
    #[must_use]
    pub fn parts(&self) -> u64 {
        self.forwarded + self.waiting + self.failed
    }

    /// Together with another partition's, or page's.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            forwarded: self.forwarded + other.forwarded,
            waiting: self.waiting + other.waiting,
            failed: self.failed + other.failed,
        }
    }
}

/// The orders, by partition: each names messages of that partition only.
#[async_trait]
pub trait MessageOrders: Send + Sync {
    /// Cancels messages that still wait, with trail, counters, money, event and what is told to a customer, as any other end.
    /// Answers in the order of the messages.
    ///
    /// # Errors
    /// As of any write; [`LedgerError::NoSuch`] when a message belongs to another partition.
    async fn cancel(
        &self,
        partition: PartitionId,
        account: AccountId,
        messages: Vec<MessageId>,
        now: Timestamp,
    ) -> Result<Vec<Cancelling>, LedgerError>;

    /// Forgets the texts of messages that have ended. The phone stays, for receipts, reports and caps, and so does whether
    /// the text offered an opt-out by one letter. Answers in the order of the messages.
    ///
    /// # Errors
    /// As of [`Self::cancel`].
    async fn redact(
        &self,
        partition: PartitionId,
        account: AccountId,
        messages: Vec<MessageId>,
        how: Forgetting,
        now: Timestamp,
    ) -> Result<Vec<Redacting>, LedgerError>;

    /// Messages of a customer that one of its submits, answered with `id`, became or is a part of, among those made
    /// `between` two instants (the first included). One submit to several phones becomes several messages; they may lie in several
    /// partitions.
    ///
    /// # Errors
    /// As of any read.
    async fn sent_as(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        id: u128,
        between: (Timestamp, Timestamp),
    ) -> Result<Vec<Sent>, LedgerError>;

    /// Counts messages of a customer from one id on and before another. One look at a bounded number of rows, whosever they
    /// are; with it from where to go on, none at the end.
    ///
    /// # Errors
    /// As of any read.
    async fn count_sent(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        between: (MessageId, MessageId),
    ) -> Result<(SentCounts, Option<MessageId>), LedgerError>;
}
