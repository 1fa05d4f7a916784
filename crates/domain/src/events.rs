//! What happened to an account's messages, for whoever asks to be told: events, where a reader stands among them, and the
//! port of the ledger that keeps them.
//!
//! An event is written in the transaction that makes it true, and only for accounts that listen. It holds no phone and no
//! text. Invariants: the events of one message are read in the order in which they happened; a reader that goes on from
//! where it stood misses none, unless it is told so ([`EventRead::Gone`]); a repetition of the same cursor gives the same
//! events again, so that delivery is at least once.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;

use crate::channel::CarrierCode;
use crate::control::{CampaignState, ControlError};
use crate::ids::{AccountId, CampaignId, ChannelId, InboundId, MessageId, PartitionId, WebhookId};
use crate::ledger::LedgerError;
use crate::message::{MessageState, Reason, coded_enum};
use crate::money::Money;
use crate::time::Timestamp;

/// How long events are kept: as long as a receipt is waited for, so that a reader who was away over a weekend catches up.
pub const EVENT_AGE: Duration = Duration::from_secs(72 * 3_600);
/// Rows kept of an account in one partition; each holds what one transaction did, up to about a thousand events.
pub const EVENT_ROWS: u32 = 100_000;
/// Places in a cursor: partitions are fewer.
const MOST_PLACES: usize = 4_096;

coded_enum! {
    /// What happened.
    EventKind {
        /// The carrier took it.
        Submitted = 1, "message.submitted";
        /// It arrived.
        Delivered = 2, "message.delivered";
        /// It will not arrive.
        Undelivered = 3, "message.undelivered";
        /// The end without a carrier taking it.
        Failed = 4, "message.failed";
        /// Policy refused it.
        Rejected = 5, "message.rejected";
        /// Its campaign was cancelled.
        Cancelled = 6, "message.cancelled";
        /// The carrier gave up in time.
        Expired = 7, "message.expired";
        /// No word for 72 hours.
        Unknown = 8, "message.unknown";
        /// The carrier's answer is lost; what comes of it follows.
        Uncertain = 9, "message.uncertain";
        /// A phone wrote to the account.
        Inbound = 32, "inbound.received";
        /// A phone refused further messages.
        OptedOut = 33, "inbound.opted_out";
        /// A campaign began to send.
        CampaignStarted = 64, "campaign.started";
        /// A person, or its own watch, paused it.
        CampaignPaused = 65, "campaign.paused";
        /// It goes on.
        CampaignResumed = 66, "campaign.resumed";
        /// All its messages have ended, or only wait for receipts.
        CampaignFinished = 67, "campaign.finished";
        /// It was stopped for good.
        CampaignCancelled = 68, "campaign.cancelled";
        /// The account's balance fell below what it wants to be told of.
        BalanceLow = 72, "balance.low";
        /// Nothing more can be sent until the account is topped up.
        BalanceExhausted = 73, "balance.exhausted";
        /// There is enough again.
        BalanceRestored = 74, "balance.restored";
        /// A channel carries nothing any more. Told to the operator.
        ChannelDown = 80, "channel.down";
        /// It carries again.
        ChannelUp = 81, "channel.up";
        /// A webhook is not called any more: it failed for too long.
        WebhookDisabled = 88, "webhook.disabled";
        /// A webhook was behind for so long that events were dropped before it had them.
        WebhookLagged = 89, "webhook.lagged";
        /// A webhook is tried, because somebody asked for it.
        WebhookTest = 90, "webhook.test";
    }
}

impl EventKind {
    /// What a message's new state is told as. `None`: being accepted, queued again or on its way out is told to nobody:
    /// whoever sent it was answered, and the rest may repeat many times.
    #[must_use]
    pub const fn of_state(state: MessageState) -> Option<Self> {
        match state {
            MessageState::Queued | MessageState::Sending => None,
            MessageState::Submitted => Some(Self::Submitted),
            MessageState::Delivered => Some(Self::Delivered),
            MessageState::Undelivered => Some(Self::Undelivered),
            MessageState::Failed => Some(Self::Failed),
            MessageState::Rejected => Some(Self::Rejected),
            MessageState::Cancelled => Some(Self::Cancelled),
            MessageState::Expired => Some(Self::Expired),
            MessageState::Unknown => Some(Self::Unknown),
            MessageState::Uncertain => Some(Self::Uncertain),
        }
    }

    /// What a campaign's step from one state to another is told as, if it is told.
    #[must_use]
    pub const fn of_campaign(from: CampaignState, to: CampaignState) -> Option<Self> {
        match (from, to) {
            (CampaignState::Running, CampaignState::Running) => None,
            (CampaignState::Paused, CampaignState::Running) => Some(Self::CampaignResumed),
            (_, CampaignState::Running) => Some(Self::CampaignStarted),
            (CampaignState::Running, CampaignState::Paused) => Some(Self::CampaignPaused),
            (CampaignState::Running | CampaignState::Paused, CampaignState::Finished) => {
                Some(Self::CampaignFinished)
            }
            (CampaignState::Cancelled, CampaignState::Cancelled) => None,
            (_, CampaignState::Cancelled) => Some(Self::CampaignCancelled),
            _ => None,
        }
    }

    /// The subject that this number of this kind names; none when it cannot be.
    #[must_use]
    pub fn subject(self, raw: i64) -> Option<EventSubject> {
        Some(match self.code() {
            1..32 => EventSubject::Message(MessageId::from_raw(raw)),
            32..64 => EventSubject::Inbound(InboundId::from_raw(raw)),
            64..72 => EventSubject::Campaign(CampaignId::from_raw(raw)),
            72..80 => EventSubject::Account(AccountId::from_raw(raw)),
            80..88 => EventSubject::Channel(ChannelId(u16::try_from(raw).ok()?)),
            _ => EventSubject::Webhook(WebhookId::from_raw(raw)),
        })
    }
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventSubject {
    Message(MessageId),
    Inbound(InboundId),
    Campaign(CampaignId),
    Account(AccountId),
    Channel(ChannelId),
    Webhook(WebhookId),
}

impl EventSubject {
    /// What it is.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Inbound(_) => "inbound",
            Self::Campaign(_) => "campaign",
            Self::Account(_) => "balance",
            Self::Channel(_) => "channel",
            Self::Webhook(_) => "webhook",
        }
    }

    /// The number by itself; the event's kind says of what.
    #[must_use]
    pub const fn raw(self) -> i64 {
        match self {
            Self::Message(id) => id.raw(),
            Self::Inbound(id) => id.raw(),
            Self::Campaign(id) => id.raw(),
            Self::Account(id) => id.raw(),
            Self::Channel(id) => id.0 as i64,
            Self::Webhook(id) => id.raw(),
        }
    }
}

/// One thing that happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    pub kind: EventKind,
    pub subject: EventSubject,
    pub at: Timestamp,
    pub campaign: Option<CampaignId>,
    pub channel: Option<ChannelId>,
    pub reason: Reason,
    /// The carrier's last code.
    pub code: CarrierCode,
    /// Tries so far.
    pub attempts: u8,
    /// Of what is about money.
    pub amount: Option<Money>,
}

impl Event {
    /// An event that is about nothing but its subject.
    #[must_use]
    pub fn plain(kind: EventKind, subject: EventSubject, at: Timestamp) -> Self {
        Self {
            kind,
            subject,
            at,
            campaign: None,
            channel: None,
            reason: Reason::None,
            code: CarrierCode::default(),
            attempts: 0,
            amount: None,
        }
    }

    /// What it is recognised by, wherever and how often it is read.
    #[must_use]
    pub fn id(&self) -> EventId {
        EventId {
            kind: self.kind.code(),
            subject: self.subject.raw(),
            at: self.at.millis(),
            attempts: self.attempts,
        }
    }
}

/// What tells one event from all others: the same thing does not happen twice to the same subject in the same
/// millisecond of the same try.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventId {
    kind: u8,
    subject: i64,
    at: i64,
    attempts: u8,
}

const EVENT_PREFIX: &str = "evn_";

impl EventId {
    /// What it happened to.
    #[must_use]
    pub fn subject(&self) -> Option<EventSubject> {
        EventKind::from_code(self.kind)?.subject(self.subject)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, subject, at, attempts } = self;
        write!(f, "{EVENT_PREFIX}{kind:02x}{subject:016x}{at:016x}{attempts:02x}")
    }
}

impl FromStr for EventId {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let digits = text.strip_prefix(EVENT_PREFIX).ok_or(CursorError)?;
        let whole = digits.len() == 36 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let part = |from: usize, to: usize| {
            digits.get(from..to).filter(|_| whole).and_then(|some| u64::from_str_radix(some, 16).ok())
        };
        let byte = |from: usize| part(from, from + 2).and_then(|some| u8::try_from(some).ok());
        let long = |from: usize| part(from, from + 16).map(u64::cast_signed);
        let id = || Some(Self { kind: byte(0)?, subject: long(2)?, at: long(18)?, attempts: byte(34)? });
        id().ok_or(CursorError)
    }
}

/// Where a reader stands in one partition: all rows before `row` are read, and of that one the first `taken` events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EventPlace {
    pub row: i64,
    pub taken: u32,
}

impl EventPlace {
    /// Before everything that there ever was.
    pub const START: Self = Self { row: 0, taken: 0 };

    /// Behind a row.
    #[must_use]
    pub const fn behind(row: i64) -> Self {
        Self { row: row + 1, taken: 0 }
    }
}

/// What a look at one partition's events found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventRead {
    /// Events in their order, and where to go on. With none, nothing is there up to where was asked.
    Page { events: Vec<Event>, next: EventPlace },
    /// What comes next to the place is not kept any more; the oldest that is, is here.
    Gone { oldest: EventPlace },
    /// The account does not listen.
    Deaf,
}

/// The part of the ledger that keeps events.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Says whether what happens to an account's messages is recorded. What begins after this returns is; when it ends,
    /// what was recorded goes.
    async fn listen(&self, account: AccountId, on: bool) -> Result<(), LedgerError>;

    /// Whether an account's events are recorded in every partition.
    async fn listens(&self, account: AccountId) -> Result<bool, LedgerError>;

    /// For each partition the last row up to which everything is there: no later commit adds one at or before it. Cheap,
    /// and asked often.
    async fn event_heads(&self) -> Result<Vec<i64>, LedgerError>;

    /// Events of an account in one partition from a place on, up to row `through`; at most `limit`, and perhaps fewer
    /// although there are more.
    async fn events(
        &self,
        partition: PartitionId,
        account: AccountId,
        from: EventPlace,
        through: i64,
        limit: u32,
    ) -> Result<EventRead, LedgerError>;
}

/// An event about something that lies outside the ledger, and whom it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    pub account: AccountId,
    pub event: Event,
}

/// What a look at the notices of an account found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoticeRead {
    /// In their order, and the number of the next one to be read.
    Page { events: Vec<Event>, next: i64 },
    /// What comes next to the place is not kept any more; the oldest that is, is here.
    Gone { oldest: i64 },
}

/// Events outside the ledger: campaigns, balances, channels, webhooks. They are few, and numbered in the order in which they
/// are committed, whoever writes them.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Adds some, in one transaction.
    async fn add_notices(&self, notices: &[Notice]) -> Result<(), ControlError>;

    /// The number of the last one; 0: there never was any.
    async fn notice_head(&self) -> Result<i64, ControlError>;

    /// Those of an account from a number on, up to `through`; at most `limit`.
    async fn notices(
        &self,
        account: AccountId,
        from: i64,
        through: i64,
        limit: u32,
    ) -> Result<NoticeRead, ControlError>;

    /// Drops what is older than [`EVENT_AGE`].
    async fn expire_notices(&self, now: Timestamp) -> Result<(), ControlError>;
}

/// Where a reader stands in all partitions and, behind them, among the notices. As text it is opaque to those who hold it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventCursor {
    /// In order of the partitions; the last is the place among the notices.
    pub places: Vec<EventPlace>,
}

/// The text was never given out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a cursor of events")]
pub struct CursorError;

const PREFIX: &str = "evt_";

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        let mut raw = Vec::with_capacity(self.places.len() * 4);
        for place in &self.places {
            push(&mut raw, place.row.max(0).cast_unsigned());
            push(&mut raw, u64::from(place.taken));
        }
        raw.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for EventCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let digits = text.strip_prefix(PREFIX).ok_or(CursorError)?.as_bytes();
        let (pairs, odd) = digits.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(CursorError);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
        let mut bytes = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8));
        let mut places = Vec::new();
        while let Some(first) = bytes.next() {
            let row = pull(first, &mut bytes).ok_or(CursorError)?;
            let taken = bytes.next().and_then(|first| pull(first, &mut bytes)).ok_or(CursorError)?;
            let row = i64::try_from(row).ok().filter(|row| *row < i64::MAX).ok_or(CursorError)?;
            places.push(EventPlace { row, taken: u32::try_from(taken).map_err(|_| CursorError)? });
            if places.len() > MOST_PLACES {
                return Err(CursorError);
            }
        }
        if places.is_empty() { Err(CursorError) } else { Ok(Self { places }) }
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn push(raw: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        raw.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    raw.push(number as u8);
}

fn pull(first: Option<u8>, rest: &mut impl Iterator<Item = Option<u8>>) -> Option<u64> {
    let (mut number, mut shift, mut byte) = (0, 0, first?);
    loop {
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
        if shift > 56 {
            return None;
        }
        byte = rest.next()??;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_what_was_never_given_out_is_refused() {
        let places = vec![
            EventPlace::START,
            EventPlace { row: 127, taken: 128 },
            EventPlace { row: (1 << 50) + 5, taken: u32::MAX },
        ];
        let cursor = EventCursor { places };
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        let text = cursor.to_string();
        let odd =
            ["", "evt_", "evt_0", "evt_00", "evt_zz00", "evt_ffffffffffffffffff00", "evt_0G00", "cmp_0000"];
        for odd in odd.iter().copied().chain([&text[..text.len() - 2], &text.replace("evt_", "")]) {
            assert_eq!(odd.parse::<EventCursor>(), Err(CursorError), "{odd}");
        }
        let many = format!("evt_{}", "0000".repeat(MOST_PLACES + 1));
        assert_eq!(many.parse::<EventCursor>(), Err(CursorError));
    }

    #[test]
    fn an_event_is_recognised_by_its_id() {
        let subject = EventSubject::Campaign(CampaignId::from_raw(0x7fff_0000_0000_0001));
        let event = Event::plain(EventKind::CampaignFinished, subject, Timestamp::from_millis(-5));
        let id = event.id();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.subject(), Some(subject));
        for odd in ["", "evn_", "evn_43", &id.to_string().to_uppercase(), &format!("{id}0")] {
            assert_eq!(odd.parse::<EventId>(), Err(CursorError), "{odd}");
        }
        for kind in EventKind::ALL {
            let subject = kind.subject(7).expect("seven is any id");
            assert_eq!(subject.raw(), 7);
            assert!(kind.word().starts_with(subject.word()), "{kind}");
        }
    }

    #[test]
    fn every_end_of_a_message_is_told() {
        for state in MessageState::ALL {
            let told = EventKind::of_state(*state);
            assert!(told.is_some() || !state.is_final(), "{state}");
            assert!(told.is_none_or(|kind| kind.word() == format!("message.{state}")), "{state}");
        }
    }
}
