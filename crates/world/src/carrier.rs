//! The carriers: what they were handed, what they took and answered, what they still have to report.
//!
//! They outlive every crash of the node. A carrier decides about a message when it is written; its answer may come
//! later or never, its receipts early, late, twice or without a phone. Owns the truth about what was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::channel::{
    Capacity, CarrierCode, CarrierMessageId, Channel, Inbound, Outgoing, Receipt, ReceiptStatus,
    SubmitOutcome, Submitted,
};
use domain::ids::{ChannelId, GatewayId};
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::Scope;
use domain::time::Timestamp;
use tokio::sync::Notify;

use crate::cast;
use crate::random::Random;

/// What a carrier will answer to what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Taken(Vec<u64>),
    Throttled,
    Refused(&'static str),
    /// It took some parts and refused the next.
    Partial(Vec<u64>, &'static str),
}

/// On the wire, not answered.
pub(crate) struct Written {
    pub outgoing: Outgoing,
    pub fate: Fate,
}

/// One channel with the carrier behind it.
pub(crate) struct Line {
    pub up: bool,
    /// Handed over and not written, each with its write deadline (milliseconds of the monotonic clock).
    pub waiting: VecDeque<(Outgoing, u64)>,
    pub written: Vec<Written>,
    /// Given up as unanswered; their answers are still to come.
    pub late: Vec<(Outgoing, Vec<u64>)>,
    /// Taken back and not yet told.
    pub recalled: Vec<Outgoing>,
    /// Wakes who waits for room.
    changed: Arc<Notify>,
}

/// What has become of a receipt or an inbound message on its way to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    /// To be delivered.
    Waiting,
    /// Delivered, not acknowledged.
    Out,
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

/// Codes of a refused submit: our parameters, a system failure, a ported number.
const REFUSALS: [&str; 3] = ["9", "3", "13"];
/// Codes of receipts that say no: absent, no such number, black list, congestion.
const FAILURES: [&str; 4] = ["UNDELIV", "MK:0001", "MBBLACK", "MH:0007"];

impl Carriers {
    pub(crate) fn new(random: Random) -> Self {
        let line = |_| Line {
            up: false,
            waiting: VecDeque::new(),
            written: Vec::new(),
            late: Vec::new(),
            recalled: Vec::new(),
            changed: Arc::new(Notify::new()),
        };
        let lines = (0..cast::CHANNELS).map(line).collect();
        Self { lines, reports: Vec::new(), answers: Vec::new(), next_id: 1, random }
    }

    /// Decides about a message and queues the receipts of what is taken.
    pub(crate) fn take(&mut self, outgoing: &Outgoing, line: usize, now: Timestamp) -> Fate {
        let refusal = REFUSALS[self.random.below(REFUSALS.len())];
        let parts = usize::from(outgoing.parts);
        match self.random.below(100) {
            0..8 => Fate::Throttled,
            8..16 => Fate::Refused(refusal),
            16..22 if parts > 1 => Fate::Partial(self.parts_taken(outgoing, line, parts - 1, now), refusal),
            _ => Fate::Taken(self.parts_taken(outgoing, line, parts, now)),
        }
    }

    fn parts_taken(&mut self, outgoing: &Outgoing, line: usize, parts: usize, now: Timestamp) -> Vec<u64> {
        let (status, code) = match self.random.below(100) {
            0..68 => (Some(ReceiptStatus::Delivered), "DELIVRD"),
            68..86 => (Some(ReceiptStatus::Undelivered), FAILURES[self.random.below(FAILURES.len())]),
            86..94 => (Some(ReceiptStatus::Expired), "EXPIRED"),
            _ => (None, ""),
        };
        let ids: Vec<u64> = (0..parts as u64).map(|part| self.next_id + part).collect();
        self.next_id += parts as u64;
        if let Some(status) = status {
            let with_phone = !self.random.chance(150);
            self.reports.extend(ids.iter().map(|id| Report {
                receipt: Receipt {
                    gateway: GatewayId(line as u16 + 1),
                    carrier_id: CarrierMessageId::Number(*id),
                    phone: with_phone.then_some(outgoing.phone),
                    status,
                    code: CarrierCode::new(code.as_bytes()),
                    received_at: now,
                },
                delivery: Delivery::Waiting,
            }));
        }
        ids
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

    /// The node died: what was not written is gone with it, what is not acknowledged will be delivered again.
    pub(crate) fn node_died(&mut self) {
        for line in &mut self.lines {
            line.up = false;
            line.waiting.clear();
            line.written.clear();
            line.late.clear();
            line.recalled.clear();
        }
        let again = |delivery: &mut Delivery| {
            if *delivery == Delivery::Out {
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
        if !self.up {
            return 0;
        }
        let parts = |outgoing: &Outgoing| u32::from(outgoing.parts);
        let waiting: u32 = self.waiting.iter().map(|(outgoing, _)| parts(outgoing)).sum();
        let written: u32 = self.written.iter().map(|written| parts(&written.outgoing)).sum();
        u32::from(cast::WINDOW).saturating_sub(waiting + written)
    }
}

/// What a fate looks like when its answer arrives.
pub(crate) fn answer(fate: &Fate) -> SubmitOutcome {
    let ids = |ids: &[u64]| ids.iter().map(|id| CarrierMessageId::Number(*id)).collect();
    match fate {
        Fate::Taken(taken) => SubmitOutcome::Taken(ids(taken)),
        Fate::Throttled => SubmitOutcome::Throttled,
        Fate::Refused(code) => {
            SubmitOutcome::Refused { code: CarrierCode::new(code.as_bytes()), taken: Vec::new() }
        }
        Fate::Partial(taken, code) => {
            SubmitOutcome::Refused { code: CarrierCode::new(code.as_bytes()), taken: ids(taken) }
        }
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
    pub number: u16,
    pub carriers: SharedCarriers,
}

impl WorldChannel {
    fn line(&self) -> usize {
        usize::from(self.number) - 1
    }
}

#[async_trait]
impl Channel for WorldChannel {
    fn id(&self) -> ChannelId {
        ChannelId(self.number)
    }

    fn capacity(&self) -> Capacity {
        let carriers = self.carriers.lock();
        let line = &carriers.lines[self.line()];
        Capacity { parts: line.free(), connections_up: u16::from(line.up) }
    }

    async fn capacity_changed(&self) {
        let changed = Arc::clone(&self.carriers.lock().lines[self.line()].changed);
        changed.notified().await;
    }

    fn submit(&self, batch: Vec<Outgoing>, write_deadline_millis: u64) {
        let mut carriers = self.carriers.lock();
        let line = &mut carriers.lines[self.line()];
        line.waiting.extend(batch.into_iter().map(|outgoing| (outgoing, write_deadline_millis)));
    }

    fn recall(&self, phone: Phone) -> usize {
        let mut carriers = self.carriers.lock();
        let line = &mut carriers.lines[self.line()];
        let (back, stay) = line.waiting.drain(..).partition(|(outgoing, _)| outgoing.phone == phone);
        line.waiting = stay;
        let back: VecDeque<(Outgoing, u64)> = back;
        let count = back.len();
        line.recalled.extend(back.into_iter().map(|(outgoing, _)| outgoing));
        count
    }
}
