//! SMPP PDUs field by field.

use super::decode::{decode, decode_header};
use super::{Command, Pdu, Receipt, ShortMessage, tag};
use crate::describe::{Described, Field, Value, Walk, user_data_header};
use crate::error::DecodeError;
use crate::octets::Content;

/// Describes one whole PDU.
///
/// # Errors
/// As [`super::decode`]; a malformed receipt or user data header inside the content is shown as plain octets.
pub fn describe(octets: &[u8]) -> Result<Described, DecodeError> {
    let (_, pdu) = decode(octets)?;
    let header = decode_header(octets)?;
    let command = Command::from_number(header.command)
        .ok_or(DecodeError::UnknownCommand { command: header.command })?;
    let mut walk = Walk::at(octets);
    walk.numbers(&["command_length", "command_id", "command_status", "sequence_number"], 4)?;
    body(&mut walk, &pdu)?;
    Ok(Described { command: command.name(), fields: walk.fields })
}

fn body(walk: &mut Walk<'_>, pdu: &Pdu<'_>) -> Result<(), DecodeError> {
    match pdu {
        Pdu::Bind(_) => {
            walk.c_texts(&["system_id", "password", "system_type"])?;
            walk.numbers(&["interface_version", "addr_ton", "addr_npi"], 1)?;
            walk.c_text("address_range")
        }
        Pdu::BindResp(resp) => {
            walk.c_text("system_id")?;
            walk.tlvs(&resp.tlvs, tag::name)
        }
        Pdu::Outbind(_) => walk.c_texts(&["system_id", "password"]),
        Pdu::Unbind | Pdu::EnquireLink => Ok(()),
        Pdu::UnbindResp(_)
        | Pdu::EnquireLinkResp(_)
        | Pdu::CancelSmResp(_)
        | Pdu::ReplaceSmResp(_)
        | Pdu::GenericNack(_) => walk.rest("trailing octets"),
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => {
            let receipt = matches!(pdu, Pdu::DeliverSm(_)) && message.is_receipt();
            short_message(walk, message, receipt)
        }
        Pdu::SubmitSmResp(resp) | Pdu::DeliverSmResp(resp) | Pdu::DataSmResp(resp) => {
            walk.c_text("message_id")?;
            walk.tlvs(&resp.tlvs, tag::name)
        }
        Pdu::DataSm(data) => {
            walk.c_text("service_type")?;
            address(walk, ["source_addr_ton", "source_addr_npi"], "source_addr")?;
            address(walk, ["dest_addr_ton", "dest_addr_npi"], "destination_addr")?;
            walk.numbers(&["esm_class", "registered_delivery", "data_coding"], 1)?;
            walk.tlvs(&data.tlvs, tag::name)
        }
        Pdu::QuerySm(_) => {
            walk.c_text("message_id")?;
            address(walk, ["source_addr_ton", "source_addr_npi"], "source_addr")
        }
        Pdu::QuerySmResp(_) => {
            walk.c_texts(&["message_id", "final_date"])?;
            if walk.reader.remaining() == 0 {
                return Ok(());
            }
            walk.numbers(&["message_state", "error_code"], 1)
        }
        Pdu::CancelSm(_) => {
            walk.c_texts(&["service_type", "message_id"])?;
            address(walk, ["source_addr_ton", "source_addr_npi"], "source_addr")?;
            address(walk, ["dest_addr_ton", "dest_addr_npi"], "destination_addr")
        }
        Pdu::ReplaceSm(replace) => {
            walk.c_text("message_id")?;
            address(walk, ["source_addr_ton", "source_addr_npi"], "source_addr")?;
            walk.c_texts(&["schedule_delivery_time", "validity_period"])?;
            walk.numbers(&["registered_delivery", "sm_default_msg_id", "sm_length"], 1)?;
            walk.octets("short_message", replace.short_message.as_bytes().len())?;
            walk.tlvs(&replace.tlvs, tag::name)
        }
        Pdu::AlertNotification(alert) => {
            address(walk, ["source_addr_ton", "source_addr_npi"], "source_addr")?;
            address(walk, ["esme_addr_ton", "esme_addr_npi"], "esme_addr")?;
            walk.tlvs(&alert.tlvs, tag::name)
        }
    }
}

fn address(walk: &mut Walk<'_>, types: [&'static str; 2], name: &'static str) -> Result<(), DecodeError> {
    walk.numbers(&types, 1)?;
    walk.c_text(name)
}

fn short_message(walk: &mut Walk<'_>, message: &ShortMessage<'_>, receipt: bool) -> Result<(), DecodeError> {
    walk.c_text("service_type")?;
    address(walk, ["source_addr_ton", "source_addr_npi"], "source_addr")?;
    address(walk, ["dest_addr_ton", "dest_addr_npi"], "destination_addr")?;
    walk.numbers(&["esm_class", "protocol_id", "priority_flag"], 1)?;
    walk.c_texts(&["schedule_delivery_time", "validity_period"])?;
    walk.numbers(
        &["registered_delivery", "replace_if_present_flag", "data_coding", "sm_default_msg_id", "sm_length"],
        1,
    )?;
    let start = walk.reader.offset();
    walk.field("short_message", message.short_message.as_bytes().len(), |octets| {
        let group = if receipt {
            receipt_fields(message, start)
        } else if message.has_header() {
            user_data_header(octets, start)
        } else {
            None
        };
        group.map_or(Value::Octets, Value::Group)
    })?;
    walk.tlvs(&message.tlvs, tag::name)
}

/// The values of a receipt's text alone (the parameters stand beside it); they have no fixed places, so no octets are
/// shown.
fn receipt_fields(message: &ShortMessage<'_>, start: usize) -> Option<Vec<Field>> {
    let text = ShortMessage { tlvs: crate::tlv::Tlvs::NONE, ..*message };
    let Content([_, ..]) = text.short_message else { return None };
    let receipt = Receipt::of(&text).ok()?;
    let field = |name, value: &[u8]| Field {
        name,
        offset: start,
        octets: Vec::new(),
        value: Value::Text(value.to_vec()),
    };
    Some(vec![
        field("id", receipt.message_id.as_bytes()),
        field("submit date", receipt.submit_date.as_bytes()),
        field("done date", receipt.done_date.as_bytes()),
        field("stat", receipt.stat.as_bytes()),
        field("err", receipt.err.as_bytes()),
    ])
}
