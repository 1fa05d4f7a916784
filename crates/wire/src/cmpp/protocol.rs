//! CMPP as the session needs it: log-in with an authenticator, version negotiation, PDUs.

use super::decode::{decode_body, decode_header};
use super::{
    Command, Connect, ConnectResp, Deliver, DeliverResp, HEADER_OCTETS, LIMITS, MsgId, Pdu, Query, QueryResp,
    Report, Reported, Submit, SubmitResp, Version, auth, encode,
};
use crate::error::{DecodeError, EncodeError};
use crate::frame::Limits;
use crate::octets::{Reader, Secret, same};
use crate::session::protocol::{Answered, Control, Greeting, Head, Kind};
use crate::session::{Event, Protocol, Request, Role};

/// `Status` of CONNECT_RESP: accepted.
const STATUS_OK: u32 = 0;
/// `Status` of CONNECT_RESP: the version is too high.
const STATUS_VERSION_TOO_HIGH: u32 = 4;
/// `Result` and `Status`: the structure of the PDU is wrong. Also `Success_Id`: failed.
const RESULT_STRUCTURE: u32 = 1;
/// Octets of a CONNECT_RESP in the layout of 2.0.
const CONNECT_RESP_TWO_OCTETS: usize = 30;

/// What CMPP remembers of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Cmpp {
    pub(super) version: Version,
    pub(super) side: Side,
}

/// What only one side of the log-in needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client { authenticator: [u8; 16], secret: Secret, check_server_authenticator: bool },
    Server { highest: Version },
}

/// Answers to other requests than SUBMIT and DELIVER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// QUERY_RESP.
    Query(QueryResp),
    /// CANCEL_RESP with `Success_Id`: 0 cancelled, 1 failed.
    Cancel(u32),
}

/// Requests other than SUBMIT and DELIVER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// QUERY. Reply with [`Pdu::QueryResp`].
    Query(Query),
    /// CANCEL. Reply with [`Pdu::CancelResp`].
    Cancel(MsgId),
}

/// Why a client was not logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 1 structure, 2 source address, 3 authentication, 5 and up other. Trying again without a change is
    /// useless for 1 to 3.
    #[error("the gateway refused the log-in with status {0}")]
    Status(u32),
    /// Status 4, with the highest version that the gateway speaks.
    #[error("the gateway speaks at most version {highest:#04x}")]
    VersionTooHigh {
        /// `Version` octet of the answer.
        highest: u8,
    },
    /// Version 3.0 was asked for and the answer has the layout of 2.0 (inference from practice, not from the
    /// specification).
    #[error("the gateway answered in the layout of version 2.0")]
    SpeaksTwo,
    /// `AuthenticatorISMG` is wrong: the peer does not know the secret, or computes it otherwise.
    #[error("the gateway's authenticator is wrong")]
    ServerNotAuthentic,
}

impl Refusal {
    /// The version to reconnect with, when another version may be accepted.
    #[must_use]
    pub fn retry_with(&self, asked: Version) -> Option<Version> {
        let retry = match self {
            Self::VersionTooHigh { highest } => Version::from_octet(*highest).unwrap_or(Version::V20),
            Self::SpeaksTwo => Version::V20,
            Self::Status(_) | Self::ServerNotAuthentic => return None,
        };
        (retry < asked).then_some(retry)
    }
}

impl Cmpp {
    /// A result code in the width of the version.
    fn narrowed(&self, result: u32) -> u32 {
        if self.version.is_three() { result } else { result.min(u8::MAX.into()) }
    }

    fn connect_resp(&self, status: u32, authenticator_gateway: [u8; 16]) -> Pdu<'static> {
        let version = match &self.side {
            Side::Server { highest } => highest.octet(),
            Side::Client { .. } => self.version.octet(),
        };
        Pdu::ConnectResp(ConnectResp { status: self.narrowed(status), authenticator_gateway, version })
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
        let authentic = !check_server_authenticator || same(&expected, &resp.authenticator_gateway);
        (!authentic).then_some(Refusal::ServerNotAuthentic)
    }
}

impl Protocol for Cmpp {
    const LIMITS: Limits = LIMITS;
    type Command = Command;
    type Version = Version;
    type Sequence = u32;
    type MsgId = MsgId;
    type LogIn = Connect;
    type Refusal = Refusal;
    type Answer = Answer;
    type Pdu<'a> = Pdu<'a>;
    type Submit<'a> = Submit<'a>;
    type Deliver<'a> = Deliver<'a>;
    type Report<'a> = Reported<'a>;
    type Ask<'a> = Ask;

    fn version(&self) -> Version {
        self.version
    }

    fn sequence(&self, number: u32) -> u32 {
        number
    }

    fn number(sequence: u32) -> u32 {
        sequence
    }

    fn head(octets: &[u8]) -> Result<Head<u32>, DecodeError> {
        let header = decode_header(octets)?;
        Ok(Head { command: header.command, sequence: header.sequence })
    }

    fn command(number: u32) -> Option<Command> {
        Command::from_number(number)
    }

    fn kind(command: Command) -> Kind {
        match command {
            Command::Connect => Kind::LogIn,
            Command::ConnectResp => Kind::LogInAnswer,
            Command::Terminate => Kind::Goodbye,
            Command::TerminateResp => Kind::GoodbyeAnswer,
            Command::ActiveTest => Kind::Heartbeat,
            Command::ActiveTestResp => Kind::HeartbeatAnswer,
            Command::Submit | Command::Query | Command::Cancel => Kind::Message(Some(Role::Server)),
            Command::Deliver => Kind::Message(Some(Role::Client)),
            Command::SubmitResp => Kind::Answer(Some(Request::Submit)),
            Command::DeliverResp => Kind::Answer(Some(Request::Deliver)),
            Command::QueryResp => Kind::Answer(Some(Request::Query)),
            Command::CancelResp => Kind::Answer(Some(Request::Cancel)),
        }
    }

    fn encode(&self, pdu: &Pdu<'_>, sequence: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encode(pdu, sequence, self.version, out)
    }

    fn control(control: Control) -> Option<Pdu<'static>> {
        Some(match control {
            Control::Heartbeat => Pdu::ActiveTest,
            Control::HeartbeatAnswer => Pdu::ActiveTestResp,
            Control::Goodbye => Pdu::Terminate,
            Control::GoodbyeAnswer => Pdu::TerminateResp,
        })
    }

    fn read_log_in(&mut self, octets: &[u8]) -> Result<Greeting<Self>, DecodeError> {
        let Pdu::Connect(connect) = decode_body(Command::Connect, octets, self.version)? else {
            return Err(DecodeError::UnknownCommand { command: decode_header(octets)?.command });
        };
        let Side::Server { highest } = self.side else { return Ok(Greeting::Ask(connect)) };
        let served = Version::from_octet(connect.version).filter(|version| *version <= highest);
        // The answer's layout follows the version that was asked for.
        self.version = served.unwrap_or(if connect.version < Version::V30.octet() {
            Version::V20
        } else {
            Version::V30
        });
        if served.is_none() {
            return Ok(Greeting::Refuse(self.connect_resp(STATUS_VERSION_TOO_HIGH, [0; 16])));
        }
        Ok(Greeting::Ask(connect))
    }

    fn read_log_in_answer(&mut self, octets: &[u8]) -> Result<Result<u8, Refusal>, DecodeError> {
        let Pdu::ConnectResp(resp) = decode_body(Command::ConnectResp, octets, self.version)? else {
            return Err(DecodeError::UnknownCommand { command: decode_header(octets)?.command });
        };
        Ok(self.refusal(octets.len(), &resp).map_or(Ok(resp.version), Err))
    }

    #[inline]
    fn read_answer(&self, command: Command, octets: &[u8]) -> Result<Answered<Self>, DecodeError> {
        Ok(match decode_body(command, octets, self.version)? {
            Pdu::SubmitResp(SubmitResp { msg_id, result })
            | Pdu::DeliverResp(DeliverResp { msg_id, result }) => Answered::Message { msg_id, result },
            Pdu::QueryResp(answer) => Answered::Other(Answer::Query(answer)),
            Pdu::CancelResp(success_id) => Answered::Other(Answer::Cancel(success_id)),
            other => return Err(DecodeError::UnknownCommand { command: other.command().number() }),
        })
    }

    #[inline]
    fn read_message<'a>(
        &self,
        _role: Role,
        command: Command,
        sequence: Self::Sequence,
        octets: &'a [u8],
    ) -> Result<Event<'a, Self>, DecodeError> {
        Ok(match decode_body(command, octets, self.version)? {
            Pdu::Submit(submit) => Event::Submit { sequence, submit },
            Pdu::Deliver(deliver) if deliver.is_report() => Event::Report {
                sequence,
                report: Reported { report: Report::decode(deliver.content)?, deliver },
            },
            Pdu::Deliver(deliver) => Event::Inbound { sequence, deliver },
            Pdu::Query(query) => Event::Asked { sequence, ask: Ask::Query(query) },
            Pdu::Cancel(msg_id) => Event::Asked { sequence, ask: Ask::Cancel(msg_id) },
            other => return Err(DecodeError::UnknownCommand { command: other.command().number() }),
        })
    }

    /// A DELIVER's id is repeated if it arrived.
    fn malformed(&self, head: Head<u32>, octets: &[u8]) -> Option<Pdu<'static>> {
        let msg_id = MsgId(0);
        let of_deliver = Reader::at(octets, HEADER_OCTETS).u64("Msg_Id").map_or(msg_id, MsgId);
        match Command::from_number(head.command)? {
            Command::Submit => Some(Pdu::SubmitResp(SubmitResp { msg_id, result: RESULT_STRUCTURE })),
            Command::Deliver => {
                Some(Pdu::DeliverResp(DeliverResp { msg_id: of_deliver, result: RESULT_STRUCTURE }))
            }
            Command::Cancel => Some(Pdu::CancelResp(RESULT_STRUCTURE)),
            _ => None,
        }
    }

    fn welcome(&self, log_in: &Connect, secret: &Secret) -> Pdu<'static> {
        let authenticator =
            auth::gateway_authenticator(self.version, STATUS_OK, &log_in.authenticator_source, secret);
        self.connect_resp(STATUS_OK, authenticator)
    }

    fn rejection(&self, _log_in: &Connect, status: u32) -> Pdu<'static> {
        self.connect_resp(status, [0; 16])
    }

    fn verify(log_in: &Connect, secret: &Secret) -> bool {
        auth::verify(log_in, secret)
    }

    fn submit_answer(&self, _sequence: u32, msg_id: MsgId, result: u32) -> Pdu<'static> {
        Pdu::SubmitResp(SubmitResp { msg_id, result: self.narrowed(result) })
    }

    fn deliver_answer(&self, _sequence: u32, msg_id: MsgId, result: u32) -> Pdu<'static> {
        Pdu::DeliverResp(DeliverResp { msg_id, result: self.narrowed(result) })
    }
}
