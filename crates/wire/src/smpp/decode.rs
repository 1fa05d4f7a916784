//! Octets to PDUs.
//!
//! Liberal where real message centres differ from the specification: an answer may lack its body, a `message_id` its
//! NUL at the PDU's end, sequence numbers may use all 32 bits, NULs may trail. An optional parameter that claims more
//! than is there is an error.

use super::pdu::Header;
use super::{
    Address, AlertNotification, Bind, BindKind, BindResp, CancelSm, Command, DataSm, HEADER_OCTETS,
    MessageResp, Outbind, Pdu, QuerySm, QuerySmResp, ReplaceSm, ShortMessage,
};
use crate::error::DecodeError;
use crate::octets::{Content, Hidden, Octets, Reader, TerminalId};
use crate::tlv;

/// Decodes one whole PDU, header included. Allocates nothing: strings are kept in place, contents are borrowed.
///
/// # Errors
/// [`DecodeError`], with offsets from the PDU's first octet.
pub fn decode(octets: &[u8]) -> Result<(u32, Pdu<'_>), DecodeError> {
    let header = decode_header(octets)?;
    let command = Command::from_number(header.command)
        .ok_or(DecodeError::UnknownCommand { command: header.command })?;
    Ok((header.sequence, decode_body(command, octets)?))
}

/// Decodes the body of a whole PDU whose command is known.
///
/// # Errors
/// [`DecodeError`], with offsets from the PDU's first octet.
pub fn decode_body(command: Command, octets: &[u8]) -> Result<Pdu<'_>, DecodeError> {
    let header = decode_header(octets)?;
    let mut reader = Reader::at(octets, HEADER_OCTETS);
    let pdu = body(command, header.status, &mut reader)?;
    reader.finish()?;
    Ok(pdu)
}

/// Reads the header of a whole PDU and checks its length field.
///
/// # Errors
/// [`DecodeError::Truncated`] below 16 octets, [`DecodeError::LengthMismatch`].
pub fn decode_header(octets: &[u8]) -> Result<Header, DecodeError> {
    let mut reader = Reader::at(octets, 0);
    let claimed = reader.u32("command_length")?;
    let header = Header {
        command: reader.u32("command_id")?,
        status: reader.u32("command_status")?,
        sequence: reader.u32("sequence_number")?,
    };
    if usize::try_from(claimed) == Ok(octets.len()) {
        Ok(header)
    } else {
        Err(DecodeError::LengthMismatch { claimed: claimed.into(), given: octets.len() })
    }
}

fn body<'a>(command: Command, status: u32, reader: &mut Reader<'a>) -> Result<Pdu<'a>, DecodeError> {
    Ok(match command {
        Command::BindReceiver => Pdu::Bind(bind(reader, BindKind::Receiver)?),
        Command::BindTransmitter => Pdu::Bind(bind(reader, BindKind::Transmitter)?),
        Command::BindTransceiver => Pdu::Bind(bind(reader, BindKind::Transceiver)?),
        Command::BindReceiverResp => Pdu::BindResp(bind_resp(reader, BindKind::Receiver, status)?),
        Command::BindTransmitterResp => Pdu::BindResp(bind_resp(reader, BindKind::Transmitter, status)?),
        Command::BindTransceiverResp => Pdu::BindResp(bind_resp(reader, BindKind::Transceiver, status)?),
        Command::Outbind => Pdu::Outbind(Outbind {
            system_id: reader.c_string("system_id")?,
            password: Hidden(reader.c_string("password")?),
        }),
        Command::Unbind => Pdu::Unbind,
        Command::UnbindResp => Pdu::UnbindResp(without_body(reader, status)),
        Command::EnquireLink => Pdu::EnquireLink,
        Command::EnquireLinkResp => Pdu::EnquireLinkResp(without_body(reader, status)),
        Command::SubmitSm => Pdu::SubmitSm(short_message(reader)?),
        Command::SubmitSmResp => Pdu::SubmitSmResp(message_resp(reader, status)?),
        Command::DeliverSm => Pdu::DeliverSm(short_message(reader)?),
        Command::DeliverSmResp => Pdu::DeliverSmResp(message_resp(reader, status)?),
        Command::DataSm => Pdu::DataSm(DataSm {
            service_type: reader.c_string("service_type")?,
            source: address(reader, "source_addr")?,
            destination: address(reader, "destination_addr")?,
            esm_class: reader.u8("esm_class")?,
            registered_delivery: reader.u8("registered_delivery")?,
            data_coding: reader.u8("data_coding")?,
            tlvs: tlv::read(reader)?,
        }),
        Command::DataSmResp => Pdu::DataSmResp(message_resp(reader, status)?),
        Command::QuerySm => Pdu::QuerySm(QuerySm {
            message_id: reader.c_string("message_id")?,
            source: address(reader, "source_addr")?,
        }),
        Command::QuerySmResp => Pdu::QuerySmResp(query_resp(reader, status)?),
        Command::CancelSm => Pdu::CancelSm(CancelSm {
            service_type: reader.c_string("service_type")?,
            message_id: reader.c_string("message_id")?,
            source: address(reader, "source_addr")?,
            destination: address(reader, "destination_addr")?,
        }),
        Command::CancelSmResp => Pdu::CancelSmResp(without_body(reader, status)),
        Command::ReplaceSm => Pdu::ReplaceSm(replace(reader)?),
        Command::ReplaceSmResp => Pdu::ReplaceSmResp(without_body(reader, status)),
        Command::AlertNotification => Pdu::AlertNotification(AlertNotification {
            source: address(reader, "source_addr")?,
            esme: address(reader, "esme_addr")?,
            tlvs: tlv::read(reader)?,
        }),
        Command::GenericNack => Pdu::GenericNack(without_body(reader, status)),
    })
}

/// Whatever follows the header of an answer that has no body is ignored.
fn without_body(reader: &mut Reader<'_>, status: u32) -> u32 {
    reader.rest();
    status
}

fn bind(reader: &mut Reader<'_>, kind: BindKind) -> Result<Bind, DecodeError> {
    Ok(Bind {
        kind,
        system_id: reader.c_string("system_id")?,
        password: Hidden(reader.c_string("password")?),
        system_type: reader.c_string("system_type")?,
        interface_version: reader.u8("interface_version")?,
        addr_ton: reader.u8("addr_ton")?,
        addr_npi: reader.u8("addr_npi")?,
        address_range: reader.c_string("address_range")?,
    })
}

fn bind_resp<'a>(reader: &mut Reader<'a>, kind: BindKind, status: u32) -> Result<BindResp<'a>, DecodeError> {
    let system_id = reader.c_string("system_id")?;
    Ok(BindResp { kind, status, system_id, tlvs: tlv::read(reader)? })
}

fn address(reader: &mut Reader<'_>, field: &'static str) -> Result<Address, DecodeError> {
    Ok(Address {
        ton: reader.u8(field)?,
        npi: reader.u8(field)?,
        number: TerminalId(reader.c_string(field)?),
    })
}

fn message_resp<'a>(reader: &mut Reader<'a>, status: u32) -> Result<MessageResp<'a>, DecodeError> {
    let message_id: Octets<65> = reader.c_string("message_id")?;
    Ok(MessageResp { status, message_id, tlvs: tlv::read(reader)? })
}

fn short_message<'a>(reader: &mut Reader<'a>) -> Result<ShortMessage<'a>, DecodeError> {
    Ok(ShortMessage {
        service_type: reader.c_string("service_type")?,
        source: address(reader, "source_addr")?,
        destination: address(reader, "destination_addr")?,
        esm_class: reader.u8("esm_class")?,
        protocol_id: reader.u8("protocol_id")?,
        priority_flag: reader.u8("priority_flag")?,
        schedule_delivery_time: reader.c_string("schedule_delivery_time")?,
        validity_period: reader.c_string("validity_period")?,
        registered_delivery: reader.u8("registered_delivery")?,
        replace_if_present: reader.u8("replace_if_present_flag")?,
        data_coding: reader.u8("data_coding")?,
        sm_default_msg_id: reader.u8("sm_default_msg_id")?,
        short_message: content(reader)?,
        tlvs: tlv::read(reader)?,
    })
}

fn content<'a>(reader: &mut Reader<'a>) -> Result<Content<'a>, DecodeError> {
    let length = reader.u8("sm_length")?;
    reader.take("short_message", length.into()).map(Content)
}

fn replace<'a>(reader: &mut Reader<'a>) -> Result<ReplaceSm<'a>, DecodeError> {
    Ok(ReplaceSm {
        message_id: reader.c_string("message_id")?,
        source: address(reader, "source_addr")?,
        schedule_delivery_time: reader.c_string("schedule_delivery_time")?,
        validity_period: reader.c_string("validity_period")?,
        registered_delivery: reader.u8("registered_delivery")?,
        sm_default_msg_id: reader.u8("sm_default_msg_id")?,
        short_message: content(reader)?,
        tlvs: tlv::read(reader)?,
    })
}

/// A failed answer may end after the header.
fn query_resp(reader: &mut Reader<'_>, status: u32) -> Result<QuerySmResp, DecodeError> {
    let message_id = reader.c_string("message_id")?;
    let final_date = reader.c_string("final_date")?;
    let failed = status != 0 && reader.remaining() == 0;
    let mut octet = |field| if failed { Ok(0) } else { reader.u8(field) };
    Ok(QuerySmResp {
        status,
        message_id,
        final_date,
        message_state: octet("message_state")?,
        error_code: octet("error_code")?,
    })
}
