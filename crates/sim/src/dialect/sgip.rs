//! SGIP 1.2. Reports and messages go over a connection towards the client where one is configured, else over the
//! client's own, as some gateways do.

use domain::text::Dialect as TextDialect;
use wire::sgip::{
    Ask, Bind, ClientConfig, Deliver, ListenerConfig, LoginType, Pdu, Place, Report, Sequence, Session, Sgip,
    Submit, result,
};
use wire::{Content, EncodeError, Millis, Octets, TerminalId};

use super::{Caller, Dialect, Given};
use crate::config::SimConfig;
use crate::counters::Counters;
use crate::delivery::{CarrierId, REPLY_CODING, Rendered, write_international};

/// `State`: failed.
const FAILED: u8 = 2;
/// `ReportFlag`: a report in any case.
const REPORT_ALWAYS: u8 = 1;

pub(crate) struct SgipCarrier;

impl Dialect for SgipCarrier {
    type Protocol = Sgip;
    const UNKNOWN_LOGIN: u32 = result::ILLEGAL_LOGIN;
    const WRONG_SECRET: u32 = result::ILLEGAL_LOGIN;

    fn session(config: &SimConfig, now: Millis, time: u32) -> Session {
        let listener = ListenerConfig {
            window: config.window,
            idle: config.active_test_interval,
            response_timeout: config.response_timeout,
            ..ListenerConfig::new(LoginType::ServiceProvider, config.gateway_code)
        };
        Session::listener(&listener, now, time)
    }

    fn dialling(config: &SimConfig, caller: &Caller, now: Millis, time: u32) -> Option<Session> {
        let client = ClientConfig {
            login_type: LoginType::Gateway,
            window: config.window,
            idle: config.active_test_interval,
            response_timeout: config.response_timeout,
            ..ClientConfig::new(caller.login, caller.password, config.gateway_code)
        };
        Some(Session::client(&client, now, time))
    }

    fn caller(bind: &Bind) -> Caller {
        Caller { login: bind.login_name, password: bind.login_password, receives: true }
    }

    fn given<'a>(place: Place, submit: &'a Submit<'_>) -> Given<'a> {
        let Sequence { node, time, number } = place.sequence;
        Given {
            destinations: submit.destinations,
            source: submit.sp_number,
            content: submit.content.as_bytes(),
            coding: submit.message_coding,
            has_header: submit.has_header(),
            segment: None,
            dialect: TextDialect::China,
            reported: submit.report_flag == REPORT_ALWAYS,
            own_id: Some(CarrierId { low: u64::from(time) << 32 | u64::from(number), high: node }),
        }
    }

    fn msg_id(id: CarrierId) -> Sequence {
        Sequence { node: id.high, time: (id.low >> 32) as u32, number: id.low as u32 }
    }

    fn deliver<'a>(
        _version: (),
        rendered: &Rendered<'_>,
        content: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        Ok(match rendered {
            Rendered::Receipt(receipt) => {
                let delivered = receipt.stat.as_bytes() == b"DELIVRD";
                let error_code = receipt.stat.as_str().and_then(|code| code.parse().ok()).unwrap_or(u8::MAX);
                Pdu::Report(Report {
                    submit: Self::msg_id(receipt.id),
                    report_type: 0,
                    user_number: receipt.phone.map_or_else(TerminalId::default, write_international),
                    state: if delivered { 0 } else { FAILED },
                    error_code: if delivered { 0 } else { error_code },
                    reserve: Octets::EMPTY,
                })
            }
            Rendered::Reply { phone, source, text, .. } => {
                content.extend_from_slice(text);
                Pdu::Deliver(Deliver {
                    user_number: write_international(*phone),
                    sp_number: *source,
                    tp_pid: 0,
                    tp_udhi: 0,
                    message_coding: REPLY_CODING,
                    content: Content(content),
                    reserve: Octets::EMPTY,
                })
            }
        })
    }

    /// Where a message is, this carrier does not say.
    fn reply(_ask: &Ask, _counters: &Counters) -> Option<Pdu<'static>> {
        None
    }
}
