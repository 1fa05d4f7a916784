//! The port between the engine and whatever carries messages: carrier sessions, providers, a simulator.
//!
//! Invariants: every [`Outgoing`] handed to [`Channel::submit`] comes back exactly once as a [`Submitted`];
//! receipts and inbound messages are acknowledged to the carrier only when the engine says they are durable.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::control::ChannelConfig;
use crate::ids::{ChannelId, GatewayId, MessageId, PartitionId};
use crate::message::Category;
use crate::phone::Phone;
use crate::time::Timestamp;
use text::{Bilingual, Encoding};

/// Called once, when a batch is durable. Dropping it without a call leaves the carrier's PDUs unanswered, so the
/// carrier will send them again.
pub type Acknowledge = Box<dyn FnOnce() + Send>;

/// The identifier under which a carrier knows one part, at most 64 bytes; 8 bytes for CMPP.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CarrierMessageId {
    /// A binary number (CMPP `Msg_Id`).
    Number(u64),
    /// Anything else, as the carrier wrote it.
    Text(Box<str>),
}

/// A carrier's own result code, raw: up to 15 printable bytes (`DELIVRD`, `MK:0012`, `8`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CarrierCode {
    bytes: [u8; Self::MOST],
    len: u8,
}

impl CarrierCode {
    /// Bytes that are kept of a code.
    pub const MOST: usize = 15;

    /// Cuts at 15 bytes and replaces what is not printable ASCII by `?`.
    #[must_use]
    pub fn new(raw: &[u8]) -> Self {
        let mut code = Self::default();
        for (place, &byte) in code.bytes.iter_mut().zip(raw) {
            *place = if byte.is_ascii_graphic() { byte } else { b'?' };
            code.len += 1;
        }
        code
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
    }
}

impl fmt::Debug for CarrierCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which try of which message; comes back with every answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    pub message: MessageId,
    /// From 1.
    pub attempt: u8,
    /// The claim that made it `sending`, unique within the message's partition.
    pub claim: i64,
    pub partition: PartitionId,
}

/// One message on its way out.
#[derive(Clone)]
pub struct Outgoing {
    pub ticket: Ticket,
    pub phone: Phone,
    /// The whole text, signature and opt-out words included.
    pub text: Arc<str>,
    pub encoding: Encoding,
    pub parts: u8,
    pub category: Category,
    /// Digits behind the access code.
    pub extension: Option<Box<str>>,
    /// Until when it may be tried.
    pub valid_until: Timestamp,
    /// When the carrier is to give up this try: `valid_until`, and with marketing no later than the end of the sending
    /// hours. Apart from it because a try that fails at their end waits for the next ones.
    pub carry_until: Timestamp,
    /// An earlier attempt may have reached the carrier.
    pub possible_duplicate: bool,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("ticket", &self.ticket)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// A part that the carrier took of a message of which it did not take, or did not answer, every part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakenPart {
    /// Its place in the message, from 0: the receipt of this id is that part's, whatever became of those before it.
    pub part: u8,
    pub id: CarrierMessageId,
}

/// What became of one try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SubmitOutcome {
    /// The carrier took every part; its id of each, in order. A single id for a message of several parts stands for all
    /// of them: its receipt is the whole message's.
    Taken(Vec<CarrierMessageId>),
    /// The carrier asked for a slower pace before it took any part.
    Throttled,
    /// The carrier refused; `taken` parts had been taken before.
    Refused { code: CarrierCode, taken: Vec<TakenPart> },
    /// Never written: the deadline passed, the connection was gone, or it was recalled.
    NotWritten { recalled: bool },
    /// Written, but the answer never came.
    Uncertain { taken: Vec<TakenPart> },
    /// The carrier took every part, as it said after `Uncertain` had been told.
    TakenLate(Vec<CarrierMessageId>),
}

/// The answer to one [`Outgoing`].
#[derive(Clone, Debug)]
pub struct Submitted {
    pub outgoing: Outgoing,
    pub at: Timestamp,
    pub outcome: SubmitOutcome,
}

/// What a delivery report says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceiptStatus {
    Delivered,
    /// Will not arrive; the code says why.
    Undelivered,
    Expired,
}

/// The delivery report of one part. Intermediate reports never become one.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub gateway: GatewayId,
    pub carrier_id: CarrierMessageId,
    /// Missing with some carriers.
    pub phone: Option<Phone>,
    pub status: ReceiptStatus,
    pub code: CarrierCode,
    pub received_at: Timestamp,
}

/// A message from a phone (上行, MO).
#[derive(Clone)]
pub struct Inbound {
    pub gateway: GatewayId,
    pub channel: ChannelId,
    /// The carrier's id of the deliver PDU: a redelivered one has the same.
    pub carrier_id: CarrierMessageId,
    pub from: Phone,
    /// Access code and extension as dialled.
    pub to: Box<str>,
    pub text: String,
    pub received_at: Timestamp,
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("channel", &self.channel)
            .field("carrier_id", &self.carrier_id)
            .finish_non_exhaustive()
    }
}

/// What a driver tells the engine.
pub enum ChannelEvent {
    /// Answers to submits; nothing to acknowledge.
    Submitted(Vec<Submitted>),
    /// Receipts and inbound messages of one read, to be made durable and then acknowledged.
    Arrived { receipts: Vec<Receipt>, inbound: Vec<Inbound>, acknowledge: Acknowledge },
    /// The number of connections that can carry messages changed, or a refusal needs a person.
    Connections { up: u16, configured: u16, trouble: Option<String> },
    /// The channel was stopped and has said goodbye on every connection: nothing more comes from it.
    Ended,
}

/// How much a channel can take now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capacity {
    /// Parts that may be written now: free window over all connections, bounded by the pace of the next 250 ms.
    pub parts: u32,
    /// How many of them messages may take that are no emergencies: a little of window and pace is kept for those
    /// ([`crate::pace::kept_of_window`], [`crate::pace::kept_of_rate`]).
    pub open: u32,
    /// Nothing is on its way and the pace has gathered all that it gathers: there will never be more room than now. One message
    /// of more parts than that may be handed over by itself; its parts go out as window and pace let them.
    pub rested: bool,
    pub connections_up: u16,
}

/// One way out. Implemented by the carrier drivers and by the simulated ones of tests.
#[async_trait]
pub trait Channel: Send + Sync {
    fn id(&self) -> ChannelId;

    /// Free window and pace. What is handed over by [`Self::submit`] is taken off at once.
    fn capacity(&self) -> Capacity;

    /// Returns when [`Self::capacity`] may have grown: window freed, pace refilled, connection up.
    async fn capacity_changed(&self);

    /// Hands messages over; never more parts than [`Self::capacity`] said (or one message, when it was rested), and begun before
    /// `write_deadline_millis` of the monotonic clock or given back as [`SubmitOutcome::NotWritten`]. Further parts of a text
    /// that is longer than the window follow the answers to its first ones.
    fn submit(&self, batch: Vec<Outgoing>, write_deadline_millis: u64);

    /// These receipts of it came in another way than over its connections: it need not ask for them.
    fn reported(&self, _receipts: &[Receipt]) {}

    /// Takes back what is handed over but not yet written for this phone; each comes back as
    /// [`SubmitOutcome::NotWritten`] with `recalled`. Returns how many.
    fn recall(&self, phone: Phone) -> usize;
}

/// What somebody sent to the address at which a channel's provider reaches us.
#[derive(Clone)]
pub struct CallbackRequest {
    /// The secret part of the address, as it came.
    pub token: String,
    /// `POST` or `GET`.
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl CallbackRequest {
    /// The first header of this name, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What stands behind the question mark.
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// Holds phones, texts and the secret part of the address.
impl fmt::Debug for CallbackRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackRequest").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// What the provider is answered, in its own form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallbackAnswer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

/// What a callback means.
#[derive(Clone, Debug)]
pub enum Callback {
    /// The channel takes no callbacks, or the secret part of the address is another: nothing is there.
    Nowhere,
    /// Not from the provider, or not understood.
    Refused(CallbackAnswer),
    /// Receipts and inbound messages; the answer is given when all of them are durable.
    Arrived { receipts: Vec<Receipt>, inbound: Vec<Inbound>, answer: CallbackAnswer },
}

/// Why settings of a channel are not understood: whoever wrote them is at fault. Quotes none of their values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingsFault {
    /// Where in [`crate::control::Provider`], as a JSON pointer.
    pub pointer: String,
    pub said: Bilingual,
}

/// What providers' channels need no connection for, so that every node can do it for every channel.
pub trait Providers: Send + Sync {
    /// Whether a channel with these settings can work.
    ///
    /// # Errors
    /// [`SettingsFault`] for the first thing that is wrong.
    fn check(&self, config: &ChannelConfig) -> Result<(), SettingsFault>;

    /// Reads what the channel's provider sent.
    fn called(&self, config: &ChannelConfig, request: &CallbackRequest, now: Timestamp) -> Callback;
}
