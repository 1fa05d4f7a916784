//! SGIP 1.2. A customer's sequence number is its message's id; reports and messages go over a connection towards the
//! customer.

use domain::control::Protocol as Spoken;
use domain::downstream::{Customer, Delivery, News, Submit, SubmitRefusal};
use domain::message::MessageState;
use domain::text::Dialect as TextDialect;
use domain::time::Timestamp;
use wire::sgip::{
    Ask, Bind, ClientConfig, Deliver, ListenerConfig, LoginType, Pdu, Place, Report, Sequence, Session, Sgip,
    result,
};
use wire::{Content, EncodeError, Hidden, Octets};

use super::{Asked, Dialect, Given, LoggingIn, Piece, WINDOW, international};
use crate::downstream::door::{Door, Unwelcome};
use crate::drivers::form::clock_number;

/// Our node in sequence numbers: a gateway's is its area code; customers know us by their connection.
const NODE: u32 = 10;
/// Too many connections.
const CONNECTIONS: u32 = 3;
/// `State`: delivered, failed.
const DELIVERED: u8 = 0;
const FAILED: u8 = 2;
/// `ReportFlag`: on failure only, in any case.
const ON_FAILURE: u8 = 0;
const ALWAYS: u8 = 1;

pub(in crate::downstream) struct SgipServer;

impl SgipServer {
    /// A connection towards a customer, with its log-in written.
    ///
    /// # Errors
    /// [`EncodeError`] when login or password do not fit.
    pub(in crate::downstream) fn calling(door: &Door, customer: &Customer) -> Result<Session, EncodeError> {
        let config = ClientConfig {
            login_type: LoginType::Gateway,
            window: usize::from(customer.window).min(WINDOW),
            idle: door.settings.active_test_interval,
            response_timeout: door.settings.response_timeout,
            ..ClientConfig::new(Octets::new(&customer.login)?, Hidden(Octets::new(&customer.secret.0)?), NODE)
        };
        Ok(Session::client(&config, door.now(), clock_number(door.settings.clock.now())))
    }
}

impl Dialect for SgipServer {
    type Protocol = Sgip;
    const WRONG_DIRECTION: u32 = result::PARAMETER;

    fn waiting(door: &Door) -> Session {
        let config = ListenerConfig {
            window: WINDOW,
            idle: door.settings.active_test_interval,
            response_timeout: door.settings.response_timeout,
            ..ListenerConfig::new(LoginType::ServiceProvider, NODE)
        };
        Session::listener(&config, door.now(), clock_number(door.settings.clock.now()))
    }

    fn logging_in(bind: &Bind) -> LoggingIn {
        let login = String::from_utf8_lossy(bind.login_name.as_bytes()).into_owned();
        LoggingIn { login, sends: true, receives: false }
    }

    fn serves(_protocol: Spoken, _version: ()) -> bool {
        true
    }

    fn unwelcome(why: Unwelcome) -> u32 {
        match why {
            Unwelcome::Connections => CONNECTIONS,
            Unwelcome::Login | Unwelcome::Secret | Unwelcome::Address | Unwelcome::Version => {
                result::ILLEGAL_LOGIN
            }
        }
    }

    fn refusal(why: SubmitRefusal) -> u32 {
        match why {
            SubmitRefusal::Destination => result::ILLEGAL_NUMBER,
            SubmitRefusal::Throttled => result::FLOW,
            SubmitRefusal::Unavailable => result::QUEUE_FULL,
            SubmitRefusal::Text
            | SubmitRefusal::Source
            | SubmitRefusal::Validity
            | SubmitRefusal::Schedule
            | SubmitRefusal::Funds
            | SubmitRefusal::NoRoute => result::PARAMETER,
        }
    }

    fn read(place: Place, submit: &wire::sgip::Submit<'_>, now: Timestamp) -> Result<Submit, SubmitRefusal> {
        let Sequence { node, time, number } = place.sequence;
        let own_id = u128::from(node) << 64 | u128::from(time) << 32 | u128::from(number);
        let given = Given {
            source: submit.sp_number.as_bytes(),
            destinations: submit.destinations,
            content: submit.content.as_bytes(),
            coding: submit.message_coding,
            has_header: submit.has_header(),
            segment: None,
            dialect: TextDialect::China,
            own_id: Some(own_id),
            on_success: submit.report_flag == ALWAYS,
            on_failure: matches!(submit.report_flag, ALWAYS | ON_FAILURE),
            valid_time: submit.expire_time.as_bytes(),
            at_time: submit.schedule_time.as_bytes(),
        };
        given.read(now)
    }

    fn msg_id(id: u128) -> Sequence {
        Sequence { node: (id >> 64) as u32, time: (id >> 32) as u32, number: id as u32 }
    }

    fn tick(session: &mut Session, now: Timestamp) {
        session.set_time(clock_number(now));
    }

    fn pdu<'a>(
        _version: (),
        delivery: &Delivery,
        piece: Piece<'a>,
        _scratch: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        Ok(match &delivery.news {
            News::Report(report) => {
                let delivered = report.state == MessageState::Delivered;
                // The carrier's own code where it is a number, else ours of the reason.
                let code = report.code.as_str().trim_start_matches("SGIP:").parse();
                Pdu::Report(Report {
                    submit: Self::msg_id(report.id),
                    report_type: 0,
                    user_number: international(report.phone)?,
                    state: if delivered { DELIVERED } else { FAILED },
                    error_code: if delivered { 0 } else { code.unwrap_or(report.reason.code()) },
                    reserve: Octets::EMPTY,
                })
            }
            News::Inbound { phone, to, .. } => Pdu::Deliver(Deliver {
                user_number: international(*phone)?,
                sp_number: Octets::new(&**to)?,
                tp_pid: 0,
                tp_udhi: u8::from(piece.has_header),
                message_coding: piece.coding,
                content: Content(piece.content),
                reserve: Octets::EMPTY,
            }),
        })
    }

    /// Where a message is, its report tells.
    fn ask(_ask: &Ask) -> Asked<Self> {
        Asked::Reply(None)
    }
}
