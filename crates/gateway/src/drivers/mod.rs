//! What each protocol adds to a channel: its log-in, its PDUs, what its answers and reports mean, and its quirks.
//! Everything else (connections, window, pace, hand-over, assembly) is the carrier channel's, once for all.

mod cmpp;
pub(crate) mod form;
mod sgip;
mod smgp;
mod smpp;

pub(crate) use cmpp::CmppDriver;
pub(crate) use sgip::SgipDriver;
pub(crate) use smgp::SmgpDriver;
pub(crate) use smpp::SmppDriver;

use std::borrow::Cow;
use std::net::SocketAddr;

use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, ReceiptStatus};
use domain::control::ChannelConfig;
use domain::phone::{Country, Phone};
use domain::text::{Concat, Dialect, Segments, TextRules};
use domain::time::Timestamp;
use wire::session::{Millis, Protocol, Session};
use wire::{EncodeError, Secret, TerminalId};

use crate::carrier::ChannelSettings;

/// What a connection is for, where the protocol distinguishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Duty {
    Both,
    Send,
    Receive,
}

/// What a session is begun with.
pub(crate) struct Opening<'a> {
    pub(crate) config: &'a ChannelConfig,
    pub(crate) settings: &'a ChannelSettings,
    pub(crate) duty: Duty,
    /// Where this session's numbers begin, apart from those of the channel's other sessions.
    pub(crate) last_sequence: u32,
}

impl Opening<'_> {
    pub(crate) fn now(&self) -> Millis {
        Millis(self.settings.clock.monotonic_millis())
    }

    /// The decimal value of MMDDHHMMSS in Beijing, read once.
    pub(crate) fn timestamp(&self) -> u32 {
        form::clock_number(self.settings.clock.now())
    }

    pub(crate) fn timing(&self) -> wire::session::Timing {
        wire::session::Timing {
            active_test_interval: self.settings.active_test_interval,
            response_timeout: self.settings.response_timeout,
            ..wire::session::Timing::default()
        }
    }
}

/// What an answer to a submit means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Taken(CarrierMessageId),
    Throttled,
    Refused(CarrierCode),
}

/// What a report says; intermediate ones say nothing.
pub(crate) struct Told {
    pub(crate) carrier_id: CarrierMessageId,
    pub(crate) phone: Option<Phone>,
    pub(crate) status: ReceiptStatus,
    pub(crate) code: CarrierCode,
}

/// A message from a phone, not decoded yet.
pub(crate) struct Heard<'a> {
    pub(crate) carrier_id: CarrierMessageId,
    pub(crate) from: Option<Phone>,
    pub(crate) to: Box<str>,
    pub(crate) content: Cow<'a, [u8]>,
    pub(crate) coding: u8,
    pub(crate) has_header: bool,
    /// Which part it is, where that is not said by a header in the content.
    pub(crate) segment: Option<Concat>,
}

/// A protocol's part of a channel, with the fields that every submit shares encoded once.
pub(crate) trait Driver: Sized + Send + Sync + 'static {
    type Protocol: Protocol;
    /// Whose meaning of coding 0 applies.
    const DIALECT: Dialect;

    /// # Errors
    /// [`EncodeError`] when a configured value does not fit its field: the operator's fault.
    fn new(config: &ChannelConfig) -> Result<Self, EncodeError>;

    /// How texts are cut.
    fn rules(&self) -> &TextRules;

    /// Whether connections may be for one direction only.
    fn separates() -> bool {
        false
    }

    /// A session that has written its log-in.
    fn open(&self, opening: &Opening<'_>) -> Session<Self::Protocol>;

    /// Whether to connect anew at once, on other terms than `asked`.
    fn retries(
        &self,
        _asked: <Self::Protocol as Protocol>::Version,
        _refusal: &<Self::Protocol as Protocol>::Refusal,
    ) -> bool {
        false
    }

    /// Where the carrier connects to us, if it does.
    fn listens(_config: &ChannelConfig) -> Option<SocketAddr> {
        None
    }

    /// A session that waits for the carrier's log-in, or its call; only for protocols where it connects to us.
    fn awaiting(&self, _opening: &Opening<'_>) -> Option<Session<Self::Protocol>> {
        None
    }

    /// Whether a carrier that connects to us is let in: the secret, or the status of the refusal.
    ///
    /// # Errors
    /// The protocol's own status.
    fn admit(&self, log_in: &<Self::Protocol as Protocol>::LogIn, secret: &Secret) -> Result<(), u32>;

    /// Told before writing: the wall clock, for protocols whose numbers name it.
    fn tick(_session: &mut Session<Self::Protocol>, _now: Timestamp) {}

    /// How many submits a text takes.
    fn submits(&self, segments: &Segments) -> usize {
        segments.len()
    }

    /// One part as a PDU; `scratch` is empty and may hold what the PDU borrows.
    ///
    /// # Errors
    /// [`EncodeError`] when a value does not fit its field.
    fn pdu<'a>(
        &self,
        outgoing: &Outgoing,
        segments: &'a Segments,
        part: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Result<<Self::Protocol as Protocol>::Pdu<'a>, EncodeError>;

    /// What an answer means.
    fn verdict(&self, msg_id: &<Self::Protocol as Protocol>::MsgId, result: u32) -> Verdict;

    /// What a part is refused with when our own values do not fit.
    fn misfit(&self) -> CarrierCode;

    /// What a report says; `None` for an intermediate one.
    fn told(&self, report: &<Self::Protocol as Protocol>::Report<'_>) -> Option<Told>;

    /// The id that the answer to a report repeats.
    fn report_id(report: &<Self::Protocol as Protocol>::Report<'_>) -> <Self::Protocol as Protocol>::MsgId;

    /// What a message from a phone says. `at` names the time, for protocols without an id of their own.
    fn heard<'a>(
        &self,
        sequence: <Self::Protocol as Protocol>::Sequence,
        deliver: &'a <Self::Protocol as Protocol>::Deliver<'_>,
        at: Timestamp,
    ) -> Heard<'a>;

    /// The id that the answer to a message repeats.
    fn deliver_id(deliver: &<Self::Protocol as Protocol>::Deliver<'_>)
    -> <Self::Protocol as Protocol>::MsgId;

    /// The answer to any other request.
    fn reply(
        _ask: &<Self::Protocol as Protocol>::Ask<'_>,
    ) -> Option<<Self::Protocol as Protocol>::Pdu<'static>> {
        None
    }
}

/// The status of a report by the words that CMPP, SMGP and SMPP share; `None` for intermediate ones.
fn status_of(stat: &[u8]) -> Option<ReceiptStatus> {
    match stat {
        b"DELIVRD" => Some(ReceiptStatus::Delivered),
        b"ACCEPTD" | b"ENROUTE" => None,
        b"EXPIRED" => Some(ReceiptStatus::Expired),
        _ => Some(ReceiptStatus::Undelivered),
    }
}

/// Carriers write mainland numbers with and without 86.
fn phone(field: &TerminalId) -> Option<Phone> {
    Phone::parse(field.as_str()?, Country::CN).ok()
}

/// A result that another protocol would mean otherwise, under its protocol's name.
fn prefixed(prefix: &str, result: u32) -> CarrierCode {
    CarrierCode::new(format!("{prefix}:{result}").as_bytes())
}
