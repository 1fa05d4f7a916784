//! SMPP as the session needs it.

use super::{
    AlertNotification, Bind, BindResp, CancelSm, Command, LIMITS, MessageResp, Outbind, Pdu, QuerySm,
    QuerySmResp, Receipt, ReplaceSm, ShortMessage, Version, decode, decode_body, decode_header, encode,
    status, tag,
};
use crate::error::{DecodeError, EncodeError};
use crate::frame::Limits;
use crate::octets::{Octets, Secret};
use crate::session::protocol::{Answered, Control, Greeting, Head, Kind};
use crate::session::{Event, Protocol, Request, Role};
use crate::tlv::Tlvs;

/// Bit of `command_id` that answers have.
const ANSWER_BIT: u32 = 0x8000_0000;
/// `sc_interface_version` of a server of 3.4 and of 5.0.
const INTERFACE_V34: &[u8] = &[0x02, 0x10, 0x00, 0x01, 0x34];
const INTERFACE_V50: &[u8] = &[0x02, 0x10, 0x00, 0x01, 0x50];

/// What SMPP remembers of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Smpp {
    pub(super) version: Version,
    /// The message centre's own name, told in bind answers.
    pub(super) system_id: Octets<16>,
    /// A client that waits for a message centre's outbind: what it then binds with.
    pub(super) in_turn: Option<Bind>,
}

/// A request of the peer, as its answer must name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// `sequence_number`.
    pub sequence: u32,
    /// Whether it is a data_sm, whose answer is another than a submit_sm's or deliver_sm's.
    pub data: bool,
}

/// Answers to other requests than submit_sm, deliver_sm and data_sm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// query_sm_resp
    Query(QuerySmResp),
    /// cancel_sm_resp with its status.
    Cancel(u32),
    /// replace_sm_resp with its status.
    Replace(u32),
}

/// Requests other than submit_sm, deliver_sm and data_sm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask<'a> {
    /// query_sm. Reply with [`Pdu::QuerySmResp`].
    Query(QuerySm),
    /// cancel_sm. Reply with [`Pdu::CancelSmResp`].
    Cancel(CancelSm),
    /// replace_sm. Reply with [`Pdu::ReplaceSmResp`].
    Replace(ReplaceSm<'a>),
    /// alert_notification, which is not answered.
    Alert(AlertNotification<'a>),
}

/// A receipt with the deliver_sm or data_sm that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported<'a> {
    /// The receipt, read.
    pub receipt: Receipt,
    /// The PDU that carried it.
    pub deliver: ShortMessage<'a>,
}

/// Why a bind was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 0x05 already bound, 0x0D bind failed, 0x0E password, 0x0F system_id, others. Trying again without a change is
    /// useless for 0x0E and 0x0F.
    #[error("the message centre refused the bind with status {0:#010x}")]
    Status(u32),
}

fn unexpected(octets: &[u8]) -> DecodeError {
    match decode_header(octets) {
        Ok(header) => DecodeError::UnknownCommand { command: header.command },
        Err(error) => error,
    }
}

impl Smpp {
    fn bind_resp(&self, bind: &Bind, status: u32) -> Pdu<'static> {
        let interface = match self.version {
            Version::V34 => INTERFACE_V34,
            Version::V50 => INTERFACE_V50,
        };
        let tlvs = if status == status::OK { Tlvs::new(interface) } else { Tlvs::NONE };
        Pdu::BindResp(BindResp { kind: bind.kind, status, system_id: self.system_id, tlvs })
    }
}

impl Protocol for Smpp {
    const LIMITS: Limits = LIMITS;
    const LARGEST_SEQUENCE: u32 = 0x7FFF_FFFF;
    type Command = Command;
    type Version = Version;
    type Sequence = Place;
    type MsgId = Octets<65>;
    type LogIn = Bind;
    type Refusal = Refusal;
    type Answer = Answer;
    type Pdu<'a> = Pdu<'a>;
    type Submit<'a> = ShortMessage<'a>;
    type Deliver<'a> = ShortMessage<'a>;
    type Report<'a> = Reported<'a>;
    type Ask<'a> = Ask<'a>;

    fn version(&self) -> Version {
        self.version
    }

    fn sequence(&self, number: u32) -> Place {
        Place { sequence: number, data: false }
    }

    fn number(place: Place) -> u32 {
        place.sequence
    }

    fn head(octets: &[u8]) -> Result<Head<Place>, DecodeError> {
        let header = decode_header(octets)?;
        let data = header.command == Command::DataSm.number();
        Ok(Head { command: header.command, sequence: Place { sequence: header.sequence, data } })
    }

    fn command(number: u32) -> Option<Command> {
        Command::from_number(number)
    }

    fn kind(command: Command) -> Kind {
        match command {
            Command::BindReceiver
            | Command::BindTransmitter
            | Command::BindTransceiver
            | Command::Outbind => Kind::LogIn,
            Command::BindReceiverResp | Command::BindTransmitterResp | Command::BindTransceiverResp => {
                Kind::LogInAnswer
            }
            Command::Unbind => Kind::Goodbye,
            Command::UnbindResp => Kind::GoodbyeAnswer,
            Command::EnquireLink => Kind::Heartbeat,
            Command::EnquireLinkResp => Kind::HeartbeatAnswer,
            Command::SubmitSm | Command::QuerySm | Command::CancelSm | Command::ReplaceSm => {
                Kind::Message(Some(Role::Server))
            }
            Command::DeliverSm | Command::AlertNotification => Kind::Message(Some(Role::Client)),
            Command::SubmitSmResp => Kind::Answer(Some(Request::Submit)),
            Command::DeliverSmResp => Kind::Answer(Some(Request::Deliver)),
            Command::QuerySmResp => Kind::Answer(Some(Request::Query)),
            Command::CancelSmResp | Command::ReplaceSmResp => Kind::Answer(Some(Request::Cancel)),
            Command::DataSmResp | Command::GenericNack => Kind::Answer(None),
            Command::DataSm => Kind::Message(None),
        }
    }

    fn encode(&self, pdu: &Pdu<'_>, place: Place, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encode(pdu, place.sequence, out)
    }

    fn control(control: Control) -> Option<Pdu<'static>> {
        Some(match control {
            Control::Heartbeat => Pdu::EnquireLink,
            Control::HeartbeatAnswer => Pdu::EnquireLinkResp(status::OK),
            Control::Goodbye => Pdu::Unbind,
            Control::GoodbyeAnswer => Pdu::UnbindResp(status::OK),
        })
    }

    fn read_log_in(&mut self, octets: &[u8]) -> Result<Greeting<Self>, DecodeError> {
        match (decode(octets)?.1, &self.in_turn) {
            (Pdu::Bind(bind), None) => {
                self.version = self.version.min(Version::from_octet(bind.interface_version));
                Ok(Greeting::Ask(bind))
            }
            // Who calls, as if it had bound: its name and its password are what there is to look at.
            (Pdu::Outbind(Outbind { system_id, password }), Some(ours)) => {
                Ok(Greeting::Ask(Bind { system_id, password, ..*ours }))
            }
            _ => Err(unexpected(octets)),
        }
    }

    fn read_log_in_answer(&mut self, octets: &[u8]) -> Result<Result<u8, Refusal>, DecodeError> {
        let (_, Pdu::BindResp(resp)) = decode(octets)? else { return Err(unexpected(octets)) };
        if resp.status != status::OK {
            return Ok(Err(Refusal::Status(resp.status)));
        }
        let served =
            resp.tlvs.number(tag::SC_INTERFACE_VERSION).and_then(|version| u8::try_from(version).ok());
        Ok(Ok(served.unwrap_or(0)))
    }

    #[inline]
    fn read_answer(&self, command: Command, octets: &[u8]) -> Result<Answered<Self>, DecodeError> {
        Ok(match decode_body(command, octets)? {
            Pdu::SubmitSmResp(resp) | Pdu::DeliverSmResp(resp) | Pdu::DataSmResp(resp) => {
                Answered::Message { msg_id: resp.message_id, result: resp.status }
            }
            // A negative acknowledgement without a status refuses all the same.
            Pdu::GenericNack(status) => {
                let result = if status == status::OK { status::SYSTEM_ERROR } else { status };
                Answered::Message { msg_id: Octets::EMPTY, result }
            }
            Pdu::QuerySmResp(resp) => Answered::Other(Answer::Query(resp)),
            Pdu::CancelSmResp(status) => Answered::Other(Answer::Cancel(status)),
            Pdu::ReplaceSmResp(status) => Answered::Other(Answer::Replace(status)),
            _ => return Err(unexpected(octets)),
        })
    }

    #[inline]
    fn read_message<'a>(
        &self,
        role: Role,
        command: Command,
        sequence: Self::Sequence,
        octets: &'a [u8],
    ) -> Result<Event<'a, Self>, DecodeError> {
        let message = match decode_body(command, octets)? {
            Pdu::SubmitSm(submit) => return Ok(Event::Submit { sequence, submit }),
            Pdu::QuerySm(query) => return Ok(Event::Asked { sequence, ask: Ask::Query(query) }),
            Pdu::CancelSm(cancel) => return Ok(Event::Asked { sequence, ask: Ask::Cancel(cancel) }),
            Pdu::ReplaceSm(replace) => return Ok(Event::Asked { sequence, ask: Ask::Replace(replace) }),
            Pdu::AlertNotification(alert) => return Ok(Event::Asked { sequence, ask: Ask::Alert(alert) }),
            Pdu::DeliverSm(deliver) => deliver,
            Pdu::DataSm(data) => ShortMessage::of_data(&data),
            _ => return Err(unexpected(octets)),
        };
        Ok(match role {
            Role::Server => Event::Submit { sequence, submit: message },
            Role::Client if message.is_receipt() => Event::Report {
                sequence,
                report: Reported { receipt: Receipt::of(&message)?, deliver: message },
            },
            Role::Client => Event::Inbound { sequence, deliver: message },
        })
    }

    fn malformed(&self, head: Head<Place>, _octets: &[u8]) -> Option<Pdu<'static>> {
        let resp = MessageResp::new(status::BAD_LENGTH, Octets::EMPTY);
        match Command::from_number(head.command)? {
            Command::SubmitSm => Some(Pdu::SubmitSmResp(resp)),
            Command::DeliverSm => Some(Pdu::DeliverSmResp(resp)),
            Command::DataSm => Some(Pdu::DataSmResp(resp)),
            Command::QuerySm | Command::CancelSm | Command::ReplaceSm => {
                Some(Pdu::GenericNack(status::BAD_LENGTH))
            }
            _ => None,
        }
    }

    fn unsupported(&self, head: Head<Place>) -> Option<Pdu<'static>> {
        (head.command & ANSWER_BIT == 0).then_some(Pdu::GenericNack(status::BAD_COMMAND))
    }

    fn welcome(&self, log_in: &Bind, _secret: &Secret) -> Pdu<'static> {
        self.bind_resp(log_in, status::OK)
    }

    fn in_turn(&self) -> Option<Pdu<'static>> {
        self.in_turn.map(Pdu::Bind)
    }

    fn rejection(&self, log_in: &Bind, status: u32) -> Pdu<'static> {
        self.bind_resp(log_in, status)
    }

    fn verify(log_in: &Bind, secret: &Secret) -> bool {
        secret.is(log_in.password.0.as_bytes())
    }

    fn submit_answer(&self, place: Place, msg_id: Octets<65>, result: u32) -> Pdu<'static> {
        let resp = MessageResp::new(result, msg_id);
        if place.data { Pdu::DataSmResp(resp) } else { Pdu::SubmitSmResp(resp) }
    }

    /// A message centre expects no id.
    fn deliver_answer(&self, place: Place, _msg_id: Octets<65>, result: u32) -> Pdu<'static> {
        let resp = MessageResp::new(result, Octets::EMPTY);
        if place.data { Pdu::DataSmResp(resp) } else { Pdu::DeliverSmResp(resp) }
    }
}
