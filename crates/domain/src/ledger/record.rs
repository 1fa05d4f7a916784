//! Rows that go into the ledger and come out of it.

use std::fmt;

use crate::channel::{CarrierCode, CarrierMessageId};
use crate::downstream::Origin;
use crate::ids::{
    AccountId, CampaignId, ChannelId, ContactId, EntityId, GatewayId, InboundId, LaneId, MessageId,
};
use crate::message::{Category, MessageState, Reason, coded_enum};
use crate::money::Money;
use crate::phone::{Carrier, Phone};
use crate::policy::{RuleId, Suppressed};
use crate::time::Timestamp;
use text::Encoding;

/// How a message enters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Waits in its lane until then; `by_carrier`: in the stream of its carrier, because the channels of its route
    /// reach different ones ([`Reach::is_by_carrier`](crate::routing::Reach::is_by_carrier)).
    Queue { due_at: Timestamp, by_carrier: bool },
    /// Refused on the way in (a missing variable, a text that is too long): kept with its reason.
    Reject { reason: Reason, rule: RuleId },
}

/// A message to be accepted. Its id names the slot of its phone.
#[derive(Clone)]
pub struct NewMessage {
    pub id: MessageId,
    pub lane: LaneId,
    pub account: AccountId,
    pub entity: EntityId,
    pub campaign: Option<CampaignId>,
    pub contact: Option<ContactId>,
    pub category: Category,
    pub phone: Phone,
    /// The whole text; empty when it could not be rendered.
    pub text: String,
    pub encoding: Encoding,
    pub parts: u8,
    /// What the account pays for the whole message, frozen now.
    pub price: Money,
    pub carrier: Carrier,
    pub valid_until: Timestamp,
    /// A test number: exempt from caps, not from opt-out.
    pub test: bool,
    /// Another message with this text may have reached the person: it is sent again at somebody's word.
    pub possible_duplicate: bool,
    pub entry: Entry,
    /// The customer that sent it over a carrier protocol, who is told how it ends.
    pub origin: Option<Box<Origin>>,
}

impl fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMessage").field("id", &self.id).field("entry", &self.entry).finish_non_exhaustive()
    }
}

coded_enum! {
    /// What a trail entry records.
    TrailEvent {
        /// Entered the ledger.
        Accepted = 1, "accepted";
        /// Policy put it off.
        Deferred = 2, "deferred";
        /// Policy refused it.
        Rejected = 3, "rejected";
        /// A channel took it for sending.
        Claimed = 4, "claimed";
        /// The carrier took it.
        Submitted = 5, "submitted";
        /// Back in the queue for another try.
        Requeued = 6, "requeued";
        /// The end without a carrier taking it.
        Failed = 7, "failed";
        /// The answer is lost.
        Uncertain = 8, "uncertain";
        /// A receipt for one part of several.
        PartReceipt = 9, "part_receipt";
        /// Arrived.
        Delivered = 10, "delivered";
        /// Will not arrive.
        Undelivered = 11, "undelivered";
        /// The carrier gave up in time.
        Expired = 12, "expired";
        /// No word for 72 hours.
        Unknown = 13, "unknown";
        /// Its campaign was cancelled, or the message itself.
        Cancelled = 14, "cancelled";
        /// Its account had the text forgotten. The message stays in the state it ended in.
        Redacted = 15, "redacted";
        /// Its account wants to see it no more, and the text is forgotten. What counters, money and receipts need stays.
        Deleted = 16, "deleted";
    }
}

/// One step of a message's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrailEntry {
    pub at: Timestamp,
    pub event: TrailEvent,
    pub channel: Option<ChannelId>,
    pub reason: Reason,
    pub rule: RuleId,
}

/// A message as support sees it.
#[derive(Clone)]
pub struct MessageRecord {
    pub id: MessageId,
    pub account: AccountId,
    pub lane: LaneId,
    pub campaign: Option<CampaignId>,
    pub contact: Option<ContactId>,
    pub category: Category,
    pub state: MessageState,
    pub reason: Reason,
    pub rule: RuleId,
    /// The carrier's last code.
    pub code: CarrierCode,
    pub channel: Option<ChannelId>,
    pub attempts: u8,
    pub phone: Phone,
    /// Empty once it is forgotten.
    pub text: String,
    pub encoding: Encoding,
    pub parts: u8,
    pub price: Money,
    pub carrier: Carrier,
    pub test: bool,
    pub possible_duplicate: bool,
    pub due_at: Option<Timestamp>,
    pub valid_until: Timestamp,
    /// Oldest first.
    pub trail: Vec<TrailEntry>,
}

impl MessageRecord {
    /// Since when the text is forgotten.
    #[must_use]
    pub fn redacted_at(&self) -> Option<Timestamp> {
        self.first(&[TrailEvent::Redacted, TrailEvent::Deleted])
    }

    /// Since when its account wants to see it no more.
    #[must_use]
    pub fn deleted_at(&self) -> Option<Timestamp> {
        self.first(&[TrailEvent::Deleted])
    }

    /// When it came to the state that it is in.
    #[must_use]
    pub fn changed_at(&self) -> Option<Timestamp> {
        let moves = |entry: &&TrailEntry| !matches!(entry.event, TrailEvent::Redacted | TrailEvent::Deleted);
        self.trail.iter().rfind(moves).map(|entry| entry.at)
    }

    fn first(&self, events: &[TrailEvent]) -> Option<Timestamp> {
        self.trail.iter().find(|entry| events.contains(&entry.event)).map(|entry| entry.at)
    }
}

impl fmt::Debug for MessageRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRecord")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// Which messages to list. All conditions hold at once.
#[derive(Clone, Debug)]
pub struct MessageFilter {
    pub account: AccountId,
    pub campaign: Option<CampaignId>,
    pub state: Option<MessageState>,
    pub phone: Option<Phone>,
    /// Only ids above this one.
    pub after: Option<MessageId>,
}

/// How many messages of a lane made a move, in one hour, over one channel, for one reason.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tally {
    pub lane: LaneId,
    /// Hours since the Unix epoch.
    pub hour: i64,
    pub channel: Option<ChannelId>,
    /// `None`: the message was accepted into `to`.
    pub from: Option<MessageState>,
    pub from_reason: Reason,
    pub to: MessageState,
    pub reason: Reason,
    pub test: bool,
    pub carrier: Carrier,
    pub messages: i64,
    pub parts: i64,
    pub price: Money,
}

/// A carrier's code that is in no table, as it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownCode {
    pub gateway: GatewayId,
    pub code: CarrierCode,
    pub times: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// A suppression with its proof.
#[derive(Clone)]
pub struct SuppressionRecord {
    pub phone: Phone,
    pub account: AccountId,
    pub suppressed: Suppressed,
    pub inbound: Option<InboundId>,
    /// When it was lifted, if it was.
    pub lifted_at: Option<Timestamp>,
}

/// A message from a phone, attributed.
#[derive(Clone)]
pub struct InboundRecord {
    pub id: InboundId,
    /// Whose it is, if that is known.
    pub account: Option<AccountId>,
    pub gateway: GatewayId,
    pub channel: ChannelId,
    pub carrier_id: CarrierMessageId,
    pub from: Phone,
    pub to: Box<str>,
    pub text: String,
    /// The message it probably answers.
    pub answers: Option<MessageId>,
    pub campaign: Option<CampaignId>,
    pub opted_out: bool,
    pub received_at: Timestamp,
}

/// A gateway and its channels, for finding what was sent over it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SentOver {
    pub gateway: GatewayId,
    /// Its channels as they are configured.
    pub channels: Vec<ChannelId>,
}

/// What a phone was sent, for attributing its answer.
#[derive(Clone, Debug)]
pub struct LastSent {
    pub message: MessageId,
    pub account: AccountId,
    pub entity: EntityId,
    pub campaign: Option<CampaignId>,
    pub category: Category,
    pub channel: ChannelId,
    pub handed_at: Timestamp,
    /// The text offered an opt-out by a single letter or word.
    pub offered_opt_out: bool,
}
