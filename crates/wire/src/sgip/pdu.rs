//! The PDUs of SGIP as values. Widths and meanings: SGIP 1.2, chapter "message definitions".

use std::fmt;

use crate::destinations::Destinations;
use crate::octets::{Content, Hidden, Octets, TerminalId};

/// A sequence number: who made it, when, and a counter. A SUBMIT's is the id of its message. Its parts are opaque
/// when they come from a peer: one simulator puts 0 for its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence {
    /// The node that made it; of an SP 3AAAAQQQQQ (area code, corporation).
    pub node: u32,
    /// The decimal value of MMDDHHMMSS.
    pub time: u32,
    /// Counts up and wraps.
    pub number: u32,
}

impl Sequence {
    /// The twelve octets.
    #[must_use]
    pub fn octets(self) -> [u8; 12] {
        let mut octets = [0; 12];
        for (place, part) in octets.chunks_exact_mut(4).zip([self.node, self.time, self.number]) {
            place.copy_from_slice(&part.to_be_bytes());
        }
        octets
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}{:08x}{:08x}", self.node, self.time, self.number)
    }
}

/// The header that every PDU begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `Command ID`, known or not.
    pub command: u32,
    /// `Sequence Number`; an answer repeats its request's.
    pub sequence: Sequence,
}

/// The commands between a service provider and its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Command {
    /// BIND
    Bind = 0x1,
    /// BIND_RESP
    BindResp = 0x8000_0001,
    /// UNBIND
    Unbind = 0x2,
    /// UNBIND_RESP
    UnbindResp = 0x8000_0002,
    /// SUBMIT
    Submit = 0x3,
    /// SUBMIT_RESP
    SubmitResp = 0x8000_0003,
    /// DELIVER
    Deliver = 0x4,
    /// DELIVER_RESP
    DeliverResp = 0x8000_0004,
    /// REPORT
    Report = 0x5,
    /// REPORT_RESP
    ReportResp = 0x8000_0005,
    /// USERRPT
    UserReport = 0x11,
    /// USERRPT_RESP
    UserReportResp = 0x8000_0011,
    /// TRACE
    Trace = 0x1000,
    /// TRACE_RESP
    TraceResp = 0x8000_1000,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 14] = [
        Self::Bind,
        Self::Unbind,
        Self::Submit,
        Self::Deliver,
        Self::Report,
        Self::UserReport,
        Self::Trace,
        Self::BindResp,
        Self::UnbindResp,
        Self::SubmitResp,
        Self::DeliverResp,
        Self::ReportResp,
        Self::UserReportResp,
        Self::TraceResp,
    ];

    /// `Command ID`.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The command of a `Command ID`; `None` for those between gateways and for nonsense.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.number() == number)
    }

    /// The name in the specification, such as `SGIP_SUBMIT`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bind => "SGIP_BIND",
            Self::BindResp => "SGIP_BIND_RESP",
            Self::Unbind => "SGIP_UNBIND",
            Self::UnbindResp => "SGIP_UNBIND_RESP",
            Self::Submit => "SGIP_SUBMIT",
            Self::SubmitResp => "SGIP_SUBMIT_RESP",
            Self::Deliver => "SGIP_DELIVER",
            Self::DeliverResp => "SGIP_DELIVER_RESP",
            Self::Report => "SGIP_REPORT",
            Self::ReportResp => "SGIP_REPORT_RESP",
            Self::UserReport => "SGIP_USERRPT",
            Self::UserReportResp => "SGIP_USERRPT_RESP",
            Self::Trace => "SGIP_TRACE",
            Self::TraceResp => "SGIP_TRACE_RESP",
        }
    }
}

/// Who opens a connection towards whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginType {
    /// 1: an SP connects to its SMG, to submit.
    ServiceProvider,
    /// 2: an SMG connects to an SP, to deliver and report.
    Gateway,
    /// 3 to 6 between gateways, 11 for tests, or unknown.
    Other(u8),
}

impl LoginType {
    /// The octet on the wire.
    #[must_use]
    pub fn octet(self) -> u8 {
        match self {
            Self::ServiceProvider => 1,
            Self::Gateway => 2,
            Self::Other(octet) => octet,
        }
    }

    /// What an octet means.
    #[must_use]
    pub fn from_octet(octet: u8) -> Self {
        match octet {
            1 => Self::ServiceProvider,
            2 => Self::Gateway,
            octet => Self::Other(octet),
        }
    }
}

/// BIND: the opening side introduces itself, with its password in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    /// `Login Type`.
    pub login_type: LoginType,
    /// `Login Name`.
    pub login_name: Octets<16>,
    /// `Login Password`.
    pub login_password: Hidden<16>,
}

/// SUBMIT: a message on its way to one phone (or, liberally received, to as many as 100).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submit<'a> {
    /// `SPNumber`: access code and extension that the phone shows.
    pub sp_number: Octets<21>,
    /// `ChargeNumber`: empty, the user pays; 21 zeros, the SP pays.
    pub charge_number: TerminalId,
    /// `UserCount` and `UserNumber`, each with 86 in front.
    pub destinations: Destinations<'a>,
    /// `CorpId`.
    pub corp_id: Octets<5>,
    /// `ServiceType`.
    pub service_type: Octets<10>,
    /// `FeeType`, 0 to 4.
    pub fee_type: u8,
    /// `FeeValue`: fen, decimal digits.
    pub fee_value: Octets<6>,
    /// `GivenValue`.
    pub given_value: Octets<6>,
    /// `AgentFlag`.
    pub agent_flag: u8,
    /// `MorelatetoMTFlag`: 2 for a message that answers none.
    pub more_late_to_mt_flag: u8,
    /// `Priority`, 0 to 9.
    pub priority: u8,
    /// `ExpireTime`: absolute `yymmddhhmmsstnnp` or empty.
    pub expire_time: Octets<16>,
    /// `ScheduleTime`: the same form, empty for at once.
    pub schedule_time: Octets<16>,
    /// `ReportFlag`: 0 on failure only, 1 always, 2 never, 3 for billing only.
    pub report_flag: u8,
    /// `TP_pid`.
    pub tp_pid: u8,
    /// `TP_udhi`: 1 when the content begins with a user data header.
    pub tp_udhi: u8,
    /// `MessageCoding`: 0 ASCII, 4 binary, 8 UCS-2, 15 GBK.
    pub message_coding: u8,
    /// `MessageType`: 0.
    pub message_type: u8,
    /// `MessageContent`, header included.
    pub content: Content<'a>,
    /// `Reserve`: LinkID in practice.
    pub reserve: Octets<8>,
}

impl<'a> Submit<'a> {
    /// A submit to one phone (with 86) that asks for a report and is paid by the SP; change other fields by struct
    /// update.
    #[must_use]
    pub fn to(destination: TerminalId, message_coding: u8, content: &'a [u8]) -> Self {
        Self {
            sp_number: Octets::EMPTY,
            charge_number: TerminalId(Octets::from_field(b"000000000000000000000").unwrap_or_default()),
            destinations: Destinations::one(destination),
            corp_id: Octets::EMPTY,
            service_type: Octets::EMPTY,
            fee_type: 1,
            fee_value: Octets::from_field(b"0").unwrap_or_default(),
            given_value: Octets::from_field(b"0").unwrap_or_default(),
            agent_flag: 0,
            more_late_to_mt_flag: 2,
            priority: 0,
            expire_time: Octets::EMPTY,
            schedule_time: Octets::EMPTY,
            report_flag: 1,
            tp_pid: 0,
            tp_udhi: 0,
            message_coding,
            message_type: 0,
            content: Content(content),
            reserve: Octets::EMPTY,
        }
    }

    /// Whether the content begins with a user data header.
    #[must_use]
    pub fn has_header(&self) -> bool {
        has_header(self.tp_udhi)
    }
}

/// DELIVER: a message from a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deliver<'a> {
    /// `UserNumber`: the phone.
    pub user_number: TerminalId,
    /// `SPNumber`: access code and extension that the phone wrote to.
    pub sp_number: Octets<21>,
    /// `TP_pid`.
    pub tp_pid: u8,
    /// `TP_udhi`.
    pub tp_udhi: u8,
    /// `MessageCoding`.
    pub message_coding: u8,
    /// `MessageContent`.
    pub content: Content<'a>,
    /// `Reserve`.
    pub reserve: Octets<8>,
}

impl Deliver<'_> {
    /// Whether the content begins with a user data header.
    #[must_use]
    pub fn has_header(&self) -> bool {
        has_header(self.tp_udhi)
    }
}

/// The specified 1 and the 0x40 that some gateways send.
fn has_header(tp_udhi: u8) -> bool {
    tp_udhi & 0x41 != 0
}

/// What a REPORT's `State` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// 0: delivered.
    Delivered,
    /// 1: on its way; another report follows.
    Waiting,
    /// 2, or unknown: failed, `ErrorCode` says why.
    Failed,
}

/// REPORT: what became of a submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// `SubmitSequenceNumber`: the SUBMIT's sequence number.
    pub submit: Sequence,
    /// `ReportType`: 0 of a submit, 1 of a deliver.
    pub report_type: u8,
    /// `UserNumber`, with or without 86.
    pub user_number: TerminalId,
    /// `State`. See [`Report::outcome`].
    pub state: u8,
    /// `ErrorCode`: counts only when the state is 2.
    pub error_code: u8,
    /// `Reserve`.
    pub reserve: Octets<8>,
}

impl Report {
    /// What the state means.
    #[must_use]
    pub fn outcome(&self) -> State {
        match self.state {
            0 => State::Delivered,
            1 => State::Waiting,
            _ => State::Failed,
        }
    }
}

/// USERRPT: a user's subscription changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserReport {
    /// `SPNumber`.
    pub sp_number: Octets<21>,
    /// `UserNumber`.
    pub user_number: TerminalId,
    /// `UserCondition`: 0 cancelled, 1 suspended, 2 restored.
    pub user_condition: u8,
    /// `Reserve`.
    pub reserve: Octets<8>,
}

/// TRACE: where is a message?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// `SubmitSequenceNumber`.
    pub submit: Sequence,
    /// `UserNumber`.
    pub user_number: TerminalId,
    /// `Reserve`.
    pub reserve: Octets<8>,
}

/// Octets of one node's line in a TRACE_RESP.
pub(super) const TRACE_LINE_OCTETS: usize = 47;

/// TRACE_RESP: the nodes that a message passed, each a `Result` (1), `NodeId` (6), `ReceiveTime` (16), `SendTime` (16)
/// and `Reserve` (8).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceResp<'a> {
    /// Whole lines.
    pub(super) lines: &'a [u8],
}

impl<'a> TraceResp<'a> {
    /// The lines, 47 octets each.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        self.lines.chunks_exact(TRACE_LINE_OCTETS)
    }
}

impl fmt::Debug for TraceResp<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TraceResp({} nodes)", self.lines().len())
    }
}

/// Any PDU between a service provider and its gateway. Answers hold their `Result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pdu<'a> {
    /// BIND
    Bind(Bind),
    /// BIND_RESP
    BindResp(u8),
    /// UNBIND
    Unbind,
    /// UNBIND_RESP
    UnbindResp,
    /// SUBMIT
    Submit(Submit<'a>),
    /// SUBMIT_RESP
    SubmitResp(u8),
    /// DELIVER
    Deliver(Deliver<'a>),
    /// DELIVER_RESP
    DeliverResp(u8),
    /// REPORT
    Report(Report),
    /// REPORT_RESP
    ReportResp(u8),
    /// USERRPT
    UserReport(UserReport),
    /// USERRPT_RESP
    UserReportResp(u8),
    /// TRACE
    Trace(Trace),
    /// TRACE_RESP
    TraceResp(TraceResp<'a>),
}

impl Pdu<'_> {
    /// The PDU's command.
    #[must_use]
    pub fn command(&self) -> Command {
        match self {
            Self::Bind(_) => Command::Bind,
            Self::BindResp(_) => Command::BindResp,
            Self::Unbind => Command::Unbind,
            Self::UnbindResp => Command::UnbindResp,
            Self::Submit(_) => Command::Submit,
            Self::SubmitResp(_) => Command::SubmitResp,
            Self::Deliver(_) => Command::Deliver,
            Self::DeliverResp(_) => Command::DeliverResp,
            Self::Report(_) => Command::Report,
            Self::ReportResp(_) => Command::ReportResp,
            Self::UserReport(_) => Command::UserReport,
            Self::UserReportResp(_) => Command::UserReportResp,
            Self::Trace(_) => Command::Trace,
            Self::TraceResp(_) => Command::TraceResp,
        }
    }
}
