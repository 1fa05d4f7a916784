//! SMGP 3.0.3, and its layouts of version 1.3.

use domain::text::Dialect as TextDialect;
use wire::smgp::{
    Ask, Deliver, Login, LoginMode, MsgId, Pdu, QueryResp, Report, ServerConfig, Session, Smgp, Submit,
    Version,
};
use wire::{EncodeError, Hidden, Millis, Octets, TerminalId};

use super::{Caller, Dialect, Given, login, timing};
use crate::config::SimConfig;
use crate::counters::Counters;
use crate::delivery::{CarrierId, REPLY_CODING, Rendered, write_phone};

pub(crate) struct SmgpCarrier;

impl Dialect for SmgpCarrier {
    type Protocol = Smgp;
    const UNKNOWN_LOGIN: u32 = 21;
    const WRONG_SECRET: u32 = 21;

    fn session(config: &SimConfig, now: Millis, _time: u32) -> Session {
        Session::server(&ServerConfig { window: config.window, timing: timing(config) }, now)
    }

    fn caller(log_in: &Login) -> Caller {
        Caller {
            login: login(log_in.client_id.as_bytes()),
            password: Hidden::default(),
            receives: LoginMode::from_octet(log_in.login_mode) != LoginMode::Send,
        }
    }

    fn given<'a>(_sequence: u32, submit: &'a Submit<'_>) -> Given<'a> {
        Given {
            destinations: submit.destinations,
            source: submit.src_term_id,
            content: submit.content.as_bytes(),
            coding: submit.msg_format,
            has_header: submit.has_header(),
            segment: None,
            dialect: TextDialect::China,
            reported: submit.need_report == 1,
            own_id: None,
        }
    }

    fn msg_id(id: CarrierId) -> MsgId {
        numbered(id.low)
    }

    fn deliver<'a>(
        _version: Version,
        rendered: &Rendered<'_>,
        content: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        Ok(Pdu::Deliver(match rendered {
            Rendered::Receipt(receipt) => {
                let delivered = receipt.stat.as_bytes() == b"DELIVRD";
                let report = Report {
                    msg_id: numbered(receipt.id.low),
                    stat: receipt.stat,
                    err: Octets::from_field(if delivered { b"000" } else { b"001" }).unwrap_or_default(),
                    submit_date: receipt.submitted,
                    done_date: receipt.done,
                };
                report.encode(content);
                let phone = receipt.phone.map_or_else(TerminalId::default, write_phone);
                Deliver {
                    msg_id: numbered(receipt.deliver_id),
                    is_report: 1,
                    ..Deliver::inbound(phone, receipt.source, 0, content)
                }
            }
            Rendered::Reply { deliver_id, phone, source, text } => {
                content.extend_from_slice(text);
                let inbound = Deliver::inbound(write_phone(*phone), *source, REPLY_CODING, content);
                Deliver { msg_id: numbered(*deliver_id), ..inbound }
            }
        }))
    }

    fn reply(ask: &Ask, counters: &Counters) -> Option<Pdu<'static>> {
        let Ask::Query(query) = ask;
        let mut counts = [0; 8];
        counts[0] = counters.submits as u32;
        counts[2] = counters.accepted as u32;
        counts[5] = counters.inbound_acked as u32;
        Some(Pdu::QueryResp(QueryResp { query: *query, counts }))
    }
}

/// Real ids are not always digits, and these are not either.
fn numbered(id: u64) -> MsgId {
    let mut octets = [0; 10];
    octets[2..].copy_from_slice(&id.to_be_bytes());
    MsgId(octets)
}
