//! The PDUs of SMGP as values. One type serves both versions: `FixedFee` is ignored when 1.3 is written and is empty
//! when 1.3 was read. Widths and meanings: SMGP 3.0.3, chapter "message definitions".

use super::{MsgId, tag};
use crate::destinations::Destinations;
use crate::octets::{Content, Octets, TerminalId};
use crate::tlv::Tlvs;

/// `MsgType` of a message towards a phone.
const TYPE_MT: u8 = 6;

/// The header that every PDU begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `RequestID`, known or not.
    pub command: u32,
    /// `SequenceID`; an answer repeats its request's.
    pub sequence: u32,
}

/// The commands between a service provider and its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Command {
    /// Login
    Login = 0x1,
    /// Login_Resp
    LoginResp = 0x8000_0001,
    /// Submit
    Submit = 0x2,
    /// Submit_Resp
    SubmitResp = 0x8000_0002,
    /// Deliver
    Deliver = 0x3,
    /// Deliver_Resp
    DeliverResp = 0x8000_0003,
    /// Active_Test
    ActiveTest = 0x4,
    /// Active_Test_Resp
    ActiveTestResp = 0x8000_0004,
    /// Exit
    Exit = 0x6,
    /// Exit_Resp
    ExitResp = 0x8000_0006,
    /// Query
    Query = 0x7,
    /// Query_Resp
    QueryResp = 0x8000_0007,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 12] = [
        Self::Login,
        Self::Submit,
        Self::Deliver,
        Self::ActiveTest,
        Self::Exit,
        Self::Query,
        Self::LoginResp,
        Self::SubmitResp,
        Self::DeliverResp,
        Self::ActiveTestResp,
        Self::ExitResp,
        Self::QueryResp,
    ];

    /// `RequestID`.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The command of a `RequestID`; `None` for those between gateways and for nonsense.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.number() == number)
    }

    /// The name in the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "Login",
            Self::LoginResp => "Login_Resp",
            Self::Submit => "Submit",
            Self::SubmitResp => "Submit_Resp",
            Self::Deliver => "Deliver",
            Self::DeliverResp => "Deliver_Resp",
            Self::ActiveTest => "Active_Test",
            Self::ActiveTestResp => "Active_Test_Resp",
            Self::Exit => "Exit",
            Self::ExitResp => "Exit_Resp",
            Self::Query => "Query",
            Self::QueryResp => "Query_Resp",
        }
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginMode {
    /// 0: the client submits.
    Send,
    /// 1: the client receives.
    Receive,
    /// 2, or unknown: both.
    Both,
}

impl LoginMode {
    /// The octet on the wire.
    #[must_use]
    pub fn octet(self) -> u8 {
        match self {
            Self::Send => 0,
            Self::Receive => 1,
            Self::Both => 2,
        }
    }

    /// What an octet means.
    #[must_use]
    pub fn from_octet(octet: u8) -> Self {
        match octet {
            0 => Self::Send,
            1 => Self::Receive,
            _ => Self::Both,
        }
    }
}

/// Login: a client introduces itself. `Debug` shows the authenticator, which is a hash with a timestamp, not the
/// secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// `ClientID`.
    pub client_id: Octets<8>,
    /// `AuthenticatorClient`.
    pub authenticator_client: [u8; 16],
    /// `LoginMode`: see [`LoginMode`].
    pub login_mode: u8,
    /// `TimeStamp`: the decimal value of MMDDHHMMSS.
    pub timestamp: u32,
    /// `ClientVersion`.
    pub client_version: u8,
}

/// Login_Resp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginResp {
    /// 0 accepted, 20 address, 21 authentication, 22 version too high, others.
    pub status: u32,
    /// `AuthenticatorServer`.
    pub authenticator_server: [u8; 16],
    /// `ServerVersion`.
    pub server_version: u8,
}

/// Submit: a message on its way to one phone (or, liberally received, to as many as 100).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submit<'a> {
    /// `MsgType`: 6 towards a phone.
    pub msg_type: u8,
    /// `NeedReport`: 1 asks for a status report.
    pub need_report: u8,
    /// `Priority`, 0 to 3.
    pub priority: u8,
    /// `ServiceID`.
    pub service_id: Octets<10>,
    /// `FeeType`: "00" free, "01" per message, "02" monthly, "03" capped.
    pub fee_type: Octets<2>,
    /// `FeeCode`: fen, decimal digits.
    pub fee_code: Octets<6>,
    /// `FixedFee` (not in 1.3).
    pub fixed_fee: Octets<6>,
    /// `MsgFormat`: 0 ASCII, 4 binary, 8 UCS-2, 15 GB18030.
    pub msg_format: u8,
    /// `ValidTime`: absolute `YYMMDDhhmmsstnnp` or empty.
    pub valid_time: Octets<17>,
    /// `AtTime`: the same form, empty for at once.
    pub at_time: Octets<17>,
    /// `SrcTermID`: access code and extension that the phone shows.
    pub src_term_id: Octets<21>,
    /// `ChargeTermID`.
    pub charge_term_id: TerminalId,
    /// `DestTermIDCount` and `DestTermID`.
    pub destinations: Destinations<'a>,
    /// `MsgContent`, header included.
    pub content: Content<'a>,
    /// `Reserve`.
    pub reserve: Octets<8>,
    /// Optional parameters.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Submit<'a> {
    /// A submit to one phone that asks for a report and is free for the phone's owner; change other fields by struct
    /// update.
    #[must_use]
    pub fn to(destination: TerminalId, msg_format: u8, content: &'a [u8]) -> Self {
        Self {
            msg_type: TYPE_MT,
            need_report: 1,
            priority: 0,
            service_id: Octets::EMPTY,
            fee_type: Octets::from_field(b"00").unwrap_or_default(),
            fee_code: Octets::from_field(b"0").unwrap_or_default(),
            fixed_fee: Octets::from_field(b"0").unwrap_or_default(),
            msg_format,
            valid_time: Octets::EMPTY,
            at_time: Octets::EMPTY,
            src_term_id: Octets::EMPTY,
            charge_term_id: TerminalId::default(),
            destinations: Destinations::one(destination),
            content: Content(content),
            reserve: Octets::EMPTY,
            tlvs: Tlvs::NONE,
        }
    }

    /// Whether the content begins with a user data header, as the parameter `TP_udhi` says.
    #[must_use]
    pub fn has_header(&self) -> bool {
        has_header(&self.tlvs)
    }
}

/// Whether `TP_udhi` says so: the specified 1 and the 0x40 that some gateways send.
fn has_header(tlvs: &Tlvs<'_>) -> bool {
    tlvs.number(tag::TP_UDHI).is_some_and(|udhi| udhi & 0x41 != 0)
}

/// Submit_Resp. A Submit to n phones gets one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmitResp {
    /// `MsgID`.
    pub msg_id: MsgId,
    /// `Status`: 0 taken.
    pub status: u32,
}

/// Deliver: a message from a phone, or a status report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deliver<'a> {
    /// `MsgID` of this Deliver.
    pub msg_id: MsgId,
    /// `IsReport`: 1 when the content is a status report.
    pub is_report: u8,
    /// `MsgFormat`.
    pub msg_format: u8,
    /// `RecvTime`, YYYYMMDDHHMMSS.
    pub recv_time: Octets<14>,
    /// `SrcTermID`: the phone.
    pub src_term_id: TerminalId,
    /// `DestTermID`: access code and extension.
    pub dest_term_id: Octets<21>,
    /// `MsgContent`.
    pub content: Content<'a>,
    /// `Reserve`.
    pub reserve: Octets<8>,
    /// Optional parameters.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Deliver<'a> {
    /// A message from `phone` to the access code `dest`; change other fields by struct update.
    #[must_use]
    pub fn inbound(phone: TerminalId, dest: Octets<21>, msg_format: u8, content: &'a [u8]) -> Self {
        Self {
            msg_id: MsgId::default(),
            is_report: 0,
            msg_format,
            recv_time: Octets::EMPTY,
            src_term_id: phone,
            dest_term_id: dest,
            content: Content(content),
            reserve: Octets::EMPTY,
            tlvs: Tlvs::NONE,
        }
    }

    /// Whether the content begins with a user data header, as the parameter `TP_udhi` says.
    #[must_use]
    pub fn has_header(&self) -> bool {
        has_header(&self.tlvs)
    }
}

/// Deliver_Resp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverResp {
    /// `MsgID` of the Deliver.
    pub msg_id: MsgId,
    /// `Status`: 0 taken.
    pub status: u32,
}

/// Query: counters of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Query {
    /// `QueryTime`, YYYYMMDD.
    pub query_time: Octets<8>,
    /// `QueryType`: 0 all, 1 by service.
    pub query_type: u8,
    /// `QueryCode`: the service.
    pub query_code: Octets<10>,
}

/// The counters of a Query_Resp in the specification's order: messages and phones received from the service provider,
/// forwarded, waiting, failed; then delivered to it, waiting, failed.
pub type QueryCounts = [u32; 8];

/// Query_Resp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryResp {
    /// The request's fields.
    pub query: Query,
    /// The counters.
    pub counts: QueryCounts,
}

/// Any PDU between a service provider and its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pdu<'a> {
    /// Login
    Login(Login),
    /// Login_Resp
    LoginResp(LoginResp),
    /// Submit
    Submit(Submit<'a>),
    /// Submit_Resp
    SubmitResp(SubmitResp),
    /// Deliver
    Deliver(Deliver<'a>),
    /// Deliver_Resp
    DeliverResp(DeliverResp),
    /// Active_Test
    ActiveTest,
    /// Active_Test_Resp
    ActiveTestResp,
    /// Exit
    Exit,
    /// Exit_Resp
    ExitResp,
    /// Query
    Query(Query),
    /// Query_Resp
    QueryResp(QueryResp),
}

impl Pdu<'_> {
    /// The PDU's command.
    #[must_use]
    pub fn command(&self) -> Command {
        match self {
            Self::Login(_) => Command::Login,
            Self::LoginResp(_) => Command::LoginResp,
            Self::Submit(_) => Command::Submit,
            Self::SubmitResp(_) => Command::SubmitResp,
            Self::Deliver(_) => Command::Deliver,
            Self::DeliverResp(_) => Command::DeliverResp,
            Self::ActiveTest => Command::ActiveTest,
            Self::ActiveTestResp => Command::ActiveTestResp,
            Self::Exit => Command::Exit,
            Self::ExitResp => Command::ExitResp,
            Self::Query(_) => Command::Query,
            Self::QueryResp(_) => Command::QueryResp,
        }
    }
}
