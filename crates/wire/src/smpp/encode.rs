//! PDUs to octets, strictly as the specification says.
//!
//! Invariant: a PDU that cannot be written leaves the output as it was.

use super::{
    Address, Bind, BindResp, DataSm, LIMITS, MessageResp, Pdu, QuerySmResp, ReplaceSm, ShortMessage,
};
use crate::error::EncodeError;
use crate::frame::whole;
use crate::octets::{Content, Octets};

/// Octets that `short_message` may have; longer content goes into `message_payload`.
const SHORT_MESSAGE_LIMIT: usize = 254;
/// Octets of an address with its NUL.
const ADDRESS_WIDTH: usize = 21;
/// Octets of a `message_id` with its NUL.
const MESSAGE_ID_WIDTH: usize = 65;
/// Octets of a time with its NUL.
const TIME_WIDTH: usize = 17;

/// Appends one whole PDU to `out`. Allocates only what `out` needs to grow.
///
/// # Errors
/// [`EncodeError`] when a value does not fit its field; `out` is then unchanged.
pub fn encode(pdu: &Pdu<'_>, sequence: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    whole(LIMITS, out, |out| {
        out.extend_from_slice(&pdu.command().number().to_be_bytes());
        out.extend_from_slice(&pdu.status().to_be_bytes());
        out.extend_from_slice(&sequence.to_be_bytes());
        write(pdu, out)
    })
}

fn write(pdu: &Pdu<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match pdu {
        Pdu::Bind(bind) => write_bind(bind, out),
        Pdu::BindResp(resp) => write_bind_resp(resp, out),
        Pdu::Outbind(outbind) => {
            outbind.system_id.write_c("system_id", 16, out)?;
            outbind.password.0.write_c("password", 9, out)
        }
        Pdu::Unbind
        | Pdu::UnbindResp(_)
        | Pdu::EnquireLink
        | Pdu::EnquireLinkResp(_)
        | Pdu::CancelSmResp(_)
        | Pdu::ReplaceSmResp(_)
        | Pdu::GenericNack(_) => Ok(()),
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => write_short_message(message, out),
        Pdu::SubmitSmResp(resp) | Pdu::DeliverSmResp(resp) | Pdu::DataSmResp(resp) => {
            write_message_resp(resp, out)
        }
        Pdu::DataSm(data) => write_data(data, out),
        Pdu::QuerySm(query) => {
            query.message_id.write_c("message_id", MESSAGE_ID_WIDTH, out)?;
            write_address(&query.source, "source_addr", out)
        }
        Pdu::QuerySmResp(resp) => write_query_resp(resp, out),
        Pdu::CancelSm(cancel) => {
            cancel.service_type.write_c("service_type", 6, out)?;
            cancel.message_id.write_c("message_id", MESSAGE_ID_WIDTH, out)?;
            write_address(&cancel.source, "source_addr", out)?;
            write_address(&cancel.destination, "destination_addr", out)
        }
        Pdu::ReplaceSm(replace) => write_replace(replace, out),
        Pdu::AlertNotification(alert) => {
            write_address(&alert.source, "source_addr", out)?;
            write_address(&alert.esme, "esme_addr", out)?;
            out.extend_from_slice(alert.tlvs.as_bytes());
            Ok(())
        }
    }
}

fn write_bind(bind: &Bind, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    bind.system_id.write_c("system_id", 16, out)?;
    bind.password.0.write_c("password", 9, out)?;
    bind.system_type.write_c("system_type", 13, out)?;
    out.extend_from_slice(&[bind.interface_version, bind.addr_ton, bind.addr_npi]);
    bind.address_range.write_c("address_range", 41, out)
}

fn write_bind_resp(resp: &BindResp<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    resp.system_id.write_c("system_id", 16, out)?;
    out.extend_from_slice(resp.tlvs.as_bytes());
    Ok(())
}

fn write_address(address: &Address, field: &'static str, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend_from_slice(&[address.ton, address.npi]);
    address.number.0.write_c(field, ADDRESS_WIDTH, out)
}

/// Times are empty or exactly sixteen octets (SMPP 3.4, 7.1.1).
fn write_time(time: &Octets<17>, field: &'static str, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if !matches!(time.len(), 0 | 16) {
        return Err(EncodeError::OutOfRange { field });
    }
    time.write_c(field, TIME_WIDTH, out)
}

fn write_short_message(message: &ShortMessage<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    message.service_type.write_c("service_type", 6, out)?;
    write_address(&message.source, "source_addr", out)?;
    write_address(&message.destination, "destination_addr", out)?;
    out.extend_from_slice(&[message.esm_class, message.protocol_id, message.priority_flag]);
    write_time(&message.schedule_delivery_time, "schedule_delivery_time", out)?;
    write_time(&message.validity_period, "validity_period", out)?;
    out.extend_from_slice(&[
        message.registered_delivery,
        message.replace_if_present,
        message.data_coding,
        message.sm_default_msg_id,
    ]);
    write_content(message.short_message, out)?;
    out.extend_from_slice(message.tlvs.as_bytes());
    Ok(())
}

fn write_content(content: Content<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let octets = content.as_bytes();
    let too_long =
        EncodeError::TooLong { field: "short_message", octets: octets.len(), limit: SHORT_MESSAGE_LIMIT };
    if octets.len() > SHORT_MESSAGE_LIMIT {
        return Err(too_long);
    }
    out.push(u8::try_from(octets.len()).map_err(|_| too_long)?);
    out.extend_from_slice(octets);
    Ok(())
}

fn write_data(data: &DataSm<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    data.service_type.write_c("service_type", 6, out)?;
    write_address(&data.source, "source_addr", out)?;
    write_address(&data.destination, "destination_addr", out)?;
    out.extend_from_slice(&[data.esm_class, data.registered_delivery, data.data_coding]);
    out.extend_from_slice(data.tlvs.as_bytes());
    Ok(())
}

fn write_message_resp(resp: &MessageResp<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    resp.message_id.write_c("message_id", MESSAGE_ID_WIDTH, out)?;
    out.extend_from_slice(resp.tlvs.as_bytes());
    Ok(())
}

fn write_query_resp(resp: &QuerySmResp, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    resp.message_id.write_c("message_id", MESSAGE_ID_WIDTH, out)?;
    write_time(&resp.final_date, "final_date", out)?;
    out.extend_from_slice(&[resp.message_state, resp.error_code]);
    Ok(())
}

fn write_replace(replace: &ReplaceSm<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    replace.message_id.write_c("message_id", MESSAGE_ID_WIDTH, out)?;
    write_address(&replace.source, "source_addr", out)?;
    write_time(&replace.schedule_delivery_time, "schedule_delivery_time", out)?;
    write_time(&replace.validity_period, "validity_period", out)?;
    out.extend_from_slice(&[replace.registered_delivery, replace.sm_default_msg_id]);
    write_content(replace.short_message, out)?;
    out.extend_from_slice(replace.tlvs.as_bytes());
    Ok(())
}
