//! The PDUs of CMPP as values. One type serves both versions: a field that only 3.0 has is ignored when 2.0
//! is written and is zero or empty when 2.0 was read. Widths and meanings: CMPP 2.0 and 3.0, chapter "message
//! definitions".

use super::{MsgId, Report};
use crate::destinations::Destinations;
use crate::octets::{Content, Octets, TerminalId};

/// Bits of `TP_udhi` that mean "a user data header is present": the specified 1 and the 0x40 that some
/// gateways send.
const UDHI_BITS: u8 = 0x41;

/// The header that every PDU begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `Command_Id`, known or not.
    pub command: u32,
    /// `Sequence_Id`; an answer repeats its request's.
    pub sequence: u32,
}

/// The commands between a service provider and its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Command {
    /// CONNECT
    Connect = 0x0000_0001,
    /// CONNECT_RESP
    ConnectResp = 0x8000_0001,
    /// TERMINATE
    Terminate = 0x0000_0002,
    /// TERMINATE_RESP
    TerminateResp = 0x8000_0002,
    /// SUBMIT
    Submit = 0x0000_0004,
    /// SUBMIT_RESP
    SubmitResp = 0x8000_0004,
    /// DELIVER
    Deliver = 0x0000_0005,
    /// DELIVER_RESP
    DeliverResp = 0x8000_0005,
    /// QUERY
    Query = 0x0000_0006,
    /// QUERY_RESP
    QueryResp = 0x8000_0006,
    /// CANCEL
    Cancel = 0x0000_0007,
    /// CANCEL_RESP
    CancelResp = 0x8000_0007,
    /// ACTIVE_TEST
    ActiveTest = 0x0000_0008,
    /// ACTIVE_TEST_RESP
    ActiveTestResp = 0x8000_0008,
}

impl Command {
    /// Every command, requests before answers.
    pub const ALL: [Self; 14] = [
        Self::Connect,
        Self::Terminate,
        Self::Submit,
        Self::Deliver,
        Self::Query,
        Self::Cancel,
        Self::ActiveTest,
        Self::ConnectResp,
        Self::TerminateResp,
        Self::SubmitResp,
        Self::DeliverResp,
        Self::QueryResp,
        Self::CancelResp,
        Self::ActiveTestResp,
    ];

    /// `Command_Id`.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The command of a `Command_Id`; `None` for gateway-to-gateway commands (FWD, routes) and for nonsense.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.number() == number)
    }

    /// The name in the specification, such as `CMPP_SUBMIT`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "CMPP_CONNECT",
            Self::ConnectResp => "CMPP_CONNECT_RESP",
            Self::Terminate => "CMPP_TERMINATE",
            Self::TerminateResp => "CMPP_TERMINATE_RESP",
            Self::Submit => "CMPP_SUBMIT",
            Self::SubmitResp => "CMPP_SUBMIT_RESP",
            Self::Deliver => "CMPP_DELIVER",
            Self::DeliverResp => "CMPP_DELIVER_RESP",
            Self::Query => "CMPP_QUERY",
            Self::QueryResp => "CMPP_QUERY_RESP",
            Self::Cancel => "CMPP_CANCEL",
            Self::CancelResp => "CMPP_CANCEL_RESP",
            Self::ActiveTest => "CMPP_ACTIVE_TEST",
            Self::ActiveTestResp => "CMPP_ACTIVE_TEST_RESP",
        }
    }
}

/// CONNECT: a client introduces itself. `Debug` shows the authenticator, which is a hash with a timestamp,
/// not the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect {
    /// `Source_Addr`: the service provider's SP_Id.
    pub source_addr: Octets<6>,
    /// `AuthenticatorSource`.
    pub authenticator_source: [u8; 16],
    /// `Version`, known or not.
    pub version: u8,
    /// `Timestamp`: the decimal value of MMDDHHMMSS.
    pub timestamp: u32,
}

/// CONNECT_RESP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectResp {
    /// 0 accepted, 1 structure, 2 source address, 3 authentication, 4 version too high, 5 and up other.
    pub status: u32,
    /// `AuthenticatorISMG`; zeros on refusal.
    pub authenticator_gateway: [u8; 16],
    /// The server's highest version.
    pub version: u8,
}

/// SUBMIT: a message on its way to one phone (or, liberally received, to as many as 100).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submit<'a> {
    /// `Msg_Id`: 0 from a service provider.
    pub msg_id: MsgId,
    /// `Pk_total`: parts of the long message, from 1.
    pub pk_total: u8,
    /// `Pk_number`: which part, from 1.
    pub pk_number: u8,
    /// `Registered_Delivery`: 1 asks for a status report.
    pub registered_delivery: u8,
    /// `Msg_level`: priority.
    pub msg_level: u8,
    /// `Service_Id`.
    pub service_id: Octets<10>,
    /// `Fee_UserType`: 0 destination pays, 1 source, 2 service provider, 3 the next field.
    pub fee_user_type: u8,
    /// `Fee_terminal_Id`.
    pub fee_terminal_id: TerminalId,
    /// `Fee_terminal_type` (3.0): 0 real number, 1 pseudo code.
    pub fee_terminal_type: u8,
    /// `TP_pId`.
    pub tp_pid: u8,
    /// `TP_udhi`: 1 when the content begins with a user data header. See [`Submit::has_header`].
    pub tp_udhi: u8,
    /// `Msg_Fmt`: 0 ASCII, 4 binary, 8 UCS-2, 15 GB18030.
    pub msg_fmt: u8,
    /// `Msg_src`: the SP_Id.
    pub msg_src: Octets<6>,
    /// `FeeType`: "01" free, "02" per message, "03" monthly.
    pub fee_type: Octets<2>,
    /// `FeeCode`: fen, decimal digits.
    pub fee_code: Octets<6>,
    /// `ValId_Time`: absolute `YYMMDDhhmmsstnnp` or empty.
    pub valid_time: Octets<17>,
    /// `At_Time`: the same form, empty for at once.
    pub at_time: Octets<17>,
    /// `Src_Id`: access code and extension that the phone shows.
    pub src_id: Octets<21>,
    /// `Dest_terminal_Id`, one or several.
    pub destinations: Destinations<'a>,
    /// `Dest_terminal_type` (3.0), one for all destinations.
    pub dest_terminal_type: u8,
    /// `Msg_Content`, header included.
    pub content: Content<'a>,
    /// `LinkID` (3.0, 20 octets) or `Reserve` (2.0, 8 octets).
    pub link_id: Octets<20>,
}

impl<'a> Submit<'a> {
    /// A single-part submit to one phone that asks for a report and is free for the phone's owner (the
    /// service provider pays, fee type "01", fee code "0"); change other fields by struct update.
    #[must_use]
    pub fn to(destination: TerminalId, msg_fmt: u8, content: &'a [u8]) -> Self {
        Self {
            msg_id: MsgId(0),
            pk_total: 1,
            pk_number: 1,
            registered_delivery: 1,
            msg_level: 0,
            service_id: Octets::EMPTY,
            fee_user_type: 2,
            fee_terminal_id: TerminalId::default(),
            fee_terminal_type: 0,
            tp_pid: 0,
            tp_udhi: 0,
            msg_fmt,
            msg_src: Octets::EMPTY,
            fee_type: Octets::from_field(b"01").unwrap_or_default(),
            fee_code: Octets::from_field(b"0").unwrap_or_default(),
            valid_time: Octets::EMPTY,
            at_time: Octets::EMPTY,
            src_id: Octets::EMPTY,
            destinations: Destinations::one(destination),
            dest_terminal_type: 0,
            content: Content(content),
            link_id: Octets::EMPTY,
        }
    }

    /// Whether the content begins with a user data header.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.tp_udhi & UDHI_BITS != 0
    }
}

/// SUBMIT_RESP. A submit to n phones gets one id, which stands for n consecutive ones
/// ([`MsgId::of_destination`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmitResp {
    /// `Msg_Id`.
    pub msg_id: MsgId,
    /// `Result`: 0 taken, 8 flow control, others refused.
    pub result: u32,
}

/// DELIVER: a message from a phone, or a status report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deliver<'a> {
    /// `Msg_Id` of this DELIVER, not of any SUBMIT.
    pub msg_id: MsgId,
    /// `Dest_Id`: access code and extension that the phone wrote to.
    pub dest_id: Octets<21>,
    /// `Service_Id`.
    pub service_id: Octets<10>,
    /// `TP_pid`.
    pub tp_pid: u8,
    /// `TP_udhi`. See [`Deliver::has_header`].
    pub tp_udhi: u8,
    /// `Msg_Fmt`.
    pub msg_fmt: u8,
    /// `Src_terminal_Id`: the phone.
    pub src_terminal_id: TerminalId,
    /// `Src_terminal_type` (3.0).
    pub src_terminal_type: u8,
    /// `Registered_Delivery`: 1 when the content is a status report.
    pub registered_delivery: u8,
    /// `Msg_Content`.
    pub content: Content<'a>,
    /// `LinkID` (3.0, 20 octets) or `Reserved` (2.0, 8 octets).
    pub link_id: Octets<20>,
}

impl<'a> Deliver<'a> {
    /// A message from `phone` to the access code `dest_id`; change other fields by struct update.
    #[must_use]
    pub fn inbound(phone: TerminalId, dest_id: Octets<21>, msg_fmt: u8, content: &'a [u8]) -> Self {
        Self {
            msg_id: MsgId(0),
            dest_id,
            service_id: Octets::EMPTY,
            tp_pid: 0,
            tp_udhi: 0,
            msg_fmt,
            src_terminal_id: phone,
            src_terminal_type: 0,
            registered_delivery: 0,
            content: Content(content),
            link_id: Octets::EMPTY,
        }
    }

    /// A status report about `phone` to the access code `dest_id`; `content` comes from
    /// [`super::Report::encode`].
    #[must_use]
    pub fn report(phone: TerminalId, dest_id: Octets<21>, content: &'a [u8]) -> Self {
        Self { registered_delivery: 1, ..Self::inbound(phone, dest_id, 0, content) }
    }

    /// Whether the content is a status report.
    #[must_use]
    pub fn is_report(&self) -> bool {
        self.registered_delivery == 1
    }

    /// Whether the content begins with a user data header.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.tp_udhi & UDHI_BITS != 0
    }
}

/// A status report with the DELIVER that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported<'a> {
    /// The report, read.
    pub report: Report,
    /// The PDU that carried it.
    pub deliver: Deliver<'a>,
}

/// DELIVER_RESP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverResp {
    /// `Msg_Id` of the DELIVER.
    pub msg_id: MsgId,
    /// `Result`: 0 taken.
    pub result: u32,
}

/// QUERY: counters of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Query {
    /// `Time`, YYYYMMDD.
    pub time: Octets<8>,
    /// `Query_Type`: 0 all, 1 by service.
    pub query_type: u8,
    /// `Query_Code`: the service.
    pub query_code: Octets<10>,
}

/// The counters of a QUERY_RESP, named as in the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryCounts {
    /// `MT_TLMsg`: messages received from the service provider.
    pub mt_messages: u32,
    /// `MT_Tlusr`: phones received from the service provider.
    pub mt_users: u32,
    /// `MT_Scs`: forwarded.
    pub mt_success: u32,
    /// `MT_WT`: waiting.
    pub mt_waiting: u32,
    /// `MT_FL`: failed.
    pub mt_failed: u32,
    /// `MO_Scs`: delivered to the service provider.
    pub mo_success: u32,
    /// `MO_WT`: waiting for the service provider.
    pub mo_waiting: u32,
    /// `MO_FL`: failed towards the service provider.
    pub mo_failed: u32,
}

/// QUERY_RESP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryResp {
    /// `Time`, `Query_Type` and `Query_Code` of the request.
    pub query: Query,
    /// The counters.
    pub counts: QueryCounts,
}

/// Any PDU between a service provider and its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pdu<'a> {
    /// CONNECT
    Connect(Connect),
    /// CONNECT_RESP
    ConnectResp(ConnectResp),
    /// TERMINATE
    Terminate,
    /// TERMINATE_RESP
    TerminateResp,
    /// SUBMIT
    Submit(Submit<'a>),
    /// SUBMIT_RESP
    SubmitResp(SubmitResp),
    /// DELIVER
    Deliver(Deliver<'a>),
    /// DELIVER_RESP
    DeliverResp(DeliverResp),
    /// QUERY
    Query(Query),
    /// QUERY_RESP
    QueryResp(QueryResp),
    /// CANCEL of a message
    Cancel(MsgId),
    /// CANCEL_RESP with `Success_Id`: 0 cancelled, 1 failed
    CancelResp(u32),
    /// ACTIVE_TEST
    ActiveTest,
    /// ACTIVE_TEST_RESP
    ActiveTestResp,
}

impl Pdu<'_> {
    /// The PDU's command.
    #[must_use]
    pub fn command(&self) -> Command {
        match self {
            Self::Connect(_) => Command::Connect,
            Self::ConnectResp(_) => Command::ConnectResp,
            Self::Terminate => Command::Terminate,
            Self::TerminateResp => Command::TerminateResp,
            Self::Submit(_) => Command::Submit,
            Self::SubmitResp(_) => Command::SubmitResp,
            Self::Deliver(_) => Command::Deliver,
            Self::DeliverResp(_) => Command::DeliverResp,
            Self::Query(_) => Command::Query,
            Self::QueryResp(_) => Command::QueryResp,
            Self::Cancel(_) => Command::Cancel,
            Self::CancelResp(_) => Command::CancelResp,
            Self::ActiveTest => Command::ActiveTest,
            Self::ActiveTestResp => Command::ActiveTestResp,
        }
    }
}
