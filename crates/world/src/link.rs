//! One connection between a node and a carrier: the protocol's sessions of both ends (CMPP 3.0), and the octets on their
//! way between them.
//!
//! Owns what a channel's driver keeps about what is under way, and what the carrier still owes an answer. Octets arrive
//! in pieces of any length; a connection that breaks loses what was on its way. Decides nothing: what the carrier
//! thinks of a message, and when anything moves, is the world's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::channel::{
    CarrierCode, CarrierMessageId, Inbound, Outgoing, Receipt, ReceiptStatus, SubmitOutcome,
};
use domain::phone::{Country, Phone};
use domain::text::{Dialect, Encoding, TextRules, decode, segment};
use wire::cmpp::{
    ClientConfig, Deliver, Destinations, Event, MsgId, Report, Reported, ServerConfig, Session, Submit,
    Version,
};
use wire::{Millis, Octets, Request, Secret, TerminalId};

use crate::cast;
use crate::faults::Fault;
use crate::flight::{Flight, Part, all_taken, first_of, outcome, part_by, part_of, token_of};

/// What both ends know.
const SECRET: &str = "world";
/// Reports and messages that may wait for our acknowledgement.
const DELIVERS: usize = 8;

/// An answer that the carrier owes.
pub(crate) struct Owed {
    sequence: u32,
    id: u64,
    result: u32,
}

/// DELIVERs that we may acknowledge: their sequence and id.
type Acks = Arc<Mutex<Vec<(u32, MsgId)>>>;

/// See the module.
pub(crate) struct Link {
    client: Session,
    server: Session,
    to_carrier: Vec<u8>,
    to_us: Vec<u8>,
    /// Parts on their way to the carrier, in the order in which they were written.
    sent: VecDeque<u64>,
    flights: BTreeMap<u64, Flight>,
    next_flight: u64,
    owed: Vec<Owed>,
    /// Ids that the carrier gave and we have not read.
    unread: BTreeSet<u64>,
    acks: Acks,
    fault: Fault,
}

/// A part that arrived at the carrier.
pub(crate) struct PartArrived {
    pub outgoing: Outgoing,
    /// From 0.
    pub part: u8,
    pub sequence: u32,
}

/// What reached the carrier.
#[derive(Default)]
pub(crate) struct AtCarrier {
    pub parts: Vec<PartArrived>,
    /// Deliveries that were acknowledged, and those that were not in time.
    pub acknowledged: Vec<u64>,
    pub returned: Vec<u64>,
    /// Something arrived that is not what we wrote.
    pub wrong: Option<String>,
}

/// What reached us.
#[derive(Default)]
pub(crate) struct AtUs {
    pub submitted: Vec<(Outgoing, SubmitOutcome)>,
    pub receipts: Vec<Receipt>,
    pub inbound: Vec<Inbound>,
    /// Of the receipts, and of the inbound messages.
    pub receipt_acks: Vec<(u32, MsgId)>,
    pub inbound_acks: Vec<(u32, MsgId)>,
    /// Receipts that came before the answer to their submit was read.
    pub early: usize,
    pub closed: bool,
}

impl Link {
    /// Connects and logs in: nothing can be written before.
    pub(crate) fn open(now: u64, fault: Fault) -> Option<Self> {
        let login: Octets<6> = Octets::new("world1").ok()?;
        let config = ClientConfig {
            window: cast::WINDOW.into(),
            ..ClientConfig::new(login, Secret::new(SECRET.to_owned()), Version::V30)
        };
        let server = ServerConfig { window: DELIVERS, ..ServerConfig::default() };
        let mut link = Self {
            client: Session::client(config, Millis(now), 1_125_183_000),
            server: Session::server(&server, Millis(now)),
            to_carrier: Vec::new(),
            to_us: Vec::new(),
            sent: VecDeque::new(),
            flights: BTreeMap::new(),
            next_flight: 1,
            owed: Vec::new(),
            unread: BTreeSet::new(),
            acks: Acks::default(),
            fault,
        };
        link.client.take_output(&mut link.to_carrier);
        link.carry(now, usize::MAX);
        link.read(now, usize::MAX, 1);
        link.client.is_connected().then_some(link)
    }

    /// Parts that we may write now.
    pub(crate) fn free(&self) -> usize {
        self.client.free_window()
    }

    pub(crate) fn has_octets_for_carrier(&self) -> bool {
        !self.to_carrier.is_empty()
    }

    pub(crate) fn has_octets_for_us(&self) -> bool {
        !self.to_us.is_empty()
    }

    pub(crate) fn has_acks(&self) -> bool {
        !lock(&self.acks).is_empty()
    }

    pub(crate) fn owes(&self) -> usize {
        self.owed.len()
    }

    pub(crate) fn can_deliver(&self) -> bool {
        self.server.free_window() > 0
    }

    /// Messages that we wrote and that are not settled.
    pub(crate) fn phones(&self) -> impl Iterator<Item = Phone> {
        self.flights.values().map(|flight| flight.outgoing.phone)
    }

    /// Hands over what the engine has made durable; nobody listens when the connection has gone.
    pub(crate) fn acknowledger(&self, acks: Vec<(u32, MsgId)>) -> impl FnOnce() + Send + use<> {
        let to = Arc::downgrade(&self.acks);
        move || {
            if let Some(to) = to.upgrade() {
                lock(&to).extend(acks);
            }
        }
    }

    /// Writes the acknowledgements that wait.
    pub(crate) fn write_acks(&mut self) {
        let acks = std::mem::take(&mut *lock(&self.acks));
        for (sequence, msg_id) in acks {
            self.client.ack_deliver(sequence, msg_id, 0);
        }
        self.client.take_output(&mut self.to_carrier);
    }

    /// Writes a message, each part as a PDU of its own.
    ///
    /// # Errors
    /// What does not fit: a fault of whoever planned the text.
    pub(crate) fn write(&mut self, now: u64, outgoing: &Outgoing) -> Result<(), String> {
        let reference = outgoing.ticket.message.raw() as u16;
        let segments = segment(&outgoing.text, outgoing.encoding, &TextRules::CMPP, reference);
        let segments = segments.map_err(|error| error.to_string())?;
        if segments.len() != usize::from(outgoing.parts) {
            return Err(format!(
                "{} parts were planned and {} are to be sent",
                outgoing.parts,
                segments.len()
            ));
        }
        let phone = terminal(outgoing.phone).ok_or("the phone does not fit")?;
        let first = token_of(self.next_flight);
        self.next_flight += 1;
        for (part, token) in (0..segments.len()).zip(first..) {
            let content = segments.get(part).unwrap_or_default();
            let submit = Submit {
                pk_total: outgoing.parts,
                pk_number: part as u8 + 1,
                tp_udhi: u8::from(segments.has_header()),
                destinations: Destinations::one(phone),
                ..Submit::to(phone, outgoing.encoding.code(), content)
            };
            self.client.submit(Millis(now), token, &submit).map_err(|error| error.to_string())?;
            self.sent.push_back(token);
        }
        let parts = vec![Part::Waiting; segments.len()];
        self.flights.insert(first, Flight { outgoing: outgoing.clone(), parts, told: false });
        self.client.take_output(&mut self.to_carrier);
        Ok(())
    }

    /// Some octets reach the carrier.
    pub(crate) fn carry(&mut self, now: u64, octets: usize) -> AtCarrier {
        let octets = octets.min(self.to_carrier.len());
        let piece: Vec<u8> = self.to_carrier.drain(..octets).collect();
        self.server.feed(Millis(now), &piece);
        let mut at = AtCarrier::default();
        let mut log_in = false;
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::ConnectRequested { .. } => log_in = true,
                Event::Submit { sequence, submit } => {
                    let token = self.sent.pop_front();
                    let flight = token.and_then(|token| self.flights.get(&first_of(token)));
                    match (token, flight) {
                        (Some(token), Some(flight)) if is_part_of(&submit, &flight.outgoing, token) => {
                            let (outgoing, part) = (flight.outgoing.clone(), part_of(token) as u8);
                            at.parts.push(PartArrived { outgoing, part, sequence });
                        }
                        _ => at.wrong = Some("the carrier got something that nobody wrote".to_owned()),
                    }
                }
                Event::DeliverAnswered { token, .. } => at.acknowledged.push(token),
                Event::Unanswered { request: Request::Deliver, token }
                | Event::Lost { request: Request::Deliver, token } => at.returned.push(token),
                Event::Malformed { command, error, .. } => {
                    at.wrong = Some(format!("the carrier cannot read command {command:#x}: {error}"));
                }
                _ => {}
            }
        }
        if log_in {
            self.server.accept(&Secret::new(SECRET.to_owned()));
        }
        self.server.take_output(&mut self.to_us);
        at
    }

    /// The carrier has decided about a part; the answer is owed.
    pub(crate) fn owe(&mut self, sequence: u32, id: u64, result: u32) {
        if result == 0 {
            self.unread.insert(id);
        }
        self.owed.push(Owed { sequence, id, result });
    }

    /// The carrier pays one answer, or forgets it.
    pub(crate) fn answer(&mut self, place: usize, forget: bool) {
        if place < self.owed.len() {
            let Owed { sequence, id, result } = self.owed.remove(place);
            if !forget {
                self.server.answer_submit(sequence, MsgId(id), result);
                self.server.take_output(&mut self.to_us);
            }
        }
    }

    /// The carrier delivers a receipt; `false`: too many wait for our acknowledgement.
    pub(crate) fn deliver_receipt(&mut self, now: u64, token: u64, receipt: &Receipt) -> bool {
        let CarrierMessageId::Number(id) = receipt.carrier_id else { return false };
        let phone = receipt.phone.and_then(terminal).unwrap_or_default();
        let report = Report {
            msg_id: MsgId(id),
            stat: Octets::new(receipt.code.as_str()).unwrap_or_default(),
            submit_time: Octets::EMPTY,
            done_time: Octets::EMPTY,
            dest_terminal_id: phone,
            smsc_sequence: 0,
        };
        let mut content = Vec::new();
        if report.encode(Version::V30, &mut content).is_err() {
            return false;
        }
        let deliver = Deliver { msg_id: MsgId(token), ..Deliver::report(phone, code(), &content) };
        self.deliver(now, token, &deliver)
    }

    /// The carrier delivers a message from a phone.
    pub(crate) fn deliver_inbound(&mut self, now: u64, token: u64, inbound: &Inbound) -> bool {
        let CarrierMessageId::Number(id) = inbound.carrier_id else { return false };
        let Some(phone) = terminal(inbound.from) else { return false };
        let segments = segment(&inbound.text, Encoding::Ucs2, &TextRules::CMPP, 0);
        let Ok(segments) = segments else { return false };
        let content = segments.get(0).unwrap_or_default();
        let msg_fmt = Encoding::Ucs2.code();
        let deliver = Deliver { msg_id: MsgId(id), ..Deliver::inbound(phone, code(), msg_fmt, content) };
        self.deliver(now, token, &deliver)
    }

    fn deliver(&mut self, now: u64, token: u64, deliver: &Deliver<'_>) -> bool {
        let sent = self.server.deliver(Millis(now), token, deliver).is_ok();
        self.server.take_output(&mut self.to_us);
        sent
    }

    /// Some octets reach us, over the connection of a channel with this number.
    pub(crate) fn read(&mut self, now: u64, octets: usize, channel: u16) -> AtUs {
        let octets = octets.min(self.to_us.len());
        let piece: Vec<u8> = self.to_us.drain(..octets).collect();
        self.client.feed(Millis(now), &piece);
        self.take_events(channel)
    }

    /// Time passes at both ends.
    pub(crate) fn time(&mut self, now: u64, channel: u16) -> (AtUs, AtCarrier) {
        self.client.handle_timeout(Millis(now));
        self.server.handle_timeout(Millis(now));
        let at_us = self.take_events(channel);
        (at_us, self.carry(now, 0))
    }

    /// The connection breaks: what was written and not answered is lost to us.
    pub(crate) fn break_off(&mut self, channel: u16) -> AtUs {
        self.client.close();
        self.take_events(channel)
    }

    fn take_events(&mut self, channel: u16) -> AtUs {
        let mut at = AtUs::default();
        let mut steps: Vec<(u64, Part, bool)> = Vec::new();
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::SubmitAnswered { token, msg_id, result, .. } => {
                    self.unread.remove(&msg_id.0);
                    steps.push((token, part_by(msg_id, result), false));
                }
                Event::LateAnswer { request: Request::Submit, token, msg_id, result } => {
                    self.unread.remove(&msg_id.0);
                    steps.push((token, part_by(msg_id, result), true));
                }
                Event::Unanswered { request: Request::Submit, token }
                | Event::Lost { request: Request::Submit, token } => {
                    steps.push((token, Part::Unanswered, false));
                }
                Event::Report { sequence, report: Reported { report, deliver } } => {
                    at.early += usize::from(self.unread.contains(&report.msg_id.0));
                    at.receipts.push(receipt(&report, channel));
                    at.receipt_acks.push((sequence, deliver.msg_id));
                }
                Event::Inbound { sequence, deliver } => {
                    at.inbound.extend(inbound(&deliver, channel));
                    at.inbound_acks.push((sequence, deliver.msg_id));
                }
                Event::Closed { .. } => at.closed = true,
                _ => {}
            }
        }
        self.fault.mix_up(&mut steps);
        for (token, part, late) in steps {
            at.submitted.extend(if late { self.late(token, part) } else { self.record(token, part) });
        }
        if self.fault.acknowledges_at_once() {
            at.receipt_acks.iter().for_each(|(sequence, id)| self.client.ack_deliver(*sequence, *id, 0));
        }
        // Answers to what the peer asked.
        self.client.take_output(&mut self.to_carrier);
        at
    }

    fn record(&mut self, token: u64, part: Part) -> Option<(Outgoing, SubmitOutcome)> {
        let flight = self.flights.get_mut(&first_of(token))?;
        *flight.parts.get_mut(part_of(token))? = part;
        if flight.told || flight.parts.contains(&Part::Waiting) {
            return None;
        }
        let (outgoing, outcome) = (flight.outgoing.clone(), outcome(&flight.parts));
        // Told as uncertain it stays, because its answer may still come, and because it may still arrive.
        flight.told = true;
        if !matches!(outcome, SubmitOutcome::Uncertain { .. }) {
            self.flights.remove(&first_of(token));
        }
        Some((outgoing, outcome))
    }

    fn late(&mut self, token: u64, part: Part) -> Option<(Outgoing, SubmitOutcome)> {
        let flight = self.flights.get_mut(&first_of(token))?;
        *flight.parts.get_mut(part_of(token))? = part;
        let ids = all_taken(&flight.parts).filter(|_| flight.told)?;
        let flight = self.flights.remove(&first_of(token))?;
        Some((flight.outgoing, SubmitOutcome::TakenLate(ids)))
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether what arrived is the part of the message that was written.
fn is_part_of(submit: &Submit<'_>, outgoing: &Outgoing, token: u64) -> bool {
    let has_header = submit.tp_udhi != 0;
    let decoded = decode(submit.content.as_bytes(), submit.msg_fmt, has_header, Dialect::China);
    let place = decoded.concat.map_or(1, |concat| concat.number);
    let numbered =
        usize::from(place) == part_of(token) + 1 && usize::from(submit.pk_number) == usize::from(place);
    let to = submit.destinations.get(0).and_then(|terminal| phone(&terminal));
    numbered && to == Some(outgoing.phone) && outgoing.text.contains(&decoded.text)
}

fn terminal(phone: Phone) -> Option<TerminalId> {
    TerminalId::new(phone.national_cn().unwrap_or_else(|| phone.digits()).as_str()).ok()
}

fn phone(terminal: &TerminalId) -> Option<Phone> {
    Phone::parse(terminal.as_str()?, Country::CN).ok()
}

/// The access code that people write to.
fn code() -> Octets<21> {
    Octets::new("10690001").unwrap_or_default()
}

fn receipt(report: &Report, channel: u16) -> Receipt {
    let stat = report.stat.as_bytes();
    Receipt {
        gateway: domain::ids::GatewayId(channel),
        carrier_id: CarrierMessageId::Number(report.msg_id.0),
        phone: phone(&report.dest_terminal_id),
        status: match stat {
            b"DELIVRD" => ReceiptStatus::Delivered,
            b"EXPIRED" => ReceiptStatus::Expired,
            _ => ReceiptStatus::Undelivered,
        },
        code: CarrierCode::new(stat),
        received_at: domain::time::Timestamp::default(),
    }
}

fn inbound(deliver: &Deliver<'_>, channel: u16) -> Option<Inbound> {
    let decoded = decode(deliver.content.as_bytes(), deliver.msg_fmt, deliver.has_header(), Dialect::China);
    Some(Inbound {
        gateway: domain::ids::GatewayId(channel),
        channel: domain::ids::ChannelId(channel),
        carrier_id: CarrierMessageId::Number(deliver.msg_id.0),
        from: phone(&deliver.src_terminal_id)?,
        to: deliver.dest_id.as_str().unwrap_or_default().into(),
        text: decoded.text,
        received_at: domain::time::Timestamp::default(),
    })
}
