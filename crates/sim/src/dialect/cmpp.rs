//! CMPP 2.0 and 3.0.

use domain::text::Dialect as TextDialect;
use wire::cmpp::{
    Ask, Cmpp, Connect, Deliver, MsgId, Pdu, QueryCounts, QueryResp, Report, ServerConfig, Session, Submit,
    Version,
};
use wire::{EncodeError, Hidden, Millis, TerminalId};

use super::{Caller, Dialect, Given, login};
use crate::config::SimConfig;
use crate::counters::Counters;
use crate::delivery::{CarrierId, REPLY_CODING, Rendered, write_phone};

/// `Success_Id` of CANCEL_RESP: failed. This carrier has always sent a message before it can be cancelled.
const CANCEL_FAILED: u32 = 1;

pub(crate) struct CmppCarrier;

impl Dialect for CmppCarrier {
    type Protocol = Cmpp;
    const UNKNOWN_LOGIN: u32 = 2;
    const WRONG_SECRET: u32 = 3;

    fn session(config: &SimConfig, now: Millis, _time: u32) -> Session {
        let server = ServerConfig {
            highest_version: config.highest_version,
            window: config.window,
            active_test_interval: config.active_test_interval,
            response_timeout: config.response_timeout,
            ..ServerConfig::default()
        };
        Session::server(&server, now)
    }

    fn caller(connect: &Connect) -> Caller {
        Caller { login: login(connect.source_addr.as_bytes()), password: Hidden::default(), receives: true }
    }

    fn given<'a>(_sequence: u32, submit: &'a Submit<'_>) -> Given<'a> {
        Given {
            destinations: submit.destinations,
            source: submit.src_id,
            content: submit.content.as_bytes(),
            coding: submit.msg_fmt,
            has_header: submit.has_header(),
            segment: None,
            dialect: TextDialect::China,
            reported: submit.registered_delivery == 1,
            own_id: None,
        }
    }

    fn msg_id(id: CarrierId) -> MsgId {
        MsgId(id.low)
    }

    fn deliver<'a>(
        version: Version,
        rendered: &Rendered<'_>,
        content: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        Ok(Pdu::Deliver(match rendered {
            Rendered::Receipt(receipt) => {
                let phone = receipt.phone.map_or_else(TerminalId::default, write_phone);
                let report = Report {
                    msg_id: MsgId(receipt.id.low),
                    stat: receipt.stat,
                    submit_time: receipt.submitted,
                    done_time: receipt.done,
                    dest_terminal_id: phone,
                    smsc_sequence: receipt.number,
                };
                report.encode(version, content)?;
                Deliver {
                    msg_id: MsgId(receipt.deliver_id),
                    ..Deliver::report(phone, receipt.source, content)
                }
            }
            Rendered::Reply { deliver_id, phone, source, text } => {
                content.extend_from_slice(text);
                let inbound = Deliver::inbound(write_phone(*phone), *source, REPLY_CODING, content);
                Deliver { msg_id: MsgId(*deliver_id), ..inbound }
            }
        }))
    }

    fn reply(ask: &Ask, counters: &Counters) -> Option<Pdu<'static>> {
        Some(match ask {
            Ask::Query(query) => {
                let counts = QueryCounts {
                    mt_messages: counters.submits as u32,
                    mt_success: counters.accepted as u32,
                    mo_success: counters.inbound_acked as u32,
                    ..QueryCounts::default()
                };
                Pdu::QueryResp(QueryResp { query: *query, counts })
            }
            Ask::Cancel(_) => Pdu::CancelResp(CANCEL_FAILED),
        })
    }
}
