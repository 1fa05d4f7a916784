//! SMPP 3.4 and 5.0. Ids are hexadecimal.

use domain::text::{Concat, Dialect as TextDialect};
use wire::destinations::Destinations;
use wire::smpp::{
    Address, Ask, Bind, BindKind, Pdu, Place, QuerySmResp, Receipt, ServerConfig, Session, ShortMessage,
    Smpp, Version, status,
};
use wire::{EncodeError, Millis, Octets, TerminalId};

use super::{Caller, Dialect, Given, timing};
use crate::config::SimConfig;
use crate::counters::Counters;
use crate::delivery::{CarrierId, REPLY_CODING, Rendered, write_international};

/// `esm_class` of a receipt.
const RECEIPT: u8 = 0x04;
/// Bits of `registered_delivery` that ask for a receipt in any case.
const RECEIPT_ALWAYS: u8 = 0x01;

pub(crate) struct SmppCarrier;

impl Dialect for SmppCarrier {
    type Protocol = Smpp;
    const UNKNOWN_LOGIN: u32 = status::BAD_SYSTEM_ID;
    const WRONG_SECRET: u32 = status::BAD_PASSWORD;

    fn session(config: &SimConfig, now: Millis, _time: u32) -> Session {
        let server = ServerConfig {
            window: config.window,
            timing: timing(config),
            system_id: Octets::from_field(b"sim").unwrap_or_default(),
            ..ServerConfig::default()
        };
        Session::server(&server, now)
    }

    fn caller(bind: &Bind) -> Caller {
        Caller {
            login: bind.system_id,
            password: bind.password,
            receives: bind.kind != BindKind::Transmitter,
        }
    }

    fn given<'a>(_place: Place, submit: &'a ShortMessage<'_>) -> Given<'a> {
        let segment = submit.segment().map(|segment| Concat {
            reference: segment.reference.number(),
            total: segment.total,
            number: segment.number,
        });
        Given {
            destinations: Destinations::one(submit.destination.number),
            source: Octets::from_field(submit.source.number.as_bytes()).unwrap_or_default(),
            content: submit.content().as_bytes(),
            coding: submit.data_coding,
            has_header: submit.has_header(),
            segment,
            dialect: TextDialect::Smpp,
            reported: submit.registered_delivery & RECEIPT_ALWAYS != 0,
            own_id: None,
        }
    }

    fn msg_id(id: CarrierId) -> Octets<65> {
        Octets::from_field(format!("{:x}", id.low).as_bytes()).unwrap_or_default()
    }

    fn deliver<'a>(
        _version: Version,
        rendered: &Rendered<'_>,
        content: &'a mut Vec<u8>,
    ) -> Result<Pdu<'a>, EncodeError> {
        let (phone, code, esm_class, coding) = match rendered {
            Rendered::Receipt(receipt) => {
                let delivered = receipt.stat.as_bytes() == b"DELIVRD";
                Receipt {
                    message_id: if receipt.decimal { decimal(receipt.id) } else { Self::msg_id(receipt.id) },
                    stat: receipt.stat,
                    err: Octets::from_field(if delivered { b"000" } else { b"001" }).unwrap_or_default(),
                    submit_date: Octets::from_field(receipt.submitted.as_bytes()).unwrap_or_default(),
                    done_date: Octets::from_field(receipt.done.as_bytes()).unwrap_or_default(),
                }
                .write_text(content);
                (receipt.phone, receipt.source, RECEIPT, 0)
            }
            Rendered::Reply { phone, source, text, .. } => {
                content.extend_from_slice(text);
                (Some(*phone), *source, 0, REPLY_CODING)
            }
        };
        let number = phone.map_or_else(TerminalId::default, write_international);
        let destination = Address { ton: 0, npi: 0, number: TerminalId::new(code.as_bytes())? };
        Ok(Pdu::DeliverSm(ShortMessage {
            source: Address { ton: 1, npi: 1, number },
            esm_class,
            registered_delivery: 0,
            ..ShortMessage::to(destination, coding, content)
        }))
    }

    /// This carrier has always sent a message before it can be cancelled, replaced or asked for.
    fn reply(ask: &Ask<'_>, _counters: &Counters) -> Option<Pdu<'static>> {
        match ask {
            Ask::Query(query) => Some(Pdu::QuerySmResp(QuerySmResp {
                status: status::QUERY_FAILED,
                message_id: query.message_id,
                final_date: Octets::EMPTY,
                message_state: 0,
                error_code: 0,
            })),
            Ask::Cancel(_) => Some(Pdu::CancelSmResp(status::CANCEL_FAILED)),
            Ask::Replace(_) => Some(Pdu::ReplaceSmResp(status::REPLACE_FAILED)),
            Ask::Alert(_) => None,
        }
    }
}

fn decimal(id: CarrierId) -> Octets<65> {
    Octets::from_field(id.low.to_string().as_bytes()).unwrap_or_default()
}
