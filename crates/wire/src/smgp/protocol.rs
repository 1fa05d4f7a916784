//! SMGP as the session needs it.

use super::{
    Command, Deliver, DeliverResp, HEADER_OCTETS, LIMITS, Login, LoginResp, MsgId, Pdu, Query, QueryResp,
    Report, Submit, SubmitResp, Version, auth, decode, decode_body, decode_header, encode,
};
use crate::error::{DecodeError, EncodeError};
use crate::frame::Limits;
use crate::octets::{Reader, Secret};
use crate::session::protocol::{Answered, Control, Greeting, Head, Kind};
use crate::session::{Event, Protocol, Request, Role};

/// `Status`: accepted, taken.
const STATUS_OK: u32 = 0;
/// `Status`: the structure of the PDU is wrong.
const STATUS_STRUCTURE: u32 = 10;

/// What SMGP remembers of a connection: the version whose Submit layout holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Smgp {
    pub(super) version: Version,
}

/// Requests other than Submit and Deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Query. Reply with [`Pdu::QueryResp`].
    Query(Query),
}

/// A status report with the Deliver that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported<'a> {
    /// The report, read.
    pub report: Report,
    /// The PDU that carried it.
    pub deliver: Deliver<'a>,
}

/// Why a Login was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 1 busy, 2 too many connections, 20 address, 21 authentication, 22 version too high, others. Trying again
    /// without a change is useless for 20 to 22.
    #[error("the gateway refused the log-in with status {0}")]
    Status(u32),
}

impl Smgp {
    fn body<'a>(&self, octets: &'a [u8]) -> Result<Pdu<'a>, DecodeError> {
        decode(octets, self.version).map(|(_, pdu)| pdu)
    }
}

fn unexpected(octets: &[u8]) -> DecodeError {
    match decode_header(octets) {
        Ok(header) => DecodeError::UnknownCommand { command: header.command },
        Err(error) => error,
    }
}

impl Protocol for Smgp {
    const LIMITS: Limits = LIMITS;
    type Command = Command;
    type Version = Version;
    type Sequence = u32;
    type MsgId = MsgId;
    type LogIn = Login;
    type Refusal = Refusal;
    type Answer = QueryResp;
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
            Command::Login => Kind::LogIn,
            Command::LoginResp => Kind::LogInAnswer,
            Command::Exit => Kind::Goodbye,
            Command::ExitResp => Kind::GoodbyeAnswer,
            Command::ActiveTest => Kind::Heartbeat,
            Command::ActiveTestResp => Kind::HeartbeatAnswer,
            Command::Submit | Command::Query => Kind::Message(Some(Role::Server)),
            Command::Deliver => Kind::Message(Some(Role::Client)),
            Command::SubmitResp => Kind::Answer(Some(Request::Submit)),
            Command::DeliverResp => Kind::Answer(Some(Request::Deliver)),
            Command::QueryResp => Kind::Answer(Some(Request::Query)),
        }
    }

    fn encode(&self, pdu: &Pdu<'_>, sequence: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encode(pdu, sequence, self.version, out)
    }

    fn control(control: Control) -> Option<Pdu<'static>> {
        Some(match control {
            Control::Heartbeat => Pdu::ActiveTest,
            Control::HeartbeatAnswer => Pdu::ActiveTestResp,
            Control::Goodbye => Pdu::Exit,
            Control::GoodbyeAnswer => Pdu::ExitResp,
        })
    }

    fn read_log_in(&mut self, octets: &[u8]) -> Result<Greeting<Self>, DecodeError> {
        let Pdu::Login(login) = self.body(octets)? else { return Err(unexpected(octets)) };
        self.version = Version::from_octet(login.client_version);
        Ok(Greeting::Ask(login))
    }

    /// The server's authenticator is not checked: implementations disagree on its form.
    fn read_log_in_answer(&mut self, octets: &[u8]) -> Result<Result<u8, Refusal>, DecodeError> {
        match self.body(octets)? {
            Pdu::LoginResp(resp) if resp.status == STATUS_OK => Ok(Ok(resp.server_version)),
            Pdu::LoginResp(resp) => Ok(Err(Refusal::Status(resp.status))),
            _ => Err(unexpected(octets)),
        }
    }

    #[inline]
    fn read_answer(&self, command: Command, octets: &[u8]) -> Result<Answered<Self>, DecodeError> {
        match decode_body(command, octets, self.version)? {
            Pdu::SubmitResp(SubmitResp { msg_id, status })
            | Pdu::DeliverResp(DeliverResp { msg_id, status }) => {
                Ok(Answered::Message { msg_id, result: status })
            }
            Pdu::QueryResp(answer) => Ok(Answered::Other(answer)),
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
        match decode_body(command, octets, self.version)? {
            Pdu::Submit(submit) => Ok(Event::Submit { sequence, submit }),
            Pdu::Deliver(deliver) if deliver.is_report == 1 => Ok(Event::Report {
                sequence,
                report: Reported { report: Report::decode(deliver.content)?, deliver },
            }),
            Pdu::Deliver(deliver) => Ok(Event::Inbound { sequence, deliver }),
            Pdu::Query(query) => Ok(Event::Asked { sequence, ask: Ask::Query(query) }),
            _ => Err(unexpected(octets)),
        }
    }

    /// A Deliver's id is repeated if it arrived.
    fn malformed(&self, head: Head<u32>, octets: &[u8]) -> Option<Pdu<'static>> {
        let status = STATUS_STRUCTURE;
        match Command::from_number(head.command)? {
            Command::Submit => Some(Pdu::SubmitResp(SubmitResp { msg_id: MsgId::default(), status })),
            Command::Deliver => {
                let msg_id =
                    super::decode::msg_id(&mut Reader::at(octets, HEADER_OCTETS)).unwrap_or_default();
                Some(Pdu::DeliverResp(DeliverResp { msg_id, status }))
            }
            _ => None,
        }
    }

    fn welcome(&self, log_in: &Login, secret: &Secret) -> Pdu<'static> {
        let authenticator_server =
            auth::server_authenticator(STATUS_OK, &log_in.authenticator_client, secret);
        Pdu::LoginResp(LoginResp {
            status: STATUS_OK,
            authenticator_server,
            server_version: self.version.octet(),
        })
    }

    fn rejection(&self, _log_in: &Login, status: u32) -> Pdu<'static> {
        Pdu::LoginResp(LoginResp {
            status,
            authenticator_server: [0; 16],
            server_version: self.version.octet(),
        })
    }

    fn verify(log_in: &Login, secret: &Secret) -> bool {
        auth::verify(log_in, secret)
    }

    fn submit_answer(&self, _sequence: u32, msg_id: MsgId, result: u32) -> Pdu<'static> {
        Pdu::SubmitResp(SubmitResp { msg_id, status: result })
    }

    fn deliver_answer(&self, _sequence: u32, msg_id: MsgId, result: u32) -> Pdu<'static> {
        Pdu::DeliverResp(DeliverResp { msg_id, status: result })
    }
}
