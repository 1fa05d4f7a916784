//! The port between the listeners of `gateway` and the engine.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Customer, WaitingKind, WaitingPlace};
use crate::channel::CarrierCode;
use crate::ids::{CustomerId, PartitionId};
use crate::ledger::SentCounts;
use crate::message::{MessageState, Reason};
use crate::phone::Phone;
use crate::time::Timestamp;
use text::Concat;

/// One submit of a customer, read.
#[derive(Clone)]
pub struct Submit {
    pub source: Box<str>,
    /// As written.
    pub phones: Vec<Box<str>>,
    pub text: String,
    /// Which part of a longer text it is.
    pub concat: Option<Concat>,
    /// The id that the customer gave it, where customers do.
    pub own_id: Option<u128>,
    pub on_success: bool,
    pub on_failure: bool,
    /// Not before then.
    pub send_at: Option<Timestamp>,
    /// From [`Self::send_at`], or from now.
    pub valid_for: Option<Duration>,
}

impl fmt::Debug for Submit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submit").field("concat", &self.concat).finish_non_exhaustive()
    }
}

/// Why a submit is not taken. Each protocol has its own numbers for these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitRefusal {
    /// Not a number of the customer's.
    #[error("the source number is not the customer's")]
    Source,
    /// Not a phone, or none at all.
    #[error("not a phone")]
    Destination,
    /// Empty, or longer than carriers carry.
    #[error("the text is empty or too long")]
    Text,
    /// It would be over before it could be sent.
    #[error("the validity has passed")]
    Validity,
    /// It is to be sent later than anything is kept for.
    #[error("the time at which it is to be sent is too far ahead")]
    Schedule,
    /// The account has not enough money, or has reached a limit.
    #[error("the balance does not suffice, or a limit is reached")]
    Funds,
    /// No channel leads to the phone.
    #[error("no channel leads to this phone")]
    NoRoute,
    /// Faster than agreed, or too many texts of which parts are missing.
    #[error("too much at once")]
    Throttled,
    /// Storage does not answer: the same may be sent again later.
    #[error("not possible at the moment")]
    Unavailable,
}

/// What a customer asks about what it sent.
#[derive(Clone, PartialEq, Eq)]
pub enum Question {
    /// What became of a part that was answered with this id. `source`: the number it was sent from; empty: any.
    Fate { id: u128, source: Box<str> },
    /// Not to send the text that this part is of.
    Cancel { id: u128, source: Box<str> },
    /// What became of all that was sent from one instant until another.
    Counts { from: Timestamp, until: Timestamp },
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fate { .. } => "Fate",
            Self::Cancel { .. } => "Cancel",
            Self::Counts { .. } => "Counts",
        })
    }
}

/// The answer to a [`Question`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    Fate(Fate),
    Cancelled,
    /// A channel has it, or it has ended.
    TooLate,
    Counts(SentCounts),
    /// The customer sent nothing under this id, from this number.
    Unknown,
    /// It cannot be told now.
    Unavailable,
}

/// Where a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fate {
    pub state: MessageState,
    pub reason: Reason,
    /// Since when it is in that state.
    pub since: Timestamp,
}

/// Something on its way to a customer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    pub key: DeliveryKey,
    pub news: News,
}

/// Which row of the ledger it is from, and for which part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeliveryKey {
    pub place: WaitingPlace,
    pub kind: WaitingKind,
    pub partition: PartitionId,
    /// From 0.
    pub part: u16,
}

/// What a customer is told.
#[derive(Clone, PartialEq, Eq)]
pub enum News {
    Report(Report),
    /// A message from a phone, to a number of the customer's.
    Inbound {
        phone: Phone,
        to: Box<str>,
        text: Arc<str>,
    },
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Report(_) => "Report",
            Self::Inbound { .. } => "Inbound",
        })
    }
}

/// How one part of a message ended.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    /// The id that the part was answered with.
    pub id: u128,
    pub phone: Phone,
    /// The number that it was sent from.
    pub source: Box<str>,
    pub state: MessageState,
    pub reason: Reason,
    pub code: CarrierCode,
    pub submitted_at: Timestamp,
    pub done_at: Timestamp,
}

/// The engine as listeners see it. All methods are safe to call at once from many tasks.
#[async_trait]
pub trait Downstream: Send + Sync {
    /// The customer of this login, if there is one and it is let in.
    async fn customer(&self, login: &str) -> Option<Arc<Customer>>;

    /// All that are let in, as they are configured now; `None` when that cannot be told at the moment.
    async fn customers(&self) -> Option<Vec<Arc<Customer>>>;

    /// Takes submits. Returns, in their order, the id of each or why it is refused; what has an id is durable by then.
    async fn submit(
        &self,
        customer: &Arc<Customer>,
        submits: Vec<Submit>,
    ) -> Vec<Result<u128, SubmitRefusal>>;

    /// Answers a question about what this customer sent.
    async fn ask(&self, customer: &Arc<Customer>, question: Question) -> Answer;

    /// One more connection of this customer, over all nodes. `false`: as many as it may have are there, or it cannot be told
    /// now. Each that was let in is told by [`Self::leave`] when it ends.
    async fn enter(&self, customer: &Arc<Customer>) -> bool;

    /// One connection less.
    fn leave(&self, customer: CustomerId);

    /// The part of the customer's pace, in parts per second, that this node's connections have; none: no bound.
    fn pace(&self, customer: &Customer) -> Option<u32>;

    /// One more connection takes deliveries for this customer, until [`Self::detach`].
    fn attach(&self, customer: CustomerId);

    /// One connection less takes deliveries.
    fn detach(&self, customer: CustomerId);

    /// Returns when [`Self::take`] may have something. A hint: callers also poll.
    async fn due(&self, customer: CustomerId);

    /// Up to `limit` deliveries, oldest first; each comes back in [`Self::done`].
    fn take(&self, customer: CustomerId, limit: usize) -> Vec<Delivery>;

    /// What became of a delivery that was taken.
    fn done(&self, customer: CustomerId, key: DeliveryKey, done: Handed);
}

/// What became of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handed {
    /// The customer has it.
    Taken,
    /// The customer refused it.
    Refused,
    /// It was not written, or nobody knows: it goes out again.
    Lost,
    /// The protocol cannot carry it: it is not tried again.
    Impossible,
}
