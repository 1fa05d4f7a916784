//! SMGP 3.0.3, and its layouts of version 1.3.

use domain::control::Protocol as Spoken;
use domain::downstream::{Answer, Delivery, News, Question, Submit, SubmitRefusal};
use domain::text::Dialect as TextDialect;
use domain::time::Timestamp;
use wire::smgp::{
    Ask, Deliver, Login, LoginMode, MsgId, Pdu, QueryResp, Report, ServerConfig, Session, Smgp, Version,
};
use wire::tlv::Tlvs;
use wire::{EncodeError, Octets};

use super::{
    Asked, Dialect, Given, LoggingIn, Piece, WINDOW, counted, day, national, stat, three_digits, timing,
};
use crate::downstream::door::{Door, Unwelcome};
use crate::drivers::form::minute_text;

/// `QueryType`: all services together.
const ALL: u8 = 0;
/// The parameter `TP_udhi` with 1.
const UDHI: &[u8] = &[0, 2, 0, 1, 1];

pub(in crate::downstream) struct SmgpServer;

impl Dialect for SmgpServer {
    type Protocol = Smgp;
    /// Other uses.
    const WRONG_DIRECTION: u32 = 50;

    fn waiting(door: &Door) -> Session {
        Session::server(&ServerConfig { window: WINDOW, timing: timing(door) }, door.now())
    }

    fn logging_in(login: &Login) -> LoggingIn {
        let mode = LoginMode::from_octet(login.login_mode);
        LoggingIn {
            login: String::from_utf8_lossy(login.client_id.as_bytes()).into_owned(),
            sends: mode != LoginMode::Receive,
            receives: mode != LoginMode::Send,
        }
    }

    fn serves(protocol: Spoken, version: Version) -> bool {
        protocol == Spoken::Smgp30 || version != Version::V30
    }

    fn unwelcome(why: Unwelcome) -> u32 {
        match why {
            Unwelcome::Connections => 2,
            Unwelcome::Address => 20,
            Unwelcome::Login | Unwelcome::Secret => 21,
            Unwelcome::Version => 22,
        }
    }

    fn refusal(why: SubmitRefusal) -> u32 {
        match why {
            SubmitRefusal::Throttled | SubmitRefusal::Unavailable => 1,
            SubmitRefusal::Text => 36,
            SubmitRefusal::Validity => 37,
            SubmitRefusal::Schedule => 45,
            SubmitRefusal::Source => 46,
            SubmitRefusal::Destination => 47,
            SubmitRefusal::NoRoute | SubmitRefusal::Funds => 58,
        }
    }

    fn read(
        _sequence: u32,
        submit: &wire::smgp::Submit<'_>,
        now: Timestamp,
    ) -> Result<Submit, SubmitRefusal> {
        let reported = submit.need_report == 1;
        let given = Given {
            source: submit.src_term_id.as_bytes(),
            destinations: submit.destinations,
            content: submit.content.as_bytes(),
            coding: submit.msg_format,
            has_header: submit.has_header(),
            segment: None,
            dialect: TextDialect::China,
            own_id: None,
            on_success: reported,
            on_failure: reported,
            valid_time: submit.valid_time.as_bytes(),
            at_time: submit.at_time.as_bytes(),
        };
        given.read(now)
    }

    /// Real ids are not always digits; ours are a number in the last eight octets.
    fn msg_id(id: u128) -> MsgId {
        let mut octets = [0; 10];
        octets[2..].copy_from_slice(&(id as u64).to_be_bytes());
        MsgId(octets)
    }

    fn pdu<'a>(
        _version: Version,
        delivery: &Delivery,
        piece: Piece<'a>,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        let msg_id = Self::msg_id(delivery.key.place.item.unsigned_abs().into());
        Ok(Pdu::Deliver(match &delivery.news {
            News::Report(report) => {
                let told = Report {
                    msg_id: Self::msg_id(report.id),
                    stat: stat(report),
                    err: three_digits(report),
                    submit_date: minute_text(report.submitted_at),
                    done_date: minute_text(report.done_at),
                };
                told.encode(scratch);
                let source = Octets::new(&*report.source)?;
                let deliver = Deliver::inbound(national(report.phone)?, source, 0, scratch);
                Deliver { msg_id, is_report: 1, ..deliver }
            }
            News::Inbound { phone, to, .. } => Deliver {
                msg_id,
                tlvs: if piece.has_header { Tlvs::new(UDHI) } else { Tlvs::NONE },
                ..Deliver::inbound(national(*phone)?, Octets::new(&**to)?, piece.coding, piece.content)
            },
        }))
    }

    fn ask(ask: &Ask) -> Asked<Self> {
        let Ask::Query(query) = *ask;
        match day(query.query_time.as_bytes()).filter(|_| query.query_type == ALL) {
            // Nothing is counted by service; zeros say so.
            None => Asked::Reply(Some(Pdu::QueryResp(QueryResp { query, ..QueryResp::default() }))),
            Some((from, until)) => Asked::Question(
                Question::Counts { from, until },
                Box::new(move |answer| {
                    // What would be wrong is not answered.
                    let Answer::Counts(of) = answer else { return None };
                    let counts = [of.parts(), of.messages, of.forwarded, of.waiting, of.failed, 0, 0, 0];
                    Some(Pdu::QueryResp(QueryResp { query, counts: counts.map(counted) }))
                }),
            ),
        }
    }
}
