//! What a partition's writer is asked, and what it answers.

use std::sync::Arc;

use domain::channel::Receipt;
use domain::downstream::{Origin, WaitingKind, WaitingPlace};
use domain::ids::{AccountId, CampaignId, ContactId, CustomerId, MessageId};
use domain::lane::Lane;
use domain::ledger::{
    Cancelling, Claim, ClaimRequest, Entry, Expansion, Forgetting, InboundRecord, ReceiptOutcome, Redacting,
    Retention, Settlement, SuppressionOrder, Swept,
};
use domain::money::Money;
use domain::phone::Phone;
use domain::policy::{Consented, Suppressed};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;

use crate::moves::life::Frozen;

/// A message to be accepted, sealed before it reaches the writer.
pub(super) struct Incoming {
    pub id: MessageId,
    pub account: AccountId,
    pub campaign: Option<CampaignId>,
    pub contact: Option<ContactId>,
    pub frozen: Frozen,
    pub entry: Entry,
    pub sealed: Vec<u8>,
    pub origin: Option<Box<Origin>>,
}

/// A part of a text that is not whole, sealed.
pub(super) struct HeldFragment {
    pub customer: CustomerId,
    pub place: WaitingPlace,
    pub sealed: Vec<u8>,
}

/// What is asked of single messages of an account.
pub(super) struct Order {
    pub account: AccountId,
    pub messages: Vec<MessageId>,
    /// None: they are not to be sent.
    pub forget: Option<Forgetting>,
    pub now: Timestamp,
}

/// One operation on one partition.
pub(super) enum Command {
    PutLane(Lane),
    Accept {
        messages: Vec<Incoming>,
        expansion: Option<Expansion>,
        now: Timestamp,
    },
    /// `node`: who claims, and recovers the claim.
    Claim {
        request: ClaimRequest,
        node: u8,
    },
    Settle(Vec<Settlement>),
    Receipts {
        receipts: Vec<Receipt>,
        hold: bool,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    },
    Suppress(Vec<SuppressionOrder>),
    Unsuppress {
        phone: Phone,
        suppressed: Suppressed,
        now: Timestamp,
    },
    /// In order of the phone's index, so that people of one page are written together.
    Consent(Vec<(i64, Consented)>),
    Inbound {
        record: Box<InboundRecord>,
        orders: Vec<SuppressionOrder>,
    },
    HoldFragments(Vec<HeldFragment>),
    ForgetWaiting {
        customer: CustomerId,
        kind: WaitingKind,
        places: Vec<WaitingPlace>,
    },
    Order(Order),
    /// What an account was granted here in all.
    Granted {
        account: AccountId,
        total: Money,
    },
    /// Takes up to this much of its allowance off it.
    GiveBack {
        account: AccountId,
        most: Money,
    },
    /// Whether an account's events are recorded.
    Listen {
        account: AccountId,
        on: bool,
    },
    Recover {
        node: u8,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    },
    Sweep {
        retention: Retention,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    },
    /// For measurements only.
    Preload(Vec<(i64, Vec<u8>)>),
}

/// The answer to a [`Command`].
pub(super) enum Reply {
    Done,
    Count(u32),
    Claimed(Claim),
    Receipts(Vec<ReceiptOutcome>),
    Fresh(bool),
    Cancelled(Vec<Cancelling>),
    Redacted(Vec<Redacting>),
    Sum(Money),
    Swept(Swept),
}

impl Command {
    /// Whether somebody waits for it at this moment: then it goes before bulk work.
    pub(super) fn is_interactive(&self) -> bool {
        !matches!(
            self,
            Self::Accept { expansion: Some(_), .. }
                | Self::Consent(_)
                | Self::Sweep { .. }
                | Self::Preload(_)
        )
    }

    /// Whether a reply may come before the disk has it. A settlement lost with the machine's power leaves its message
    /// in flight, and recovery calls that uncertain, which is the truth; a process that is killed loses nothing. The
    /// next transaction that must be on disk takes it along. What is forgotten and comes back with it is told twice.
    pub(super) fn may_be_lost_with_power(&self) -> bool {
        matches!(self, Self::Settle(_) | Self::ForgetWaiting { .. })
    }

    /// About how many rows it writes: bounds a transaction.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Accept { messages, .. } => messages.len(),
            Self::Claim { request, .. } => {
                request.takes.iter().map(|take| take.limit as usize).sum::<usize>().min(1_000)
            }
            Self::Settle(settlements) => settlements.len(),
            Self::Receipts { receipts, .. } => receipts.len(),
            Self::Suppress(orders) => orders.len(),
            Self::Consent(grants) => grants.len(),
            Self::HoldFragments(fragments) => fragments.len(),
            Self::ForgetWaiting { places, .. } => places.len(),
            Self::Order(order) => order.messages.len(),
            Self::Sweep { .. } => 1_000,
            Self::Preload(rows) => rows.len(),
            Self::PutLane(_)
            | Self::Unsuppress { .. }
            | Self::Inbound { .. }
            | Self::Granted { .. }
            | Self::GiveBack { .. }
            | Self::Listen { .. }
            | Self::Recover { .. } => 1,
        }
    }
}
