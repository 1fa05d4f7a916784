//! The ledger's port: everything that happens to messages, in batches, durable before it returns.
//!
//! Invariants every implementation keeps (one conformance story checks them):
//! - What a method acknowledged is on disk, whatever is killed afterwards.
//! - All that concerns a phone lies in one partition; claim, suppress, consent, lane changes and cancel are
//!   serialised there. A claim decides on facts read after the lock, including the verdicts before it.
//! - Messages move only along [`MessageState::EDGES`](crate::message::MessageState::EDGES); each move leaves a
//!   trail entry and a tally in the same transaction.
//! - Repeating a call after a crash changes nothing that the first one did.

mod money;
mod orders;
mod record;

use std::sync::Arc;

use async_trait::async_trait;

pub use money::{Allowance, MoneyLedger};
pub use orders::{Cancelling, Forgetting, MessageOrders, Redacting, Sent, SentCounts};
pub use record::{
    Entry, InboundRecord, LastSent, MessageFilter, MessageRecord, NewMessage, SentOver, SuppressionRecord,
    Tally, TrailEntry, TrailEvent, UnknownCode,
};

use crate::channel::{CarrierCode, CarrierMessageId, Outgoing, Receipt, TakenPart, Ticket};
use crate::downstream::{Fragment, Waiting, WaitingKind, WaitingPlace};
use crate::events::EventLog;
use crate::ids::{
    AccountId, ChannelId, CustomerId, GatewayId, InboundId, LaneId, MessageId, PartitionId, PartitionMap,
};
use crate::lane::{Lane, Stream};
use crate::message::{MessageState, Reason};
use crate::money::Money;
use crate::phone::{CarrierSet, Phone};
use crate::policy::{Consented, PersonFacts, Policy, Suppressed};
use crate::retry::RetryPolicy;
use crate::time::Timestamp;

/// What went wrong in storage, and what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The disk is full: nothing of the call was kept; works again when space returns.
    #[error("the disk that holds the data folder is full; free some space, nothing was lost")]
    Full,
    /// The storage failed in a way that another try may mend (busy, connection lost).
    #[error("storage is unavailable for the moment: {0}")]
    Unavailable(String),
    /// The storage is damaged or holds what cannot be: a person must look.
    #[error("storage is inconsistent in {table} ({column}): {detail}")]
    Inconsistent { table: &'static str, column: &'static str, detail: String },
    /// The caller named a lane, message or partition that is not there.
    #[error("no such {0}")]
    NoSuch(&'static str),
    /// The node's clock is so far behind the last commit that deciding on it would be wrong.
    #[error("the clock is {behind_millis} ms behind the last commit; correct the clock")]
    ClockBehind { behind_millis: i64 },
    /// Another node took this one for dead and recovered its claims: it must stop, and may begin a new life.
    #[error("this node was taken for dead and replaced; it starts anew")]
    Fenced,
    /// The account's allowance in the partition does not pay for what the call brings: nothing of it was kept.
    #[error("the allowance of this account is short by {missing}")]
    Overdrawn { account: AccountId, missing: Money },
    /// The ledger is shutting down.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    /// Whether the same call may succeed later without anybody changing it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full | Self::Unavailable(_))
    }
}

/// Marks an accepted batch as part of a campaign's expansion: a partition takes each ordinal once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expansion {
    pub lane: LaneId,
    /// One more than the highest audience ordinal in this batch's chunk (in any partition).
    pub through: u64,
}

/// Due messages that wait in one stream of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    pub partition: PartitionId,
    pub stream: Stream,
    /// When its first message is (or was) due.
    pub earliest: Timestamp,
}

/// How many messages of a stream a claim may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Take {
    pub stream: Stream,
    pub limit: u32,
    /// Carriers that its route leads to: a message whose phone was found to be of another one than its range stays with
    /// the range's unless this holds the other.
    pub reach: CarrierSet,
}

/// Take due messages of a partition for one channel.
#[derive(Clone)]
pub struct ClaimRequest {
    pub partition: PartitionId,
    pub channel: ChannelId,
    pub gateway: GatewayId,
    /// The carriers that the channel reaches: no message to another one is taken.
    pub carriers: CarrierSet,
    /// In the order in which they are to be taken.
    pub takes: Vec<Take>,
    /// Stop when the messages taken have this many parts in all.
    pub max_parts: u32,
    pub now: Timestamp,
    pub policy: Arc<Policy>,
}

/// What one take of a claim came to, in messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TakeOutcome {
    /// On their way out.
    pub outgoing: u32,
    /// Handled in all: sent, rejected or deferred.
    pub handled: u32,
}

/// What a claim did. Messages in `outgoing` are `sending` and durable as such.
#[derive(Debug, Default)]
pub struct Claim {
    pub outgoing: Vec<Outgoing>,
    pub rejected: u32,
    /// The same by reason, each reason once.
    pub rejected_for: Vec<(Reason, u32)>,
    pub deferred: u32,
    /// What each take of the request came to, in its order.
    pub takes: Vec<TakeOutcome>,
    /// Lanes that the policy paused; the engine pauses them in the other partitions.
    pub paused: Vec<LaneId>,
    /// Whether due messages of the streams asked for remain.
    pub more: bool,
    /// A stream whose first message has more parts than the whole claim had room for, and how many: without room for it,
    /// what is behind it waits too.
    pub unfit: Option<(Stream, u8)>,
}

/// What the engine decided after a channel's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// The carrier has every part under these ids.
    Submitted { gateway: GatewayId, ids: Vec<CarrierMessageId> },
    /// Back to the queue. `spends_attempt`: it counts as a try. `ids`: parts that the carrier did take, whose receipts
    /// may come. With some, or as a `possible_duplicate`, its hand-over goes on counting for caps.
    Requeue {
        due_at: Timestamp,
        spends_attempt: bool,
        avoid: Option<ChannelId>,
        reason: Reason,
        code: CarrierCode,
        gateway: GatewayId,
        ids: Vec<TakenPart>,
        possible_duplicate: bool,
    },
    /// The end. `ids` as above.
    Failed { reason: Reason, code: CarrierCode, gateway: GatewayId, ids: Vec<TakenPart> },
    /// Nobody knows whether the carrier has it.
    Uncertain { reason: Reason, gateway: GatewayId, ids: Vec<TakenPart> },
}

/// Records what a channel answered to one try.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub ticket: Ticket,
    pub channel: ChannelId,
    pub at: Timestamp,
    pub disposition: Disposition,
}

/// What a receipt did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceiptOutcome {
    /// It moved the message (perhaps only one part of it).
    Applied { message: MessageId, state: MessageState },
    /// Known already, or overtaken: nothing changed.
    Duplicate,
    /// No part of that id here.
    Unmatched,
    /// No part of that id here; kept for 72 h and tried after every settle.
    Held,
}

/// A consent to be recorded for a phone.
#[derive(Clone, Copy, Debug)]
pub struct ConsentGrant {
    pub phone: Phone,
    pub consent: Consented,
}

/// A suppression to be recorded for a phone.
#[derive(Clone, Copy, Debug)]
pub struct SuppressionOrder {
    pub phone: Phone,
    pub account: AccountId,
    pub suppressed: Suppressed,
    /// The inbound message that asked for it.
    pub inbound: Option<InboundId>,
}

/// What a sweep did in one partition; `more` asks for another one soon.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    pub cancelled: u32,
    pub unknown: u32,
    /// Waited for a channel until their validity had passed.
    pub expired: u32,
    pub receipts_matched: u32,
    pub receipts_dropped: u32,
    pub rows_retired: u32,
    pub more: bool,
}

/// How long things are kept (reference: Order 74/2026 wants 6 months for sending records).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    pub messages: std::time::Duration,
    /// At least as long as the longest cap window.
    pub recents: std::time::Duration,
}

/// The ledger. All methods are safe to call at once from many tasks.
#[async_trait]
pub trait Ledger: EventLog + MessageOrders + MoneyLedger + Send + Sync {
    /// Which slots live where.
    fn partitions(&self) -> PartitionMap;

    /// Streams with due or waiting messages, by a cheap look at memory; may be a few milliseconds stale.
    fn due(&self) -> Vec<Due>;

    /// Returns when [`Self::due`] may have changed. A hint: callers also poll.
    async fn due_changed(&self);

    /// Makes a lane known to every partition, or replaces what they know of it, its state included; acknowledged when every
    /// partition has it or a newer one. From then on no claim takes messages of a lane that was paused or cancelled.
    /// A partition that knows a newer version keeps that, so that whoever writes late changes nothing; a cancelled
    /// lane stays cancelled; and its charge and purse stay as they were first.
    async fn put_lane(&self, lane: Lane) -> Result<(), LedgerError>;

    /// Every lane as the first partition knows it.
    async fn lanes(&self) -> Result<Vec<Lane>, LedgerError>;

    /// Inserts messages of one partition. Ids that exist are skipped. With `expansion`, the whole batch is skipped
    /// when the partition's high-water ordinal of the lane is at or above `through`, else it is raised to it.
    /// New messages to be queued in lanes that pay from an allowance draw their prices on it, or the whole call is refused
    /// ([`LedgerError::Overdrawn`]) with nothing written. Returns how many were new.
    async fn accept(
        &self,
        partition: PartitionId,
        messages: Vec<NewMessage>,
        expansion: Option<Expansion>,
        now: Timestamp,
    ) -> Result<u32, LedgerError>;

    /// The high-water ordinal of a lane in one partition: expansion goes on from the lowest of them.
    async fn expanded_through(&self, partition: PartitionId, lane: LaneId) -> Result<u64, LedgerError>;

    /// Takes due messages: decides, marks `sending`, writes `recent`. At most one claim at a time per partition. A
    /// message whose carrier the channel does not reach is never taken: it moves to its carrier's stream, for a channel
    /// that does (its route changed after it was queued).
    async fn claim(&self, request: ClaimRequest) -> Result<Claim, LedgerError>;

    /// Records answers, in one transaction per call. A settlement whose ticket is no longer the message's current
    /// claim (it was recovered meanwhile) only adds its ids, so that receipts still find the message.
    async fn settle(&self, partition: PartitionId, settlements: Vec<Settlement>) -> Result<(), LedgerError>;

    /// Applies receipts in the order given. With `hold`, what matches nothing is kept for 72 h.
    async fn receipts(
        &self,
        partition: PartitionId,
        receipts: Vec<Receipt>,
        hold: bool,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<Vec<ReceiptOutcome>, LedgerError>;

    /// Effective for every claim after it returns. All orders must belong to `partition`.
    async fn suppress(
        &self,
        partition: PartitionId,
        orders: Vec<SuppressionOrder>,
    ) -> Result<(), LedgerError>;

    /// Lifts suppressions of a phone in one scope. Returns how many.
    async fn unsuppress(
        &self,
        phone: Phone,
        suppressed: Suppressed,
        now: Timestamp,
    ) -> Result<u32, LedgerError>;

    /// Records consents; one per phone and entity, the newest wins; a withdrawn one is only replaced by one that is
    /// newer than the withdrawal.
    async fn consent(&self, partition: PartitionId, grants: Vec<ConsentGrant>) -> Result<(), LedgerError>;

    /// Records an inbound message and its suppressions at once. `false`: it was here already, nothing was done.
    async fn inbound(
        &self,
        record: InboundRecord,
        orders: Vec<SuppressionOrder>,
    ) -> Result<bool, LedgerError>;

    /// What this phone was sent over a gateway since an instant, newest first, at most 20. A message whose last try went over
    /// another one counts when its trail tells that one of the channels took it, or may have.
    async fn last_sent(
        &self,
        phone: Phone,
        over: &SentOver,
        since: Timestamp,
    ) -> Result<Vec<LastSent>, LedgerError>;

    /// Read-only facts about phones of one partition, in the order asked: for preflight.
    async fn facts(
        &self,
        partition: PartitionId,
        phones: Vec<Phone>,
    ) -> Result<Vec<PersonFacts>, LedgerError>;

    /// Codes that were in no table when they came, by gateway, folded over all partitions, most frequent first. Counted in
    /// the transaction that takes the answer or receipt; the ones seen last are kept, some thousands per partition.
    async fn unknown_codes(&self) -> Result<Vec<UnknownCode>, LedgerError>;

    /// Transition counters of some lanes, folded over all partitions.
    async fn tallies(&self, lanes: &[LaneId]) -> Result<Vec<Tally>, LedgerError>;

    /// One message with its trail.
    async fn message(&self, account: AccountId, id: MessageId) -> Result<Option<MessageRecord>, LedgerError>;

    /// A page of messages after the filter's cursor, in order of id, and the cursor to go on from (`None`: the end).
    /// A page may be short or empty although more follow: it is bounded in time.
    async fn messages(
        &self,
        filter: &MessageFilter,
        limit: u32,
    ) -> Result<(Vec<MessageRecord>, Option<MessageId>), LedgerError>;

    /// A page of an account's suppressions, newest first.
    async fn suppressions(
        &self,
        account: AccountId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<SuppressionRecord>, LedgerError>;

    /// A page of an account's inbound messages, newest first.
    async fn inbounds(
        &self,
        account: AccountId,
        before: Option<InboundId>,
        limit: u32,
    ) -> Result<Vec<InboundRecord>, LedgerError>;

    /// Keeps parts of long texts that are not whole yet. Repeating a part changes nothing.
    async fn hold_fragments(
        &self,
        partition: PartitionId,
        fragments: Vec<Fragment>,
    ) -> Result<(), LedgerError>;

    /// What waits for a customer in one partition, oldest first, after a place.
    async fn waiting(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        kind: WaitingKind,
        after: WaitingPlace,
        limit: u32,
    ) -> Result<Vec<Waiting>, LedgerError>;

    /// For whom something was written to [`Self::waiting`] since the last call, by a look at memory. A hint: what others wrote on the
    /// same storage is not in it, and callers also look everywhere from time to time.
    fn told(&self) -> Vec<(PartitionId, CustomerId)>;

    /// Removes what was delivered, or is whole by now. What is gone already is passed over.
    async fn forget_waiting(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        kind: WaitingKind,
        places: Vec<WaitingPlace>,
    ) -> Result<(), LedgerError>;

    /// At start, before anything is claimed: what was `sending` becomes `uncertain`, or is queued again where the
    /// retry policy allows a possible duplicate. Returns how many messages were found in flight.
    async fn recover(&self, retry: Arc<RetryPolicy>, now: Timestamp) -> Result<u32, LedgerError>;

    /// One bounded step of housekeeping in one partition: cancelled lanes' messages, 72-hour unknowns, held
    /// receipts, retention.
    async fn sweep(
        &self,
        partition: PartitionId,
        retention: Retention,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<Swept, LedgerError>;

    /// Whether the storage answers, and is what this program works on.
    ///
    /// # Errors
    /// As of any read; [`LedgerError::Unavailable`] also when somebody migrated the storage for another program.
    async fn ready(&self) -> Result<(), LedgerError> {
        self.lanes().await.map(drop)
    }

    /// Finishes what is queued and closes the files.
    async fn close(&self);
}
