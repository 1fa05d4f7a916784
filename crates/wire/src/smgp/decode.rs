//! Octets to PDUs.
//!
//! Liberal where real gateways differ from the specification: optional parameters may be unknown or cut off at the
//! end, Active_Test_Resp may have a body, strings may be padded with NUL or spaces.

use super::pdu::Header;
use super::{
    Command, Deliver, DeliverResp, HEADER_OCTETS, Login, LoginResp, MsgId, Pdu, Query, QueryResp, Submit,
    SubmitResp, Version,
};
use crate::destinations;
use crate::error::DecodeError;
use crate::octets::{Content, Reader, TerminalId};
use crate::tlv;

/// Decodes one whole PDU, header included. Allocates nothing: strings are kept in place, contents are borrowed.
///
/// # Errors
/// [`DecodeError`], with offsets from the PDU's first octet.
pub fn decode(octets: &[u8], version: Version) -> Result<(u32, Pdu<'_>), DecodeError> {
    let header = decode_header(octets)?;
    let command = Command::from_number(header.command)
        .ok_or(DecodeError::UnknownCommand { command: header.command })?;
    Ok((header.sequence, decode_body(command, octets, version)?))
}

/// Decodes the body of a whole PDU whose header has been read.
///
/// # Errors
/// [`DecodeError`], with offsets from the PDU's first octet.
pub fn decode_body(command: Command, octets: &[u8], version: Version) -> Result<Pdu<'_>, DecodeError> {
    let mut reader = Reader::at(octets, HEADER_OCTETS);
    let pdu = body(command, &mut reader, version)?;
    reader.finish()?;
    Ok(pdu)
}

/// Reads the header of a whole PDU and checks its length field.
///
/// # Errors
/// [`DecodeError::Truncated`] below 12 octets, [`DecodeError::LengthMismatch`].
pub fn decode_header(octets: &[u8]) -> Result<Header, DecodeError> {
    let mut reader = Reader::at(octets, 0);
    let claimed = reader.u32("PacketLength")?;
    let header = Header { command: reader.u32("RequestID")?, sequence: reader.u32("SequenceID")? };
    if usize::try_from(claimed) == Ok(octets.len()) {
        Ok(header)
    } else {
        Err(DecodeError::LengthMismatch { claimed: claimed.into(), given: octets.len() })
    }
}

fn body<'a>(command: Command, reader: &mut Reader<'a>, version: Version) -> Result<Pdu<'a>, DecodeError> {
    Ok(match command {
        Command::Login => Pdu::Login(Login {
            client_id: reader.string("ClientID", 8)?,
            authenticator_client: reader.octets16("AuthenticatorClient")?,
            login_mode: reader.u8("LoginMode")?,
            timestamp: reader.u32("TimeStamp")?,
            client_version: reader.u8("ClientVersion")?,
        }),
        Command::LoginResp => Pdu::LoginResp(LoginResp {
            status: reader.u32("Status")?,
            authenticator_server: reader.octets16("AuthenticatorServer")?,
            server_version: reader.u8("ServerVersion")?,
        }),
        Command::Submit => Pdu::Submit(submit(reader, version)?),
        Command::SubmitResp => {
            Pdu::SubmitResp(SubmitResp { msg_id: msg_id(reader)?, status: reader.u32("Status")? })
        }
        Command::Deliver => Pdu::Deliver(deliver(reader)?),
        Command::DeliverResp => {
            Pdu::DeliverResp(DeliverResp { msg_id: msg_id(reader)?, status: reader.u32("Status")? })
        }
        Command::ActiveTest => Pdu::ActiveTest,
        Command::ActiveTestResp => {
            reader.rest();
            Pdu::ActiveTestResp
        }
        Command::Exit => Pdu::Exit,
        Command::ExitResp => Pdu::ExitResp,
        Command::Query => Pdu::Query(query(reader)?),
        Command::QueryResp => {
            let query = query(reader)?;
            let mut counts = [0; 8];
            for count in &mut counts {
                *count = reader.u32("counters")?;
            }
            reader.take("Reserve", 8)?;
            Pdu::QueryResp(QueryResp { query, counts })
        }
    })
}

pub(super) fn msg_id(reader: &mut Reader<'_>) -> Result<MsgId, DecodeError> {
    reader.array("MsgID").map(MsgId)
}

fn query(reader: &mut Reader<'_>) -> Result<Query, DecodeError> {
    Ok(Query {
        query_time: reader.string("QueryTime", 8)?,
        query_type: reader.u8("QueryType")?,
        query_code: reader.string("QueryCode", 10)?,
    })
}

fn submit<'a>(reader: &mut Reader<'a>, version: Version) -> Result<Submit<'a>, DecodeError> {
    Ok(Submit {
        msg_type: reader.u8("MsgType")?,
        need_report: reader.u8("NeedReport")?,
        priority: reader.u8("Priority")?,
        service_id: reader.string("ServiceID", 10)?,
        fee_type: reader.string("FeeType", 2)?,
        fee_code: reader.string("FeeCode", 6)?,
        fixed_fee: reader.string("FixedFee", if version == Version::V13 { 0 } else { 6 })?,
        msg_format: reader.u8("MsgFormat")?,
        valid_time: reader.string("ValidTime", 17)?,
        at_time: reader.string("AtTime", 17)?,
        src_term_id: reader.string("SrcTermID", 21)?,
        charge_term_id: TerminalId(reader.string("ChargeTermID", 21)?),
        destinations: destinations::read(reader, "DestTermIDCount", "DestTermID", 21)?,
        content: content(reader)?,
        reserve: reader.string("Reserve", 8)?,
        tlvs: tlv::read_whole(reader),
    })
}

fn deliver<'a>(reader: &mut Reader<'a>) -> Result<Deliver<'a>, DecodeError> {
    Ok(Deliver {
        msg_id: msg_id(reader)?,
        is_report: reader.u8("IsReport")?,
        msg_format: reader.u8("MsgFormat")?,
        recv_time: reader.string("RecvTime", 14)?,
        src_term_id: TerminalId(reader.string("SrcTermID", 21)?),
        dest_term_id: reader.string("DestTermID", 21)?,
        content: content(reader)?,
        reserve: reader.string("Reserve", 8)?,
        tlvs: tlv::read_whole(reader),
    })
}

fn content<'a>(reader: &mut Reader<'a>) -> Result<Content<'a>, DecodeError> {
    let length = reader.u8("MsgLength")?;
    reader.take("MsgContent", length.into()).map(Content)
}
