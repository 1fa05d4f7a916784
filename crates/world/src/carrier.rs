//! The carriers: what they were handed, what they took and answered, what they still have to report.
//!
//! They outlive every crash of the nodes. A carrier decides about a message when its first part arrives; its answer may
//! come later or never, its receipts early, late, twice or without a phone. Owns the truth about what was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::channel::{
    Capacity, CarrierCode, CarrierMessageId, Channel, Inbound, Outgoing, Receipt, ReceiptStatus,
    SubmitOutcome, Submitted, Ticket,
};
use domain::ids::{ChannelId, GatewayId};
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::Scope;
use domain::time::Timestamp;
use tokio::sync::Notify;

use crate::cast;
use crate::link::Link;
use crate::random::Random;

/// What a carrier answers to the parts of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fate {
    /// So many parts are taken, the rest is refused with this result.
    Taken(u8, u32),
    Throttled,
}

/// What a carrier thinks of a message whose parts arrive.
struct Verdict {
    ticket: Ticket,
    fate: Fate,
    /// What it will report; `None`: never anything.
    status: Option<ReceiptStatus>,
    code: &'static str,
    with_phone: bool,
}

/// What a carrier answers to one part: its id, and a result that is 0 when it is taken.
pub(crate) struct Judged {
    pub id: u64,
    pub result: u32,
}

/// One node's connection on a channel, with the carrier behind it.
pub(crate) struct Line {
    pub link: Option<Link>,
    /// Handed over and not written, each with its write deadline (milliseconds of the monotonic clock).
    pub waiting: VecDeque<(Outgoing, u64)>,
    /// Taken back and not yet told.
    pub recalled: Vec<Outgoing>,
    /// The message whose parts are arriving at the carrier.
    deciding: Option<Verdict>,
    /// Wakes who waits for room.
    changed: Arc<Notify>,
}

/// What has become of a receipt or an inbound message on its way to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    /// To be delivered.
    Waiting,
    /// Delivered to a node and not acknowledged.
    Out(usize),
    Acknowledged,
}

/// A receipt, in the carrier's hands until it is acknowledged.
pub(crate) struct Report {
    pub receipt: Receipt,
    pub delivery: Delivery,
}

/// An inbound message.
pub(crate) struct Answer {
    pub inbound: Inbound,
    pub opts_out: bool,
    /// Whom it must refuse at least, since it was delivered for the first time: the ledger acts on that, once.
    pub refuses: Option<Vec<(Scope, Category)>>,
    pub delivery: Delivery,
}

/// All carriers.
pub(crate) struct Carriers {
    pub lines: Vec<Line>,
    pub reports: Vec<Report>,
    pub answers: Vec<Answer>,
    next_id: u64,
    random: Random,
}

/// Results of a refused submit: our parameters, a system failure, a ported number.
const REFUSALS: [u32; 3] = [9, 3, 13];
/// `Result` of SUBMIT_RESP: flow control.
const THROTTLED: u32 = 8;
/// Of so many phones one is dead, most of the time: so that some are called dead on several days.
const DEAD_OF: u64 = 8;
const DEAD: u64 = 5;
/// Codes of receipts that say no: absent, no such number, black list, congestion.
const FAILURES: [&str; 4] = ["UNDELIV", "MK:0001", "MBBLACK", "MH:0007"];

impl Carriers {
    /// `nodes`: how many there are, each with a line to every carrier.
    pub(crate) fn new(random: Random, nodes: usize) -> Self {
        let line = |_| Line {
            link: None,
            waiting: VecDeque::new(),
            recalled: Vec::new(),
            deciding: None,
            changed: Arc::new(Notify::new()),
        };
        let lines = (0..nodes * usize::from(cast::CHANNELS)).map(line).collect();
        Self { lines, reports: Vec::new(), answers: Vec::new(), next_id: 1, random }
    }

    /// Decides about a part that arrived, the first time about its whole message, and queues the receipt of what is
    /// taken.
    pub(crate) fn judge(&mut self, outgoing: &Outgoing, part: u8, line: usize, now: Timestamp) -> Judged {
        let known = self.lines[line].deciding.take().filter(|verdict| verdict.ticket == outgoing.ticket);
        let verdict = known.unwrap_or_else(|| self.decide(outgoing));
        let refused = match verdict.fate {
            Fate::Taken(parts, _) if part < parts => None,
            Fate::Taken(_, result) => Some(result),
            Fate::Throttled => Some(THROTTLED),
        };
        let id = self.foreign_id();
        if let (None, Some(status)) = (refused, verdict.status) {
            let receipt = Receipt {
                gateway: cast::gateway_of(line),
                carrier_id: CarrierMessageId::Number(id),
                phone: verdict.with_phone.then_some(outgoing.phone),
                status,
                code: CarrierCode::new(verdict.code.as_bytes()),
                received_at: now,
            };
            self.reports.push(Report { receipt, delivery: Delivery::Waiting });
        }
        self.lines[line].deciding = Some(verdict);
        Judged { id, result: refused.unwrap_or(0) }
    }

    fn decide(&mut self, outgoing: &Outgoing) -> Verdict {
        let refusal = REFUSALS[self.random.below(REFUSALS.len())];
        let parts = outgoing.parts;
        let fate = match self.random.below(100) {
            0..8 => Fate::Throttled,
            8..16 => Fate::Taken(0, refusal),
            16..22 if parts > 1 => Fate::Taken(parts - 1, refusal),
            _ => Fate::Taken(parts, 0),
        };
        let dead = outgoing.phone.to_u64() % DEAD_OF == DEAD;
        let (status, code) = match self.random.below(100) {
            0..85 if dead => (Some(ReceiptStatus::Undelivered), "MK:0001"),
            0..68 => (Some(ReceiptStatus::Delivered), "DELIVRD"),
            68..86 => (Some(ReceiptStatus::Undelivered), FAILURES[self.random.below(FAILURES.len())]),
            86..94 => (Some(ReceiptStatus::Expired), "EXPIRED"),
            _ => (None, ""),
        };
        let with_phone = !self.random.chance(150);
        Verdict { ticket: outgoing.ticket, fate, status, code, with_phone }
    }

    /// An id that no message has.
    pub(crate) fn foreign_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Tells the engine's loops that a line can take more.
    pub(crate) fn nudge(&self, line: usize) {
        if let Some(line) = self.lines.get(line) {
            line.changed.notify_waiters();
        }
    }

    /// A node died: what was not written is gone with it, what is not acknowledged will be delivered again.
    pub(crate) fn node_died(&mut self, place: usize) {
        for line in &mut self.lines[cast::lines(place)] {
            line.link = None;
            line.deciding = None;
            line.waiting.clear();
            line.recalled.clear();
        }
        self.node_silent(place);
    }

    /// A connection broke: what was not acknowledged on it comes again on another one.
    pub(crate) fn broke(&mut self, place: usize, gateway: GatewayId) {
        self.lines[cast::line_to(place, gateway)].deciding = None;
        for report in self.reports.iter_mut().filter(|report| report.receipt.gateway == gateway) {
            if report.delivery == Delivery::Out(place) {
                report.delivery = Delivery::Waiting;
            }
        }
    }

    /// A node does not answer any more: what it has not acknowledged goes to another one.
    pub(crate) fn node_silent(&mut self, place: usize) {
        let again = |delivery: &mut Delivery| {
            if *delivery == Delivery::Out(place) {
                *delivery = Delivery::Waiting;
            }
        };
        self.reports.iter_mut().for_each(|report| again(&mut report.delivery));
        self.answers.iter_mut().for_each(|answer| again(&mut answer.delivery));
    }
}

impl Line {
    /// Parts that may be handed over now.
    fn free(&self) -> u32 {
        let free = self.link.as_ref().map_or(0, Link::free) as u32;
        let waiting: u32 = self.waiting.iter().map(|(outgoing, _)| u32::from(outgoing.parts)).sum();
        free.saturating_sub(waiting)
    }

    pub(crate) fn has_to_write(&self) -> bool {
        let acks = self.link.as_ref().is_some_and(Link::has_acks);
        !self.recalled.is_empty() || acks || self.waiting.front().is_some_and(|(first, _)| self.fits(first))
    }

    /// Whether it need not wait: there is room for it, or nothing to wait for.
    fn fits(&self, outgoing: &Outgoing) -> bool {
        self.link.as_ref().is_none_or(|link| link.free() >= usize::from(outgoing.parts))
    }

    /// The next message that need not wait, with its deadline; one that is past it need not either.
    pub(crate) fn next_to_write(&mut self, now: u64) -> Option<(Outgoing, u64)> {
        let (first, deadline) = self.waiting.front()?;
        if *deadline >= now && !self.fits(first) {
            return None;
        }
        let (outgoing, deadline) = self.waiting.pop_front()?;
        // Without a connection it is as if its time had passed.
        Some((outgoing, if self.link.is_some() { deadline } else { 0 }))
    }

    pub(crate) fn can_deliver(&self) -> bool {
        self.link.as_ref().is_some_and(Link::can_deliver)
    }
}

/// The word for an answer in coverage.
pub(crate) fn word(outcome: &SubmitOutcome) -> &'static str {
    match outcome {
        SubmitOutcome::Taken(_) => "taken",
        SubmitOutcome::Throttled => "throttled",
        SubmitOutcome::Refused { taken, .. } if taken.is_empty() => "refused",
        SubmitOutcome::Refused { .. } => "partial",
        SubmitOutcome::NotWritten { recalled: true } => "recalled",
        SubmitOutcome::NotWritten { .. } => "not written",
        SubmitOutcome::Uncertain { .. } => "never",
        SubmitOutcome::TakenLate(_) => "late",
    }
}

/// An answer as the driver of a channel reports it.
pub(crate) fn submitted(outgoing: Outgoing, at: Timestamp, outcome: SubmitOutcome) -> Submitted {
    Submitted { outgoing, at, outcome }
}

/// The carriers as everybody in the world reaches them.
#[derive(Clone)]
pub(crate) struct SharedCarriers(Arc<Mutex<Carriers>>);

impl SharedCarriers {
    pub(crate) fn new(carriers: Carriers) -> Self {
        Self(Arc::new(Mutex::new(carriers)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Carriers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// [`Channel`] over one line of the carriers.
pub(crate) struct WorldChannel {
    pub id: ChannelId,
    pub line: usize,
    pub carriers: SharedCarriers,
}

/// A node's connection on a channel.
pub(crate) fn line_of(place: usize, channel: ChannelId) -> usize {
    cast::line_to(place, GatewayId(channel.0))
}

#[async_trait]
impl Channel for WorldChannel {
    fn id(&self) -> ChannelId {
        self.id
    }

    fn capacity(&self) -> Capacity {
        let carriers = self.carriers.lock();
        let line = &carriers.lines[self.line];
        let parts = line.free();
        let rested = parts == u32::from(cast::WINDOW);
        Capacity { parts, open: parts, rested, connections_up: u16::from(line.link.is_some()) }
    }

    async fn capacity_changed(&self) {
        let changed = Arc::clone(&self.carriers.lock().lines[self.line].changed);
        changed.notified().await;
    }

    fn submit(&self, batch: Vec<Outgoing>, write_deadline_millis: u64) {
        let mut carriers = self.carriers.lock();
        let line = &mut carriers.lines[self.line];
        line.waiting.extend(batch.into_iter().map(|outgoing| (outgoing, write_deadline_millis)));
    }

    fn recall(&self, phone: Phone) -> usize {
        let mut carriers = self.carriers.lock();
        let line = &mut carriers.lines[self.line];
        let (back, stay) = line.waiting.drain(..).partition(|(outgoing, _)| outgoing.phone == phone);
        line.waiting = stay;
        let back: VecDeque<(Outgoing, u64)> = back;
        let count = back.len();
        line.recalled.extend(back.into_iter().map(|(outgoing, _)| outgoing));
        count
    }
}
