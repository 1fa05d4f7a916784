//! SMPP 3.4 and 5.0. Ids are hexadecimal.

use domain::control::Protocol as Spoken;
use domain::downstream::{Answer, Delivery, Fate, News, Question, Submit, SubmitRefusal};
use domain::message::{MessageState, Reason};
use domain::text::{Concat, Dialect as TextDialect};
use domain::time::Timestamp;
use wire::destinations::Destinations;
use wire::smpp::{
    Address, Ask, Bind, BindKind, Pdu, Place, QuerySm, QuerySmResp, Receipt, ServerConfig, Session,
    ShortMessage, Smpp, Version, state_word, status, tag,
};
use wire::tlv::{Tlvs, append};
use wire::{EncodeError, Octets, TerminalId};

use super::{Asked, Dialect, Given, LoggingIn, Piece, WINDOW, international, three_digits, timing, word};
use crate::downstream::door::{Door, Unwelcome};
use crate::drivers::form::{absolute_time, minute_text};

/// `esm_class`: a receipt; a user data header.
const RECEIPT: u8 = 0x04;
const UDHI: u8 = 0x40;
/// The bits of `registered_delivery` that say whether a receipt is wanted.
const REGISTERED: u8 = 0x03;
/// Statuses that [`status`] does not name (SMPP 3.4, 5.1.3).
const INVALID_LENGTH: u32 = 0x01;
const INVALID_BIND_STATE: u32 = 0x04;
const BAD_SOURCE: u32 = 0x0A;
const BAD_MESSAGE_ID: u32 = 0x0C;
const BIND_FAILED: u32 = 0x0D;
const SUBMIT_FAILED: u32 = 0x45;
const BAD_SCHEDULE: u32 = 0x61;
const BAD_EXPIRY: u32 = 0x62;
/// `message_state` of a message of which nothing is known.
const UNKNOWN_STATE: u8 = 7;

/// `message_state`: the number of its word.
fn number_of(state: MessageState, reason: Reason) -> u8 {
    let word = word(state, reason);
    (1..=8).find(|number| state_word(*number) == Some(word)).unwrap_or(UNKNOWN_STATE)
}

/// The id that was answered, as [`SmppServer::msg_id`] writes it.
fn id_of(message_id: Octets<65>) -> Option<u128> {
    let text = std::str::from_utf8(message_id.as_bytes()).ok()?;
    u128::from_str_radix(text, 16).ok()
}

fn text_of(address: &Address) -> Box<str> {
    String::from_utf8_lossy(address.number.as_bytes()).into()
}

/// query_sm_resp; `final_date` is there once the message has ended.
fn told(query: &QuerySm, status: u32, fate: Option<Fate>) -> Pdu<'static> {
    let ended = fate.filter(|fate| fate.state.is_final());
    Pdu::QuerySmResp(QuerySmResp {
        status,
        message_id: query.message_id,
        final_date: ended.map_or(Octets::EMPTY, |fate| absolute_time(fate.since)),
        message_state: fate.map_or(0, |fate| number_of(fate.state, fate.reason)),
        error_code: ended.filter(|fate| fate.state != MessageState::Delivered).map_or(0, |f| f.reason.code()),
    })
}

pub(in crate::downstream) struct SmppServer;

impl Dialect for SmppServer {
    type Protocol = Smpp;
    const WRONG_DIRECTION: u32 = INVALID_BIND_STATE;

    fn waiting(door: &Door) -> Session {
        let config = ServerConfig {
            window: WINDOW,
            timing: timing(door),
            system_id: Octets::from_field(b"hongyan").unwrap_or_default(),
            ..ServerConfig::default()
        };
        Session::server(&config, door.now())
    }

    fn logging_in(bind: &Bind) -> LoggingIn {
        LoggingIn {
            login: String::from_utf8_lossy(bind.system_id.as_bytes()).into_owned(),
            sends: bind.kind != BindKind::Receiver,
            receives: bind.kind != BindKind::Transmitter,
        }
    }

    /// A message centre answers in the version that the client asked for, so each is served.
    fn serves(_protocol: Spoken, _version: Version) -> bool {
        true
    }

    fn unwelcome(why: Unwelcome) -> u32 {
        match why {
            Unwelcome::Login => status::BAD_SYSTEM_ID,
            Unwelcome::Secret => status::BAD_PASSWORD,
            Unwelcome::Address | Unwelcome::Version | Unwelcome::Connections => BIND_FAILED,
        }
    }

    fn refusal(why: SubmitRefusal) -> u32 {
        match why {
            SubmitRefusal::Text => INVALID_LENGTH,
            SubmitRefusal::Source => BAD_SOURCE,
            SubmitRefusal::Destination => status::BAD_DESTINATION,
            SubmitRefusal::Throttled => status::THROTTLED,
            SubmitRefusal::Unavailable => status::SYSTEM_ERROR,
            SubmitRefusal::NoRoute | SubmitRefusal::Funds => SUBMIT_FAILED,
            SubmitRefusal::Schedule => BAD_SCHEDULE,
            SubmitRefusal::Validity => BAD_EXPIRY,
        }
    }

    fn read(_place: Place, submit: &ShortMessage<'_>, now: Timestamp) -> Result<Submit, SubmitRefusal> {
        let segment = submit.segment().map(|segment| Concat {
            reference: segment.reference.number(),
            total: segment.total,
            number: segment.number,
        });
        let registered = submit.registered_delivery & REGISTERED;
        let given = Given {
            source: submit.source.number.as_bytes(),
            destinations: Destinations::one(submit.destination.number),
            content: submit.content().as_bytes(),
            coding: submit.data_coding,
            has_header: submit.has_header(),
            segment,
            dialect: TextDialect::Smpp,
            own_id: None,
            on_success: registered == 1,
            on_failure: matches!(registered, 1 | 2),
            valid_time: submit.validity_period.as_bytes(),
            at_time: submit.schedule_delivery_time.as_bytes(),
        };
        given.read(now)
    }

    fn msg_id(id: u128) -> Octets<65> {
        Octets::from_field(format!("{id:x}").as_bytes()).unwrap_or_default()
    }

    fn no_id() -> Octets<65> {
        Octets::EMPTY
    }

    fn pdu<'a>(
        _version: Version,
        delivery: &Delivery,
        piece: Piece<'a>,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        let (phone, to, esm_class, text) = match &delivery.news {
            News::Report(report) => {
                let date = |at| Octets::from_field(minute_text(at).as_bytes()).unwrap_or_default();
                Receipt {
                    message_id: Self::msg_id(report.id),
                    stat: Octets::from_field(word(report.state, report.reason).as_bytes())
                        .unwrap_or_default(),
                    err: three_digits(report),
                    submit_date: date(report.submitted_at),
                    done_date: date(report.done_at),
                }
                .write_text(scratch);
                let text = scratch.len();
                // Many programs read these and not the text.
                append(
                    tag::RECEIPTED_MESSAGE_ID,
                    &[Self::msg_id(report.id).as_bytes(), b"\0"].concat(),
                    scratch,
                )?;
                append(tag::MESSAGE_STATE, &[number_of(report.state, report.reason)], scratch)?;
                (report.phone, &report.source, RECEIPT, text)
            }
            News::Inbound { phone, to, .. } => {
                scratch.extend_from_slice(piece.content);
                (*phone, to, if piece.has_header { UDHI } else { 0 }, scratch.len())
            }
        };
        let (text, tlvs) = scratch.split_at(text);
        let destination = Address { ton: 0, npi: 0, number: TerminalId::new(&**to)? };
        Ok(Pdu::DeliverSm(ShortMessage {
            source: Address { ton: 1, npi: 1, number: international(phone)? },
            esm_class,
            registered_delivery: 0,
            tlvs: Tlvs::new(tlvs),
            ..ShortMessage::to(destination, piece.coding, text)
        }))
    }

    /// A text is priced, cut and judged when it is accepted, so it is never replaced: who wants another one cancels it.
    fn ask(ask: &Ask<'_>) -> Asked<Self> {
        match ask {
            Ask::Query(query) => {
                let query = *query;
                let Some(id) = id_of(query.message_id) else {
                    return Asked::Reply(Some(told(&query, BAD_MESSAGE_ID, None)));
                };
                Asked::Question(
                    Question::Fate { id, source: text_of(&query.source) },
                    Box::new(move |answer| {
                        Some(match answer {
                            Answer::Fate(fate) => told(&query, status::OK, Some(fate)),
                            Answer::Unknown => told(&query, BAD_MESSAGE_ID, None),
                            _ => told(&query, status::QUERY_FAILED, None),
                        })
                    }),
                )
            }
            Ask::Cancel(cancel) => {
                // Without an id it would be all messages between two numbers; none of them is cancelled.
                let Some(id) = id_of(cancel.message_id) else {
                    return Asked::Reply(Some(Pdu::CancelSmResp(status::CANCEL_FAILED)));
                };
                Asked::Question(
                    Question::Cancel { id, source: text_of(&cancel.source) },
                    Box::new(|answer| {
                        Some(Pdu::CancelSmResp(match answer {
                            Answer::Cancelled => status::OK,
                            Answer::Unknown => BAD_MESSAGE_ID,
                            _ => status::CANCEL_FAILED,
                        }))
                    }),
                )
            }
            Ask::Replace(_) => Asked::Reply(Some(Pdu::ReplaceSmResp(status::REPLACE_FAILED))),
            Ask::Alert(_) => Asked::Reply(None),
        }
    }
}
