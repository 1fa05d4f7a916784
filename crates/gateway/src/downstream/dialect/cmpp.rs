//! CMPP 2.0 and 3.0.

use domain::control::Protocol as Spoken;
use domain::downstream::{Answer, Delivery, News, Question, Submit, SubmitRefusal};
use domain::text::Dialect as TextDialect;
use domain::time::Timestamp;
use wire::cmpp::{
    Ask, Cmpp, Connect, Deliver, MsgId, Pdu, QueryCounts, QueryResp, Report, ServerConfig, Session, Version,
};
use wire::{EncodeError, Octets};

use super::{Asked, Dialect, Given, LoggingIn, Piece, WINDOW, counted, day, national, stat};
use crate::downstream::door::{Door, Unwelcome};
use crate::drivers::form::minute_text;

/// `Query_Type`: all services together.
const ALL: u8 = 0;
/// `Success_Id` of CANCEL_RESP: failed.
const CANCEL_FAILED: u32 = 1;

pub(in crate::downstream) struct CmppServer;

impl Dialect for CmppServer {
    type Protocol = Cmpp;
    const WRONG_DIRECTION: u32 = 9;

    fn waiting(door: &Door) -> Session {
        let config = ServerConfig {
            window: WINDOW,
            active_test_interval: door.settings.active_test_interval,
            response_timeout: door.settings.response_timeout,
            ..ServerConfig::default()
        };
        Session::server(&config, door.now())
    }

    fn logging_in(connect: &Connect) -> LoggingIn {
        let login = String::from_utf8_lossy(connect.source_addr.as_bytes()).into_owned();
        LoggingIn { login, sends: true, receives: true }
    }

    fn serves(protocol: Spoken, version: Version) -> bool {
        protocol == Spoken::Cmpp30 || version != Version::V30
    }

    fn unwelcome(why: Unwelcome) -> u32 {
        match why {
            Unwelcome::Address | Unwelcome::Login => 2,
            Unwelcome::Secret => 3,
            Unwelcome::Version => 4,
            Unwelcome::Connections => 5,
        }
    }

    fn refusal(why: SubmitRefusal) -> u32 {
        match why {
            SubmitRefusal::Text => 6,
            SubmitRefusal::Throttled => 8,
            SubmitRefusal::Source => 10,
            SubmitRefusal::Destination => 13,
            SubmitRefusal::Validity
            | SubmitRefusal::Schedule
            | SubmitRefusal::Funds
            | SubmitRefusal::NoRoute
            | SubmitRefusal::Unavailable => 9,
        }
    }

    fn read(
        _sequence: u32,
        submit: &wire::cmpp::Submit<'_>,
        now: Timestamp,
    ) -> Result<Submit, SubmitRefusal> {
        let reported = submit.registered_delivery == 1;
        let given = Given {
            source: submit.src_id.as_bytes(),
            destinations: submit.destinations,
            content: submit.content.as_bytes(),
            coding: submit.msg_fmt,
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

    fn msg_id(id: u128) -> MsgId {
        MsgId(id as u64)
    }

    fn pdu<'a>(
        version: Version,
        delivery: &Delivery,
        piece: Piece<'a>,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        let msg_id = MsgId(delivery.key.place.item.unsigned_abs());
        Ok(Pdu::Deliver(match &delivery.news {
            News::Report(report) => {
                let phone = national(report.phone)?;
                let told = Report {
                    msg_id: Self::msg_id(report.id),
                    stat: stat(report),
                    submit_time: minute_text(report.submitted_at),
                    done_time: minute_text(report.done_at),
                    dest_terminal_id: phone,
                    smsc_sequence: 0,
                };
                told.encode(version, scratch)?;
                Deliver { msg_id, ..Deliver::report(phone, Octets::new(&*report.source)?, scratch) }
            }
            News::Inbound { phone, to, .. } => Deliver {
                msg_id,
                tp_udhi: u8::from(piece.has_header),
                ..Deliver::inbound(national(*phone)?, Octets::new(&**to)?, piece.coding, piece.content)
            },
        }))
    }

    fn ask(ask: &Ask) -> Asked<Self> {
        match *ask {
            Ask::Cancel(msg_id) => Asked::Question(
                Question::Cancel { id: msg_id.0.into(), source: "".into() },
                Box::new(|answer| {
                    Some(Pdu::CancelResp(if answer == Answer::Cancelled { 0 } else { CANCEL_FAILED }))
                }),
            ),
            Ask::Query(query) => match day(query.time.as_bytes()).filter(|_| query.query_type == ALL) {
                // Nothing is counted by service; zeros say so.
                None => Asked::Reply(Some(Pdu::QueryResp(QueryResp { query, ..QueryResp::default() }))),
                Some((from, until)) => Asked::Question(
                    Question::Counts { from, until },
                    Box::new(move |answer| {
                        // What would be wrong is not answered.
                        let Answer::Counts(counts) = answer else { return None };
                        let counts = QueryCounts {
                            mt_messages: counted(counts.parts()),
                            mt_users: counted(counts.messages),
                            mt_success: counted(counts.forwarded),
                            mt_waiting: counted(counts.waiting),
                            mt_failed: counted(counts.failed),
                            ..QueryCounts::default()
                        };
                        Some(Pdu::QueryResp(QueryResp { query, counts }))
                    }),
                ),
            },
        }
    }
}
