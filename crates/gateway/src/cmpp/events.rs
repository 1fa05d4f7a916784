//! Turns one read's session events into what the engine is told.

use std::sync::{Arc, PoisonError};

use domain::channel::{
    CarrierCode, CarrierMessageId, ChannelEvent, Inbound, Receipt, ReceiptStatus, Submitted,
};
use domain::phone::{Country, Phone};
use domain::text::{Dialect, decode};
use domain::time::Timestamp;
use wire::TerminalId;
use wire::cmpp::{Deliver, Event, MsgId, Refusal, Report, Session};
use wire::session::{CloseCause, Request};

use super::assembly::Key;
use super::channel::Core;
use super::flight::{Flights, Step};
use super::handover::{Ack, Handover};

/// A part to be written again after this many milliseconds, when flow control refused it among taken ones.
const PART_RETRY_MILLIS: u64 = 500;

/// What one read led to.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) submitted: Vec<Submitted>,
    receipts: Vec<Receipt>,
    inbound: Vec<Inbound>,
    acks: Vec<Ack>,
    /// DELIVERs that hold nothing to keep: acknowledged at once.
    pub(crate) acks_at_once: Vec<Ack>,
    /// Tokens of parts to write again, and when.
    pub(crate) again: Vec<(u64, u64)>,
    /// Window given back, in parts.
    pub(crate) released: i64,
    pub(crate) throttled: bool,
    pub(crate) connected: bool,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) closed: Option<CloseCause>,
}

impl Gathered {
    /// Takes every event that the session has.
    pub(crate) fn take(&mut self, core: &Core, session: &mut Session, flights: &mut Flights) {
        let (at, now) = (core.settings.clock.now(), core.now_millis());
        while let Some(event) = session.poll_event() {
            match event {
                Event::SubmitAnswered { token, msg_id, result, .. } => {
                    self.throttled |= result == 8;
                    let step = flights.answered(token, msg_id, result);
                    self.step(core, step, now);
                }
                Event::Unanswered { request: Request::Submit, token }
                | Event::Lost { request: Request::Submit, token } => {
                    let step = flights.unanswered(token);
                    self.step(core, step, now);
                }
                Event::LateAnswer { request: Request::Submit, token, msg_id, result } => {
                    if let Some((outgoing, outcome)) = flights.late(token, msg_id, result) {
                        self.submitted.push(Submitted { outgoing, at, outcome });
                    }
                }
                Event::Report { sequence, report, deliver } => {
                    self.report(core, Ack { sequence, msg_id: deliver.msg_id }, &report, at);
                }
                Event::Inbound { sequence, deliver } => {
                    self.message(core, Ack { sequence, msg_id: deliver.msg_id }, &deliver, at);
                }
                Event::Connected { .. } => self.connected = true,
                Event::ConnectRefused(refusal) => self.refusal = Some(refusal),
                Event::Closed { cause } => self.closed = Some(cause),
                Event::Malformed { command, error, .. } => {
                    tracing::warn!(channel = %core.config.id, command, %error, "the carrier sent a malformed PDU");
                }
                Event::Unsupported { command, .. } => {
                    tracing::debug!(channel = %core.config.id, command, "the carrier sent an unknown command");
                }
                // A client asks nothing else and is asked nothing.
                Event::QueryAnswered { .. }
                | Event::CancelAnswered { .. }
                | Event::ConnectRequested { .. }
                | Event::Submit { .. }
                | Event::DeliverAnswered { .. }
                | Event::Query { .. }
                | Event::Cancel { .. }
                | Event::Unanswered { .. }
                | Event::Lost { .. }
                | Event::LateAnswer { .. } => {}
            }
        }
    }

    pub(crate) fn step(&mut self, core: &Core, step: Step, now: u64) {
        match step {
            Step::Wait => {}
            Step::Again { token } => self.again.push((now + PART_RETRY_MILLIS, token)),
            Step::Done(outgoing, outcome) => {
                self.released += i64::from(outgoing.parts);
                self.submitted.push(core.submitted(outgoing, outcome));
            }
        }
    }

    fn report(&mut self, core: &Core, ack: Ack, report: &Report, received_at: Timestamp) {
        let stat = report.stat.as_bytes();
        let status = match stat {
            b"DELIVRD" => ReceiptStatus::Delivered,
            b"ACCEPTD" => {
                self.acks_at_once.push(ack);
                return;
            }
            b"EXPIRED" => ReceiptStatus::Expired,
            _ => ReceiptStatus::Undelivered,
        };
        self.receipts.push(Receipt {
            gateway: core.config.gateway,
            carrier_id: CarrierMessageId::Number(report.msg_id.0),
            phone: phone(&report.dest_terminal_id),
            status,
            code: CarrierCode::new(stat),
            received_at,
        });
        self.acks.push(ack);
    }

    fn message(&mut self, core: &Core, ack: Ack, deliver: &Deliver<'_>, received_at: Timestamp) {
        let Some(from) = phone(&deliver.src_terminal_id) else {
            tracing::warn!(channel = %core.config.id, "an inbound message without a usable phone was dropped");
            self.acks_at_once.push(ack);
            return;
        };
        let to: Box<str> = deliver.dest_id.as_str().unwrap_or("").into();
        let decoded =
            decode(deliver.content.as_bytes(), deliver.msg_fmt, deliver.has_header(), Dialect::China);
        let (text, acks) = match decoded.concat {
            Some(concat) if concat.total > 1 => {
                let key = Key { from, to: to.clone(), reference: concat.reference, total: concat.total };
                let mut assembly = core.assembly.lock().unwrap_or_else(PoisonError::into_inner);
                match assembly.add(&key, concat, decoded.text, ack, core.now_millis()) {
                    Some(whole) => (whole.text, whole.acks),
                    None => return,
                }
            }
            _ => (decoded.text, vec![ack]),
        };
        self.acks.extend(acks);
        self.inbound.push(inbound(core, ack.msg_id, from, to, text, received_at));
    }

    /// Long messages whose other parts never came, joined from what did.
    pub(crate) fn take_expired(&mut self, core: &Core) {
        let expired = core.assembly.lock().unwrap_or_else(PoisonError::into_inner).expired(core.now_millis());
        for (key, whole) in expired {
            let id = whole.acks.first().map_or(MsgId(0), |ack| ack.msg_id);
            self.acks.extend(whole.acks);
            self.inbound.push(inbound(core, id, key.from, key.to, whole.text, core.settings.clock.now()));
        }
    }

    /// Tells the engine; waits when it has more than it can take, which stops this connection's reading.
    pub(crate) async fn tell(&mut self, core: &Core, handover: &Arc<Handover>, epoch: u64) {
        let id = core.config.id;
        if !self.submitted.is_empty() {
            let event = ChannelEvent::Submitted(std::mem::take(&mut self.submitted));
            let _closed_at_shutdown = core.events.send((id, event)).await;
        }
        if !self.receipts.is_empty() || !self.inbound.is_empty() {
            let event = ChannelEvent::Arrived {
                receipts: std::mem::take(&mut self.receipts),
                inbound: std::mem::take(&mut self.inbound),
                acknowledge: handover.acknowledge(epoch, std::mem::take(&mut self.acks)),
            };
            let _closed_at_shutdown = core.events.send((id, event)).await;
        }
    }
}

fn inbound(
    core: &Core,
    id: MsgId,
    from: Phone,
    to: Box<str>,
    text: String,
    received_at: Timestamp,
) -> Inbound {
    Inbound {
        gateway: core.config.gateway,
        channel: core.config.id,
        carrier_id: CarrierMessageId::Number(id.0),
        from,
        to,
        text,
        received_at,
    }
}

/// Carriers write mainland numbers with and without 86.
fn phone(field: &TerminalId) -> Option<Phone> {
    Phone::parse(field.as_str()?, Country::CN).ok()
}
