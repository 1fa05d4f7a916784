//! SGIP as the session needs it.
//!
//! Each direction is a connection of its own, opened by the side that has something to send: an SP's towards the
//! gateway carries SUBMIT, the gateway's towards the SP carries DELIVER and REPORT. Practice also knows gateways that
//! deliver over the SP's own connection, so a client takes them there.

use super::{
    Bind, Command, Deliver, LIMITS, LoginType, Pdu, Report, Sequence, Submit, Trace, UserReport, decode,
    decode_body, decode_header, encode, result,
};
use crate::error::{DecodeError, EncodeError};
use crate::frame::Limits;
use crate::octets::Secret;
use crate::session::protocol::{Answered, Control, Greeting, Head, Kind};
use crate::session::{Event, Protocol, Request, Role};

/// What SGIP remembers of a connection: what its own sequence numbers begin with.
#[derive(Debug, PartialEq, Eq)]
pub struct Sgip {
    pub(super) node: u32,
    pub(super) time: u32,
    /// The login type that is let in where a log-in is awaited.
    pub(super) expected: LoginType,
}

/// A request of the peer, as its answer must name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The sequence number.
    pub sequence: Sequence,
    /// Whether it is a REPORT, whose answer is another than a DELIVER's.
    pub report: bool,
}

/// No request but SUBMIT is answered with anything of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// TRACE_RESP with so many nodes.
    Trace {
        /// Nodes that the message passed.
        nodes: u8,
    },
}

/// Requests other than SUBMIT, DELIVER and REPORT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// USERRPT. Reply with [`Pdu::UserReportResp`].
    UserReport(UserReport),
    /// TRACE. Reply with [`Pdu::TraceResp`].
    Trace(Trace),
}

/// Why a BIND was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 1 name or password, 2 already logged in, 3 too many connections, 4 login type, others. Trying again without a
    /// change is useless for 1 and 4.
    #[error("the gateway refused the log-in with result {0}")]
    Result(u8),
}

fn narrowed(result: u32) -> u8 {
    u8::try_from(result).unwrap_or(u8::MAX)
}

fn unexpected(octets: &[u8]) -> DecodeError {
    match decode_header(octets) {
        Ok(header) => DecodeError::UnknownCommand { command: header.command },
        Err(error) => error,
    }
}

impl Protocol for Sgip {
    const LIMITS: Limits = LIMITS;
    type Command = Command;
    type Version = ();
    type Sequence = Place;
    type MsgId = Sequence;
    type LogIn = Bind;
    type Refusal = Refusal;
    type Answer = Answer;
    type Pdu<'a> = Pdu<'a>;
    type Submit<'a> = Submit<'a>;
    type Deliver<'a> = Deliver<'a>;
    type Report<'a> = Report;
    type Ask<'a> = Ask;

    fn version(&self) {}

    fn sequence(&self, number: u32) -> Place {
        Place { sequence: Sequence { node: self.node, time: self.time, number }, report: false }
    }

    fn number(place: Place) -> u32 {
        place.sequence.number
    }

    fn head(octets: &[u8]) -> Result<Head<Place>, DecodeError> {
        let header = decode_header(octets)?;
        let report = header.command == Command::Report.number();
        Ok(Head { command: header.command, sequence: Place { sequence: header.sequence, report } })
    }

    fn command(number: u32) -> Option<Command> {
        Command::from_number(number)
    }

    fn kind(command: Command) -> Kind {
        match command {
            Command::Bind => Kind::LogIn,
            Command::BindResp => Kind::LogInAnswer,
            Command::Unbind => Kind::Goodbye,
            Command::UnbindResp => Kind::GoodbyeAnswer,
            Command::Submit | Command::Trace => Kind::Message(Some(Role::Server)),
            Command::Deliver | Command::Report | Command::UserReport => Kind::Message(Some(Role::Client)),
            Command::SubmitResp => Kind::Answer(Some(Request::Submit)),
            Command::DeliverResp | Command::ReportResp | Command::UserReportResp => {
                Kind::Answer(Some(Request::Deliver))
            }
            Command::TraceResp => Kind::Answer(Some(Request::Query)),
        }
    }

    fn encode(&self, pdu: &Pdu<'_>, place: Place, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encode(pdu, place.sequence, out)
    }

    fn control(control: Control) -> Option<Pdu<'static>> {
        match control {
            Control::Heartbeat | Control::HeartbeatAnswer => None,
            Control::Goodbye => Some(Pdu::Unbind),
            Control::GoodbyeAnswer => Some(Pdu::UnbindResp),
        }
    }

    fn read_log_in(&mut self, octets: &[u8]) -> Result<Greeting<Self>, DecodeError> {
        let (_, Pdu::Bind(bind)) = decode(octets)? else { return Err(unexpected(octets)) };
        if bind.login_type != self.expected {
            return Ok(Greeting::Refuse(Pdu::BindResp(narrowed(result::LOGIN_TYPE))));
        }
        Ok(Greeting::Ask(bind))
    }

    fn read_log_in_answer(&mut self, octets: &[u8]) -> Result<Result<u8, Refusal>, DecodeError> {
        match decode(octets)? {
            (_, Pdu::BindResp(0)) => Ok(Ok(0)),
            (_, Pdu::BindResp(refused)) => Ok(Err(Refusal::Result(refused))),
            _ => Err(unexpected(octets)),
        }
    }

    #[inline]
    fn read_answer(&self, command: Command, octets: &[u8]) -> Result<Answered<Self>, DecodeError> {
        match decode_body(command, octets)? {
            Pdu::SubmitResp(result)
            | Pdu::DeliverResp(result)
            | Pdu::ReportResp(result)
            | Pdu::UserReportResp(result) => {
                Ok(Answered::Message { msg_id: decode_header(octets)?.sequence, result: result.into() })
            }
            Pdu::TraceResp(resp) => Ok(Answered::Other(Answer::Trace {
                nodes: u8::try_from(resp.lines().len()).unwrap_or(u8::MAX),
            })),
            _ => Err(unexpected(octets)),
        }
    }

    #[inline]
    fn read_message<'a>(
        &self,
        _role: Role,
        command: Command,
        sequence: Self::Sequence,
        octets: &'a [u8],
    ) -> Result<Event<'a, Self>, DecodeError> {
        match decode_body(command, octets)? {
            Pdu::Submit(submit) => Ok(Event::Submit { sequence, submit }),
            Pdu::Deliver(deliver) => Ok(Event::Inbound { sequence, deliver }),
            Pdu::Report(report) => Ok(Event::Report { sequence, report }),
            Pdu::UserReport(report) => Ok(Event::Asked { sequence, ask: Ask::UserReport(report) }),
            Pdu::Trace(trace) => Ok(Event::Asked { sequence, ask: Ask::Trace(trace) }),
            _ => Err(unexpected(octets)),
        }
    }

    fn malformed(&self, head: Head<Place>, _octets: &[u8]) -> Option<Pdu<'static>> {
        let wrong = narrowed(result::PARAMETER);
        match Command::from_number(head.command)? {
            Command::Submit => Some(Pdu::SubmitResp(wrong)),
            Command::Deliver => Some(Pdu::DeliverResp(wrong)),
            Command::Report => Some(Pdu::ReportResp(wrong)),
            Command::UserReport => Some(Pdu::UserReportResp(wrong)),
            _ => None,
        }
    }

    fn welcome(&self, _log_in: &Bind, _secret: &Secret) -> Pdu<'static> {
        Pdu::BindResp(narrowed(result::OK))
    }

    fn rejection(&self, _log_in: &Bind, status: u32) -> Pdu<'static> {
        Pdu::BindResp(narrowed(status))
    }

    fn verify(log_in: &Bind, secret: &Secret) -> bool {
        secret.is(log_in.login_password.0.as_bytes())
    }

    fn submit_answer(&self, _place: Place, _msg_id: Sequence, result: u32) -> Pdu<'static> {
        Pdu::SubmitResp(narrowed(result))
    }

    fn deliver_answer(&self, place: Place, _msg_id: Sequence, result: u32) -> Pdu<'static> {
        if place.report { Pdu::ReportResp(narrowed(result)) } else { Pdu::DeliverResp(narrowed(result)) }
    }
}
