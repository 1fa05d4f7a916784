//! What each protocol adds to a server: its log-in, how submits are read, its answers, its reports and messages.

mod cmpp;
mod sgip;
mod smgp;
mod smpp;

pub(super) use cmpp::CmppServer;
pub(super) use sgip::SgipServer;
pub(super) use smgp::SmgpServer;
pub(super) use smpp::SmppServer;

use std::time::Duration;

use domain::control::Protocol as Spoken;
use domain::downstream::{Answer, Delivery, News, Question, Report, Submit, SubmitRefusal};
use domain::message::{MessageState, Reason};
use domain::phone::Phone;
use domain::text::{Concat, Dialect as TextDialect, Encoding, Segments, TextRules, decode, plan, segment};
use domain::time::Timestamp;
use wire::destinations::Destinations;
use wire::session::{Protocol, Session, Timing};
use wire::{EncodeError, Octets, TerminalId};

use super::door::{Door, Unwelcome};
use crate::drivers::form::time_left;

/// Who logs in, and what for.
pub(super) struct LoggingIn {
    pub(super) login: String,
    pub(super) sends: bool,
    pub(super) receives: bool,
}

/// A protocol as a server speaks it.
pub(super) trait Dialect: Sized + Send + Sync + 'static {
    type Protocol: Protocol;
    /// The refusal of a submit over a connection that only receives.
    const WRONG_DIRECTION: u32;

    /// A session that waits for a log-in.
    fn waiting(door: &Door) -> Session<Self::Protocol>;

    fn logging_in(log_in: &<Self::Protocol as Protocol>::LogIn) -> LoggingIn;

    /// Whether a customer of this protocol is served that version.
    fn serves(protocol: Spoken, version: <Self::Protocol as Protocol>::Version) -> bool;

    fn unwelcome(why: Unwelcome) -> u32;

    fn refusal(why: SubmitRefusal) -> u32;

    /// A submit, read.
    ///
    /// # Errors
    /// [`SubmitRefusal`] for what the engine need not see.
    fn read(
        sequence: <Self::Protocol as Protocol>::Sequence,
        submit: &<Self::Protocol as Protocol>::Submit<'_>,
        now: Timestamp,
    ) -> Result<Submit, SubmitRefusal>;

    fn msg_id(id: u128) -> <Self::Protocol as Protocol>::MsgId;

    /// Beside a refusal.
    fn no_id() -> <Self::Protocol as Protocol>::MsgId {
        Self::msg_id(0)
    }

    /// Told before writing: the wall clock, for protocols whose numbers name it.
    fn tick(_session: &mut Session<Self::Protocol>, _now: Timestamp) {}

    /// One piece of a delivery; `scratch` is empty and may hold what the PDU borrows.
    ///
    /// # Errors
    /// [`EncodeError`] when a value does not fit its field.
    fn pdu<'a>(
        version: <Self::Protocol as Protocol>::Version,
        delivery: &Delivery,
        piece: Piece<'a>,
        scratch: &'a mut Vec<u8>,
    ) -> Result<<Self::Protocol as Protocol>::Pdu<'a>, EncodeError>;

    /// What is to be done about any other request.
    fn ask(ask: &<Self::Protocol as Protocol>::Ask<'_>) -> Asked<Self>;
}

/// The answer to a request, as it is written.
pub(super) type Reply<D> = <<D as Dialect>::Protocol as Protocol>::Pdu<'static>;
/// Writes the engine's answer; none: the request is not answered.
pub(super) type Writer<D> = Box<dyn FnOnce(Answer) -> Option<Reply<D>> + Send>;

/// What another request than a submit is.
pub(super) enum Asked<D: Dialect> {
    /// Answered at once, or not at all.
    Reply(Option<Reply<D>>),
    /// The engine is asked.
    Question(Question, Writer<D>),
}

/// The day that a count is asked for: eight digits, in Beijing's time. None when they are no day.
fn day(digits: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.len() == 8)?;
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let part = |range| i8::try_from(number(range)?).ok();
    let day = jiff::civil::Date::new(number(0..4)?, part(4..6)?, part(6..8)?).ok()?;
    let start = |day: jiff::civil::Date| {
        let east = jiff::tz::Offset::from_hours(8).ok()?;
        east.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok().map(Timestamp::from)
    };
    Some((start(day)?, start(day.tomorrow().ok()?)?))
}

/// As many as a counter of the protocols holds.
fn counted(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// C, T and N as set.
fn timing(door: &Door) -> Timing {
    Timing {
        active_test_interval: door.settings.active_test_interval,
        response_timeout: door.settings.response_timeout,
        ..Timing::default()
    }
}

/// Deliveries without an answer, of customers whose own window is not known before they have logged in.
const WINDOW: usize = 32;

/// How far ahead a submit may be scheduled.
const MOST_AHEAD: Duration = Duration::from_secs(30 * 86_400);

/// A submit as it stands on the wire.
struct Given<'a> {
    source: &'a [u8],
    destinations: Destinations<'a>,
    content: &'a [u8],
    coding: u8,
    has_header: bool,
    /// Which part it is, where that is not said by a header in the content.
    segment: Option<Concat>,
    dialect: TextDialect,
    own_id: Option<u128>,
    on_success: bool,
    on_failure: bool,
    valid_time: &'a [u8],
    at_time: &'a [u8],
}

impl Given<'_> {
    fn read(self, now: Timestamp) -> Result<Submit, SubmitRefusal> {
        let text = |octets: &[u8]| std::str::from_utf8(octets).map(Box::from);
        let wait = time_left(self.at_time, now).filter(|wait| !wait.is_zero());
        if wait.is_some_and(|wait| wait > MOST_AHEAD) {
            return Err(SubmitRefusal::Schedule);
        }
        let decoded = decode(self.content, self.coding, self.has_header, self.dialect);
        if decoded.text.is_empty() {
            return Err(SubmitRefusal::Text);
        }
        let phones: Result<Vec<Box<str>>, _> =
            self.destinations.iter().map(|destination| text(destination.as_bytes())).collect();
        Ok(Submit {
            source: text(self.source).map_err(|_| SubmitRefusal::Source)?,
            phones: phones.map_err(|_| SubmitRefusal::Destination)?,
            text: decoded.text,
            concat: decoded.concat.or(self.segment),
            own_id: self.own_id,
            on_success: self.on_success,
            on_failure: self.on_failure,
            send_at: wait.map(|wait| now.plus(wait)),
            valid_for: time_left(self.valid_time, now)
                .map(|left| left.saturating_sub(wait.unwrap_or_default())),
        })
    }
}

/// The PDUs that a delivery takes: one, but for a long message from a phone.
pub(super) struct Writing {
    segments: Option<(Segments, u8)>,
}

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    /// User data, header included; empty for a report.
    content: &'a [u8],
    coding: u8,
    has_header: bool,
}

impl Writing {
    pub(super) fn new(delivery: &Delivery) -> Self {
        let News::Inbound { text, .. } = &delivery.news else { return Self { segments: None } };
        // The item's low digits differ between messages that come close together.
        let reference = (delivery.key.place.item >> 5) as u16;
        let rules = TextRules::MAINLAND;
        let cut = |encoding| Some((segment(text, encoding, &rules, reference).ok()?, encoding.code()));
        let planned = plan(text, &rules).ok().and_then(|plan| cut(plan.encoding));
        Self { segments: planned.or_else(|| cut(Encoding::Ucs2)) }
    }

    pub(super) fn len(&self) -> usize {
        self.segments.as_ref().map_or(1, |(segments, _)| segments.len())
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        (0..self.len()).map(|index| match &self.segments {
            None => Piece { content: &[], coding: 0, has_header: false },
            Some((segments, coding)) => Piece {
                content: segments.get(index).unwrap_or_default(),
                coding: *coding,
                has_header: segments.has_header(),
            },
        })
    }
}

/// The seven letters that CMPP, SMGP and SMPP share: the carrier's own where they fit, else what the state means.
fn stat(report: &Report) -> Octets<7> {
    let code = report.code.as_str();
    let carriers = report.state != MessageState::Delivered
        && !matches!(report.state, MessageState::Rejected | MessageState::Cancelled)
        && (1..=7).contains(&code.len())
        && code != "DELIVRD";
    let word = if carriers { code } else { word(report.state, report.reason) };
    Octets::from_field(word.as_bytes()).unwrap_or_default()
}

/// What the state of a message is called in receipts (SMPP 3.4, 5.2.28).
fn word(state: MessageState, reason: Reason) -> &'static str {
    match state {
        MessageState::Queued | MessageState::Sending | MessageState::Submitted | MessageState::Uncertain => {
            "ENROUTE"
        }
        MessageState::Delivered => "DELIVRD",
        MessageState::Expired => "EXPIRED",
        MessageState::Unknown => "UNKNOWN",
        MessageState::Cancelled => "DELETED",
        MessageState::Rejected if matches!(reason, Reason::PartsMissing | Reason::ValidityPassed) => {
            "EXPIRED"
        }
        MessageState::Rejected => "REJECTD",
        _ => "UNDELIV",
    }
}

/// Three digits: 000 for what was delivered, else our own number of the reason.
fn three_digits(report: &Report) -> Octets<3> {
    let number = if report.state == MessageState::Delivered { 0 } else { report.reason.code() };
    Octets::from_field(format!("{number:03}").as_bytes()).unwrap_or_default()
}

/// Eleven digits at home, all digits abroad.
fn national(phone: Phone) -> Result<TerminalId, EncodeError> {
    TerminalId::new(phone.national_cn().unwrap_or_else(|| phone.digits()).as_str())
}

/// All digits.
fn international(phone: Phone) -> Result<TerminalId, EncodeError> {
    TerminalId::new(phone.digits().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given<'a>(at_time: &'a [u8], valid_time: &'a [u8]) -> Given<'a> {
        Given {
            source: b"10690001",
            destinations: Destinations::one(TerminalId::new("13800000001").unwrap()),
            content: b"hello",
            coding: 0,
            has_header: false,
            segment: None,
            dialect: TextDialect::Smpp,
            own_id: None,
            on_success: true,
            on_failure: true,
            valid_time,
            at_time,
        }
    }

    #[test]
    fn a_day_is_beijings() {
        let (from, until) = day(b"20261125").unwrap();
        assert_eq!(from.to_jiff().to_string(), "2026-11-24T16:00:00Z");
        assert_eq!(until.since(from), Duration::from_secs(86_400));
        for none in [&b"20261131"[..], b"2026112", b"yesterda", b"\xff0261125"] {
            assert_eq!(day(none), None);
        }
    }

    #[test]
    fn a_later_time_is_kept_and_validity_counts_from_it() {
        let now = Timestamp::from_millis(1_795_573_800_000);
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        let read = |at, valid| given(at, valid).read(now).map(|submit| (submit.send_at, submit.valid_for));
        assert_eq!(read(b"", b"").unwrap(), (None, None));
        let later = (Some(now.plus(hours(2))), Some(hours(3)));
        assert_eq!(read(b"000000020000000R", b"000000050000000R").unwrap(), later);
        // 2026-11-25 12:30 and 15:30, eight hours east.
        assert_eq!(read(b"261125123000032+", b"261125153000032+").unwrap(), later);
        assert_eq!(read(b"251125123000032+", b"").unwrap(), (None, None), "that time is long over");
        assert_eq!(read(b"000000020000000R", b"000000010000000R").unwrap().1, Some(Duration::ZERO));
        assert_eq!(read(b"000131000000000R", b""), Err(SubmitRefusal::Schedule), "61 days");
    }
}
