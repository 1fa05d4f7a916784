//! What a session does with each PDU that arrives.

use std::ops::Range;

use super::{STATUS_OK, Session, Side};
use crate::cmpp::decode::{decode_body, decode_header};
use crate::cmpp::{
    Command, Connect, ConnectResp, DeliverResp, Event, HEADER_OCTETS, MsgId, Pdu, Refusal, Report,
    SubmitResp, Version, auth, encode,
};
use crate::error::DecodeError;
use crate::octets::Reader;
use crate::session::link::{Notice, Phase};
use crate::session::window::{Answer, Pending};
use crate::session::{CloseCause, Request, Role};

/// `Status` of CONNECT_RESP: the version is too high.
const STATUS_VERSION_TOO_HIGH: u32 = 4;
/// `Result` and `Status`: the structure of the PDU is wrong. Also `Success_Id`: failed.
const RESULT_STRUCTURE: u32 = 1;
/// Octets of a CONNECT_RESP in the layout of 2.0.
const CONNECT_RESP_TWO_OCTETS: usize = 30;

/// One step of polling.
enum Step {
    /// Told without borrowing.
    Tell(Event<'static>),
    /// A PDU whose content the event borrows.
    Message { command: Command, sequence: u32, frame: Range<usize> },
    /// Handled here.
    Handled,
    /// Nothing is left.
    Idle,
}

impl Session {
    /// The next event, or `None` when more input or time is needed. Decodes lazily: one PDU per event,
    /// nothing is copied.
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        loop {
            match self.step() {
                Step::Tell(event) => return Some(event),
                Step::Message { command, sequence, frame } => {
                    return Some(self.message(command, sequence, frame));
                }
                Step::Handled => {}
                Step::Idle => return None,
            }
        }
    }

    fn step(&mut self) -> Step {
        if let Some(frame) = self.link.next_frame() {
            return self.frame(frame);
        }
        match self.link.next_notice() {
            Some(Notice::Unanswered(Pending { request, token, .. })) => {
                Step::Tell(Event::Unanswered { request, token })
            }
            Some(Notice::Lost(Pending { request, token, .. })) => Step::Tell(Event::Lost { request, token }),
            Some(Notice::Closed(cause)) => Step::Tell(Event::Closed { cause }),
            None => Step::Idle,
        }
    }

    fn frame(&mut self, frame: Range<usize>) -> Step {
        let octets = self.link.input.get(frame.clone());
        // The framer has checked the length, so the header can always be read.
        let Ok(header) = decode_header(octets) else { return Step::Handled };
        let sequence = header.sequence;
        let unsupported = Step::Tell(Event::Unsupported { command: header.command, sequence });
        let Some(command) = Command::from_number(header.command) else {
            return unsupported;
        };
        if matches!(self.link.phase(), Phase::Opening(_)) && !fits_log_in(command) {
            self.link.close(CloseCause::NotLoggedIn { command: header.command });
            return Step::Handled;
        }
        let served = match command {
            Command::Submit | Command::Query | Command::Cancel | Command::Connect | Command::DeliverResp => {
                Role::Server
            }
            Command::Deliver
            | Command::SubmitResp
            | Command::QueryResp
            | Command::CancelResp
            | Command::ConnectResp => Role::Client,
            Command::ActiveTest | Command::ActiveTestResp | Command::Terminate | Command::TerminateResp => {
                self.role()
            }
        };
        if served != self.role() {
            return unsupported;
        }
        if matches!(command, Command::Submit | Command::Deliver) {
            return Step::Message { command, sequence, frame };
        }
        self.short_pdu(command, sequence, frame)
    }

    /// A PDU without borrowed content.
    fn short_pdu(&mut self, command: Command, sequence: u32, frame: Range<usize>) -> Step {
        let octets = self.link.input.get(frame);
        let length = octets.len();
        match decode_body(command, octets, self.version) {
            Ok(Pdu::Connect(connect)) => self.on_connect(sequence, connect),
            Ok(Pdu::ConnectResp(resp)) => self.on_connect_resp(length, &resp),
            Ok(Pdu::SubmitResp(resp)) => self.on_answer(sequence, Request::Submit, resp.msg_id, resp.result),
            Ok(Pdu::DeliverResp(resp)) => {
                self.on_answer(sequence, Request::Deliver, resp.msg_id, resp.result)
            }
            Ok(Pdu::QueryResp(answer)) => match self.link.answer(sequence, Request::Query) {
                Answer::InTime(Pending { token, .. }) => Step::Tell(Event::QueryAnswered { token, answer }),
                Answer::Late(_) | Answer::Stray => Step::Handled,
            },
            Ok(Pdu::CancelResp(success_id)) => match self.link.answer(sequence, Request::Cancel) {
                Answer::InTime(Pending { token, .. }) => {
                    Step::Tell(Event::CancelAnswered { token, success_id })
                }
                Answer::Late(_) | Answer::Stray => Step::Handled,
            },
            Ok(Pdu::Query(query)) => Step::Tell(Event::Query { sequence, query }),
            Ok(Pdu::Cancel(msg_id)) => Step::Tell(Event::Cancel { sequence, msg_id }),
            Ok(Pdu::ActiveTest) => {
                self.write(sequence, &Pdu::ActiveTestResp);
                Step::Handled
            }
            Ok(Pdu::Terminate) => {
                self.write(sequence, &Pdu::TerminateResp);
                self.link.close(CloseCause::PeerTerminated);
                Step::Handled
            }
            Ok(Pdu::TerminateResp) => {
                if matches!(self.link.phase(), Phase::Terminating(_)) {
                    self.link.close(CloseCause::Terminated);
                }
                Step::Handled
            }
            // A heartbeat's answer has done its work by arriving; SUBMIT and DELIVER never come here.
            Ok(Pdu::ActiveTestResp | Pdu::Submit(_) | Pdu::Deliver(_)) => Step::Handled,
            Err(error) => {
                Step::Tell(malformed(self.version, &mut self.link.output, command, sequence, octets, error))
            }
        }
    }

    fn on_answer(&mut self, sequence: u32, request: Request, msg_id: MsgId, result: u32) -> Step {
        let now = self.link.now();
        match self.link.answer(sequence, request) {
            Answer::InTime(pending) => {
                let (token, waited_ms) = (pending.token, now.since(pending.sent_at));
                Step::Tell(match request {
                    Request::Deliver => Event::DeliverAnswered { token, msg_id, result, waited_ms },
                    _ => Event::SubmitAnswered { token, msg_id, result, waited_ms },
                })
            }
            Answer::Late(Pending { token, .. }) => {
                Step::Tell(Event::LateAnswer { request, token, msg_id, result })
            }
            Answer::Stray => Step::Handled,
        }
    }

    fn message(&mut self, command: Command, sequence: u32, frame: Range<usize>) -> Event<'_> {
        let octets = self.link.input.get(frame);
        let decoded = decode_body(command, octets, self.version).and_then(|pdu| match pdu {
            Pdu::Submit(submit) => Ok(Event::Submit { sequence, submit }),
            Pdu::Deliver(deliver) if deliver.is_report() => {
                let report = Report::decode(deliver.content)?;
                Ok(Event::Report { sequence, report, deliver })
            }
            Pdu::Deliver(deliver) => Ok(Event::Inbound { sequence, deliver }),
            _ => Ok(Event::Unsupported { command: command.number(), sequence }),
        });
        match decoded {
            Ok(event) => event,
            Err(error) => malformed(self.version, &mut self.link.output, command, sequence, octets, error),
        }
    }

    fn on_connect(&mut self, sequence: u32, connect: Connect) -> Step {
        let Side::Server { highest, asking } = &mut self.side else { return Step::Handled };
        if !matches!(self.link.phase(), Phase::Opening(_)) || asking.is_some() {
            return Step::Tell(Event::Unsupported { command: Command::Connect.number(), sequence });
        }
        let served = Version::from_octet(connect.version).filter(|version| version <= highest);
        // The answer's layout follows the version that was asked for.
        self.version = served.unwrap_or(if connect.version < Version::V30.octet() {
            Version::V20
        } else {
            Version::V30
        });
        let Some(version) = served else {
            self.answer_connect(sequence, STATUS_VERSION_TOO_HIGH, [0; 16]);
            self.link.close(CloseCause::Refused);
            return Step::Handled;
        };
        *asking = Some((sequence, connect));
        Step::Tell(Event::ConnectRequested { connect, version })
    }

    fn on_connect_resp(&mut self, length: usize, resp: &ConnectResp) -> Step {
        if !matches!(self.link.phase(), Phase::Opening(_)) {
            return Step::Handled;
        }
        let refusal = self.refusal(length, resp);
        if let Some(refusal) = refusal {
            self.link.close(CloseCause::Refused);
            return Step::Tell(Event::ConnectRefused(refusal));
        }
        self.link.opened();
        Step::Tell(Event::Connected { version: self.version, server_version: resp.version })
    }

    fn refusal(&self, length: usize, resp: &ConnectResp) -> Option<Refusal> {
        let in_layout_of_two = length == CONNECT_RESP_TWO_OCTETS && self.version.is_three();
        match resp.status {
            STATUS_OK | STATUS_VERSION_TOO_HIGH if in_layout_of_two => return Some(Refusal::SpeaksTwo),
            STATUS_OK => {}
            STATUS_VERSION_TOO_HIGH => return Some(Refusal::VersionTooHigh { highest: resp.version }),
            status => return Some(Refusal::Status(status)),
        }
        let Side::Client { authenticator, secret, check_server_authenticator } = &self.side else {
            return None;
        };
        let expected = auth::gateway_authenticator(self.version, STATUS_OK, authenticator, secret);
        let authentic = !check_server_authenticator || auth::same(&expected, &resp.authenticator_gateway);
        (!authentic).then_some(Refusal::ServerNotAuthentic)
    }

    /// The CONNECT that waits for `accept` or `refuse`.
    pub(super) fn take_asking(&mut self) -> Option<(u32, Connect)> {
        if self.link.is_over() {
            return None;
        }
        match &mut self.side {
            Side::Server { asking, .. } => asking.take(),
            Side::Client { .. } => None,
        }
    }
}

/// What a peer may send while the log-in is under way.
fn fits_log_in(command: Command) -> bool {
    matches!(
        command,
        Command::Connect
            | Command::ConnectResp
            | Command::ActiveTest
            | Command::ActiveTestResp
            | Command::Terminate
            | Command::TerminateResp
    )
}

/// Answers a malformed request, where an answer can say so, and tells it. A free function, since the caller's
/// event may borrow the input. A DELIVER's id is repeated if it arrived.
fn malformed(
    version: Version,
    output: &mut Vec<u8>,
    command: Command,
    sequence: u32,
    octets: &[u8],
    error: DecodeError,
) -> Event<'static> {
    let msg_id = MsgId(0);
    let of_deliver = Reader::at(octets, HEADER_OCTETS).u64("Msg_Id").map_or(msg_id, MsgId);
    let answer = match command {
        Command::Submit => Some(Pdu::SubmitResp(SubmitResp { msg_id, result: RESULT_STRUCTURE })),
        Command::Deliver => {
            Some(Pdu::DeliverResp(DeliverResp { msg_id: of_deliver, result: RESULT_STRUCTURE }))
        }
        Command::Cancel => Some(Pdu::CancelResp(RESULT_STRUCTURE)),
        _ => None,
    };
    if let Some(answer) = answer {
        let written = encode(&answer, sequence, version, output);
        debug_assert!(written.is_ok(), "an answer with a small result always fits");
    }
    Event::Malformed { command: command.number(), sequence, error }
}
