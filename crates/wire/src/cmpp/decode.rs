//! Octets to PDUs.
//!
//! Liberal where real gateways differ from the specification: a `Status`, `Result` or `Success_Id` is read in
//! the width that is left (1 or 4 octets), ACTIVE_TEST_RESP may lack its octet, strings may be padded with
//! NUL or spaces. Everything else must fit to the octet.

use super::pdu::Header;
use super::{
    Command, Connect, ConnectResp, Deliver, DeliverResp, HEADER_OCTETS, MsgId, Pdu, Query, QueryCounts,
    QueryResp, Submit, SubmitResp, Version,
};
use crate::destinations;
use crate::error::DecodeError;
use crate::octets::{Content, Reader, TerminalId};

/// Decodes one whole PDU, header included. Allocates nothing: strings are kept in place, the content is
/// borrowed.
///
/// # Errors
/// [`DecodeError`], with offsets from the PDU's first octet.
pub fn decode(octets: &[u8], version: Version) -> Result<(u32, Pdu<'_>), DecodeError> {
    let header = decode_header(octets)?;
    let command = Command::from_number(header.command)
        .ok_or(DecodeError::UnknownCommand { command: header.command })?;
    Ok((header.sequence, decode_body(command, octets, version)?))
}

/// Reads the header of a whole PDU and checks its length field.
///
/// # Errors
/// [`DecodeError::Truncated`] below 12 octets, [`DecodeError::LengthMismatch`].
pub fn decode_header(octets: &[u8]) -> Result<Header, DecodeError> {
    let mut reader = Reader::at(octets, 0);
    let claimed = reader.u32("Total_Length")?;
    let header = Header { command: reader.u32("Command_Id")?, sequence: reader.u32("Sequence_Id")? };
    if usize::try_from(claimed) == Ok(octets.len()) {
        Ok(header)
    } else {
        Err(DecodeError::LengthMismatch { claimed: claimed.into(), given: octets.len() })
    }
}

/// Decodes the body of a whole PDU whose header has been read.
///
/// # Errors
/// [`DecodeError`], with offsets from the PDU's first octet.
pub fn decode_body(command: Command, octets: &[u8], version: Version) -> Result<Pdu<'_>, DecodeError> {
    let mut reader = Reader::at(octets, HEADER_OCTETS);
    let reader = &mut reader;
    let pdu = match command {
        Command::Connect => Pdu::Connect(connect(reader)?),
        Command::ConnectResp => Pdu::ConnectResp(connect_resp(reader)?),
        Command::Terminate => Pdu::Terminate,
        Command::TerminateResp => Pdu::TerminateResp,
        Command::Submit => Pdu::Submit(submit(reader, version)?),
        Command::SubmitResp => {
            let (msg_id, result) = answer(reader)?;
            Pdu::SubmitResp(SubmitResp { msg_id, result })
        }
        Command::Deliver => Pdu::Deliver(deliver(reader, version)?),
        Command::DeliverResp => {
            let (msg_id, result) = answer(reader)?;
            Pdu::DeliverResp(DeliverResp { msg_id, result })
        }
        Command::Query => {
            let query = query(reader)?;
            reader.take("Reserve", 8)?;
            Pdu::Query(query)
        }
        Command::QueryResp => Pdu::QueryResp(query_resp(reader)?),
        Command::Cancel => Pdu::Cancel(MsgId(reader.u64("Msg_Id")?)),
        Command::CancelResp => Pdu::CancelResp(result(reader, "Success_Id", 0)?),
        Command::ActiveTest => Pdu::ActiveTest,
        Command::ActiveTestResp => {
            if reader.remaining() > 0 {
                reader.u8("Reserved")?;
            }
            Pdu::ActiveTestResp
        }
    };
    reader.finish()?;
    Ok(pdu)
}

fn connect(reader: &mut Reader<'_>) -> Result<Connect, DecodeError> {
    Ok(Connect {
        source_addr: reader.string("Source_Addr", 6)?,
        authenticator_source: reader.octets16("AuthenticatorSource")?,
        version: reader.u8("Version")?,
        timestamp: reader.u32("Timestamp")?,
    })
}

/// Octets after `Status` in CONNECT_RESP.
const CONNECT_RESP_REST: usize = 17;

fn connect_resp(reader: &mut Reader<'_>) -> Result<ConnectResp, DecodeError> {
    Ok(ConnectResp {
        status: result(reader, "Status", CONNECT_RESP_REST)?,
        authenticator_gateway: reader.octets16("AuthenticatorISMG")?,
        version: reader.u8("Version")?,
    })
}

/// Reads a result code in four octets when that many are left beside the `rest`, else in one.
fn result(reader: &mut Reader<'_>, field: &'static str, rest: usize) -> Result<u32, DecodeError> {
    if reader.remaining().saturating_sub(rest) >= 4 {
        reader.u32(field)
    } else {
        reader.u8(field).map(u32::from)
    }
}

fn answer(reader: &mut Reader<'_>) -> Result<(MsgId, u32), DecodeError> {
    Ok((MsgId(reader.u64("Msg_Id")?), result(reader, "Result", 0)?))
}

fn submit<'a>(reader: &mut Reader<'a>, version: Version) -> Result<Submit<'a>, DecodeError> {
    let terminal = version.terminal_octets();
    Ok(Submit {
        msg_id: MsgId(reader.u64("Msg_Id")?),
        pk_total: reader.u8("Pk_total")?,
        pk_number: reader.u8("Pk_number")?,
        registered_delivery: reader.u8("Registered_Delivery")?,
        msg_level: reader.u8("Msg_level")?,
        service_id: reader.string("Service_Id", 10)?,
        fee_user_type: reader.u8("Fee_UserType")?,
        fee_terminal_id: TerminalId(reader.string("Fee_terminal_Id", terminal)?),
        fee_terminal_type: octet_of_three(reader, "Fee_terminal_type", version)?,
        tp_pid: reader.u8("TP_pId")?,
        tp_udhi: reader.u8("TP_udhi")?,
        msg_fmt: reader.u8("Msg_Fmt")?,
        msg_src: reader.string("Msg_src", 6)?,
        fee_type: reader.string("FeeType", 2)?,
        fee_code: reader.string("FeeCode", 6)?,
        valid_time: reader.string("ValId_Time", 17)?,
        at_time: reader.string("At_Time", 17)?,
        src_id: reader.string("Src_Id", 21)?,
        destinations: destinations::read(reader, "DestUsr_tl", "Dest_terminal_Id", terminal)?,
        dest_terminal_type: octet_of_three(reader, "Dest_terminal_type", version)?,
        content: content(reader)?,
        link_id: reader.string(link_field(version, "Reserve"), version.link_octets())?,
    })
}

fn deliver<'a>(reader: &mut Reader<'a>, version: Version) -> Result<Deliver<'a>, DecodeError> {
    Ok(Deliver {
        msg_id: MsgId(reader.u64("Msg_Id")?),
        dest_id: reader.string("Dest_Id", 21)?,
        service_id: reader.string("Service_Id", 10)?,
        tp_pid: reader.u8("TP_pid")?,
        tp_udhi: reader.u8("TP_udhi")?,
        msg_fmt: reader.u8("Msg_Fmt")?,
        src_terminal_id: TerminalId(reader.string("Src_terminal_Id", version.terminal_octets())?),
        src_terminal_type: octet_of_three(reader, "Src_terminal_type", version)?,
        registered_delivery: reader.u8("Registered_Delivery")?,
        content: content(reader)?,
        link_id: reader.string(link_field(version, "Reserved"), version.link_octets())?,
    })
}

fn content<'a>(reader: &mut Reader<'a>) -> Result<Content<'a>, DecodeError> {
    let length = reader.u8("Msg_Length")?;
    reader.take("Msg_Content", length.into()).map(Content)
}

fn octet_of_three(reader: &mut Reader<'_>, field: &'static str, version: Version) -> Result<u8, DecodeError> {
    if version.is_three() { reader.u8(field) } else { Ok(0) }
}

fn link_field(version: Version, name_in_two: &'static str) -> &'static str {
    if version.is_three() { "LinkID" } else { name_in_two }
}

fn query(reader: &mut Reader<'_>) -> Result<Query, DecodeError> {
    Ok(Query {
        time: reader.string("Time", 8)?,
        query_type: reader.u8("Query_Type")?,
        query_code: reader.string("Query_Code", 10)?,
    })
}

fn query_resp(reader: &mut Reader<'_>) -> Result<QueryResp, DecodeError> {
    Ok(QueryResp {
        query: query(reader)?,
        counts: QueryCounts {
            mt_messages: reader.u32("MT_TLMsg")?,
            mt_users: reader.u32("MT_Tlusr")?,
            mt_success: reader.u32("MT_Scs")?,
            mt_waiting: reader.u32("MT_WT")?,
            mt_failed: reader.u32("MT_FL")?,
            mo_success: reader.u32("MO_Scs")?,
            mo_waiting: reader.u32("MO_WT")?,
            mo_failed: reader.u32("MO_FL")?,
        },
    })
}
