//! Turns one read's session events into what the engine is told.

use std::sync::{Arc, PoisonError};

use domain::channel::{CarrierMessageId, ChannelEvent, Inbound, Receipt, SubmitOutcome, Submitted};
use domain::phone::Phone;
use domain::text::decode;
use domain::time::Timestamp;
use wire::session::{Event, Protocol, Request, Session};

use super::assembly::Key;
use super::core::Core;
use super::flight::{Flights, Step};
use super::handover::{Ack, Handover, Owed};
use crate::drivers::{Driver, Heard, Told, Verdict};

/// A part to be written again after this many milliseconds, when flow control refused it among taken ones.
const PART_RETRY_MILLIS: u64 = 500;

/// What one read led to.
pub(crate) struct Gathered<P: Protocol> {
    pub(crate) submitted: Vec<Submitted>,
    receipts: Vec<Receipt>,
    inbound: Vec<Inbound>,
    acks: Vec<Ack<P>>,
    /// Of the parts of long messages, which may have come over other connections.
    owed: Vec<Owed<P>>,
    /// DELIVERs that hold nothing to keep: acknowledged at once.
    pub(crate) acks_at_once: Vec<Ack<P>>,
    /// Answers to other requests.
    pub(crate) replies: Vec<(P::Sequence, P::Pdu<'static>)>,
    /// Tokens of parts to write again, and when.
    pub(crate) again: Vec<(u64, u64)>,
    /// Window given back, in parts.
    pub(crate) released: i64,
    pub(crate) throttled: bool,
    pub(crate) connected: bool,
    /// A carrier that connected to us wants to log in.
    pub(crate) asking: Option<P::LogIn>,
    pub(crate) refusal: Option<P::Refusal>,
}

impl<P: Protocol> Default for Gathered<P> {
    fn default() -> Self {
        Self {
            submitted: Vec::new(),
            receipts: Vec::new(),
            inbound: Vec::new(),
            acks: Vec::new(),
            owed: Vec::new(),
            acks_at_once: Vec::new(),
            replies: Vec::new(),
            again: Vec::new(),
            released: 0,
            throttled: false,
            connected: false,
            asking: None,
            refusal: None,
        }
    }
}

impl<P: Protocol> Gathered<P> {
    /// Takes every event that the session has.
    pub(crate) fn take<D: Driver<Protocol = P>>(
        &mut self,
        core: &Core<D>,
        session: &mut Session<P>,
        flights: &mut Flights,
        handover: &Arc<Handover<P>>,
    ) {
        let (at, now) = (core.settings.clock.now(), core.now_millis());
        while let Some(event) = session.poll_event() {
            match event {
                Event::SubmitAnswered { token, msg_id, result, .. } => {
                    let verdict = core.verdict(&msg_id, result);
                    self.throttled |= verdict == Verdict::Throttled;
                    let step = flights.answered(token, verdict);
                    self.step(core, step, now);
                }
                Event::Unanswered { request: Request::Submit, token }
                | Event::Lost { request: Request::Submit, token } => {
                    let step = flights.unanswered(token);
                    self.step(core, step, now);
                }
                Event::LateAnswer { request: Request::Submit, token, msg_id, result } => {
                    let verdict = core.verdict(&msg_id, result);
                    if let Some((outgoing, outcome)) = flights.late(token, verdict) {
                        self.note_companions(core, &outcome);
                        self.submitted.push(Submitted { outgoing, at, outcome });
                    }
                }
                Event::Report { sequence, report } => {
                    let ack = Ack { sequence, msg_id: D::report_id(&report) };
                    match core.driver.told(&report) {
                        Some(told) => self.report(core, ack, told, at),
                        None => self.acks_at_once.push(ack),
                    }
                }
                Event::Inbound { sequence, deliver } => {
                    let ack = Ack { sequence, msg_id: D::deliver_id(&deliver) };
                    self.message(core, (ack, handover), core.driver.heard(sequence, &deliver, at), at);
                }
                Event::Asked { sequence, ask } => {
                    self.replies.extend(D::reply(&ask).map(|reply| (sequence, reply)));
                }
                Event::Connected { .. } => self.connected = true,
                Event::ConnectRefused(refusal) => self.refusal = Some(refusal),
                Event::ConnectRequested { log_in, .. } => self.asking = Some(log_in),
                Event::Malformed { command, error, .. } => {
                    tracing::warn!(channel = %core.config.id, command, %error, "the carrier sent a malformed PDU");
                }
                Event::Unsupported { command, .. } => {
                    tracing::debug!(channel = %core.config.id, command, "the carrier sent an unknown command");
                }
                // A client asks nothing else and is asked nothing.
                Event::Answered { .. }
                | Event::Submit { .. }
                | Event::DeliverAnswered { .. }
                | Event::Unanswered { .. }
                | Event::Lost { .. }
                | Event::LateAnswer { .. }
                // The connection's own loop asks the session whether it is over.
                | Event::Closed { .. } => {}
            }
        }
    }

    pub(crate) fn step<D: Driver<Protocol = P>>(&mut self, core: &Core<D>, step: Step, now: u64) {
        match step {
            Step::Wait => {}
            Step::Again { token } => self.again.push((now + PART_RETRY_MILLIS, token)),
            Step::Done(outgoing, outcome) => {
                self.released += i64::from(outgoing.parts);
                self.note_companions(core, &outcome);
                self.submitted.push(core.submitted(outgoing, outcome));
            }
        }
    }

    /// Remembers the parts of a long message that its carrier reports by the first alone.
    fn note_companions<D: Driver<Protocol = P>>(&mut self, core: &Core<D>, outcome: &SubmitOutcome) {
        if core.config.quirks.first_part_only
            && let SubmitOutcome::Taken(ids) | SubmitOutcome::TakenLate(ids) = outcome
            && let Some(early) = core.companions().add(ids)
        {
            let others = ids.iter().skip(1).cloned();
            self.receipts.extend(others.map(|carrier_id| Receipt { carrier_id, ..early.clone() }));
        }
    }

    fn report<D: Driver<Protocol = P>>(
        &mut self,
        core: &Core<D>,
        ack: Ack<P>,
        told: Told,
        received_at: Timestamp,
    ) {
        let Told { carrier_id, phone, status, code } = told;
        let receipt = |carrier_id| Receipt {
            gateway: core.config.gateway,
            carrier_id,
            phone,
            status,
            code,
            received_at,
        };
        if core.config.quirks.first_part_only {
            let mut companions = core.companions();
            let others = companions.of(&carrier_id);
            if others.is_empty() {
                companions.keep(receipt(carrier_id.clone()));
            } else {
                self.receipts.extend(others.iter().cloned().map(receipt));
            }
        }
        self.receipts.push(receipt(carrier_id));
        self.acks.push(ack);
    }

    fn message<D: Driver<Protocol = P>>(
        &mut self,
        core: &Core<D>,
        (ack, handover): (Ack<P>, &Arc<Handover<P>>),
        heard: Heard<'_>,
        received_at: Timestamp,
    ) {
        let Some(from) = heard.from else {
            tracing::warn!(channel = %core.config.id, "an inbound message without a usable phone was dropped");
            self.acks_at_once.push(ack);
            return;
        };
        let Heard { carrier_id, to, .. } = heard;
        let decoded = decode(&heard.content, heard.coding, heard.has_header, D::DIALECT);
        match decoded.concat.or(heard.segment) {
            Some(concat) if concat.total > 1 => {
                let key = Key { from, to: to.clone(), reference: concat.reference, total: concat.total };
                let mut assembly = core.assembly.lock().unwrap_or_else(PoisonError::into_inner);
                let part = (carrier_id, Owed::over(handover, ack));
                if let Some(whole) = assembly.add(&key, concat, decoded.text, part, core.now_millis()) {
                    self.owed.extend(whole.acks);
                    self.inbound.push(inbound(core, whole.id, from, to, whole.text, received_at));
                }
            }
            _ => {
                self.acks.push(ack);
                self.inbound.push(inbound(core, carrier_id, from, to, decoded.text, received_at));
            }
        }
    }

    /// Long messages whose other parts never came, joined from what did.
    pub(crate) fn take_expired<D: Driver<Protocol = P>>(&mut self, core: &Core<D>) {
        let expired = core.assembly.lock().unwrap_or_else(PoisonError::into_inner).expired(core.now_millis());
        for (key, whole) in expired {
            self.owed.extend(whole.acks);
            let at = core.settings.clock.now();
            self.inbound.push(inbound(core, whole.id, key.from, key.to, whole.text, at));
        }
    }

    /// Tells the engine; waits when it has more than it can take, which stops this connection's reading.
    pub(crate) async fn tell<D: Driver<Protocol = P>>(
        &mut self,
        core: &Core<D>,
        handover: &Arc<Handover<P>>,
        epoch: u64,
    ) {
        let id = core.config.id;
        if !self.submitted.is_empty() {
            let event = ChannelEvent::Submitted(std::mem::take(&mut self.submitted));
            let _closed_at_shutdown = core.events.send((id, event)).await;
        }
        if !self.receipts.is_empty() || !self.inbound.is_empty() {
            let event = ChannelEvent::Arrived {
                receipts: std::mem::take(&mut self.receipts),
                inbound: std::mem::take(&mut self.inbound),
                acknowledge: handover.acknowledge(
                    epoch,
                    std::mem::take(&mut self.acks),
                    std::mem::take(&mut self.owed),
                ),
            };
            let _closed_at_shutdown = core.events.send((id, event)).await;
        }
    }
}

fn inbound<D: Driver>(
    core: &Core<D>,
    carrier_id: CarrierMessageId,
    from: Phone,
    to: Box<str>,
    text: String,
    received_at: Timestamp,
) -> Inbound {
    Inbound { gateway: core.config.gateway, channel: core.config.id, carrier_id, from, to, text, received_at }
}
