//! Octets to PDUs.
//!
//! Liberal where real gateways differ from the specification: an answer's `Reserve` may be missing, strings may be
//! padded with NUL or spaces, any node id is taken. Everything else must fit to the octet.

use super::pdu::{Header, TRACE_LINE_OCTETS};
use super::{
    Bind, Command, Deliver, HEADER_OCTETS, LoginType, Pdu, Report, Sequence, Submit, Trace, TraceResp,
    UserReport,
};
use crate::destinations;
use crate::error::DecodeError;
use crate::octets::{Content, Hidden, Reader, TerminalId};

/// Decodes one whole PDU, header included. Allocates nothing: strings are kept in place, the content is borrowed.
///
/// # Errors
/// [`DecodeError`], with offsets from the PDU's first octet.
pub fn decode(octets: &[u8]) -> Result<(Sequence, Pdu<'_>), DecodeError> {
    let header = decode_header(octets)?;
    let command = Command::from_number(header.command)
        .ok_or(DecodeError::UnknownCommand { command: header.command })?;
    Ok((header.sequence, decode_body(command, octets)?))
}

/// Decodes the body of a whole PDU whose header has been read.
///
/// # Errors
/// [`DecodeError`], with offsets from the PDU's first octet.
pub fn decode_body(command: Command, octets: &[u8]) -> Result<Pdu<'_>, DecodeError> {
    let mut reader = Reader::at(octets, HEADER_OCTETS);
    let pdu = body(command, &mut reader)?;
    reader.finish()?;
    Ok(pdu)
}

/// Reads the header of a whole PDU and checks its length field.
///
/// # Errors
/// [`DecodeError::Truncated`] below 20 octets, [`DecodeError::LengthMismatch`].
pub fn decode_header(octets: &[u8]) -> Result<Header, DecodeError> {
    let mut reader = Reader::at(octets, 0);
    let claimed = reader.u32("Message Length")?;
    let command = reader.u32("Command ID")?;
    let header = Header { command, sequence: sequence(&mut reader, "Sequence Number")? };
    if usize::try_from(claimed) == Ok(octets.len()) {
        Ok(header)
    } else {
        Err(DecodeError::LengthMismatch { claimed: claimed.into(), given: octets.len() })
    }
}

fn body<'a>(command: Command, reader: &mut Reader<'a>) -> Result<Pdu<'a>, DecodeError> {
    Ok(match command {
        Command::Bind => Pdu::Bind(bind(reader)?),
        Command::BindResp => Pdu::BindResp(result(reader)?),
        Command::Unbind => Pdu::Unbind,
        Command::UnbindResp => Pdu::UnbindResp,
        Command::Submit => Pdu::Submit(submit(reader)?),
        Command::SubmitResp => Pdu::SubmitResp(result(reader)?),
        Command::Deliver => Pdu::Deliver(deliver(reader)?),
        Command::DeliverResp => Pdu::DeliverResp(result(reader)?),
        Command::Report => Pdu::Report(Report {
            submit: sequence(reader, "SubmitSequenceNumber")?,
            report_type: reader.u8("ReportType")?,
            user_number: TerminalId(reader.string("UserNumber", 21)?),
            state: reader.u8("State")?,
            error_code: reader.u8("ErrorCode")?,
            reserve: reader.string("Reserve", 8)?,
        }),
        Command::ReportResp => Pdu::ReportResp(result(reader)?),
        Command::UserReport => Pdu::UserReport(UserReport {
            sp_number: reader.string("SPNumber", 21)?,
            user_number: TerminalId(reader.string("UserNumber", 21)?),
            user_condition: reader.u8("UserCondition")?,
            reserve: reader.string("Reserve", 8)?,
        }),
        Command::UserReportResp => Pdu::UserReportResp(result(reader)?),
        Command::Trace => Pdu::Trace(Trace {
            submit: sequence(reader, "SubmitSequenceNumber")?,
            user_number: TerminalId(reader.string("UserNumber", 21)?),
            reserve: reader.string("Reserve", 8)?,
        }),
        Command::TraceResp => {
            let count = usize::from(reader.u8("Count")?);
            Pdu::TraceResp(TraceResp {
                lines: reader.take("nodes", count.saturating_mul(TRACE_LINE_OCTETS))?,
            })
        }
    })
}

fn sequence(reader: &mut Reader<'_>, field: &'static str) -> Result<Sequence, DecodeError> {
    Ok(Sequence { node: reader.u32(field)?, time: reader.u32(field)?, number: reader.u32(field)? })
}

fn result(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let result = reader.u8("Result")?;
    reader.take("Reserve", reader.remaining().min(8))?;
    Ok(result)
}

fn bind(reader: &mut Reader<'_>) -> Result<Bind, DecodeError> {
    let bind = Bind {
        login_type: LoginType::from_octet(reader.u8("Login Type")?),
        login_name: reader.string("Login Name", 16)?,
        login_password: Hidden(reader.string("Login Password", 16)?),
    };
    reader.take("Reserve", 8)?;
    Ok(bind)
}

fn submit<'a>(reader: &mut Reader<'a>) -> Result<Submit<'a>, DecodeError> {
    Ok(Submit {
        sp_number: reader.string("SPNumber", 21)?,
        charge_number: TerminalId(reader.string("ChargeNumber", 21)?),
        destinations: destinations::read(reader, "UserCount", "UserNumber", 21)?,
        corp_id: reader.string("CorpId", 5)?,
        service_type: reader.string("ServiceType", 10)?,
        fee_type: reader.u8("FeeType")?,
        fee_value: reader.string("FeeValue", 6)?,
        given_value: reader.string("GivenValue", 6)?,
        agent_flag: reader.u8("AgentFlag")?,
        more_late_to_mt_flag: reader.u8("MorelatetoMTFlag")?,
        priority: reader.u8("Priority")?,
        expire_time: reader.string("ExpireTime", 16)?,
        schedule_time: reader.string("ScheduleTime", 16)?,
        report_flag: reader.u8("ReportFlag")?,
        tp_pid: reader.u8("TP_pid")?,
        tp_udhi: reader.u8("TP_udhi")?,
        message_coding: reader.u8("MessageCoding")?,
        message_type: reader.u8("MessageType")?,
        content: content(reader)?,
        reserve: reader.string("Reserve", 8)?,
    })
}

fn deliver<'a>(reader: &mut Reader<'a>) -> Result<Deliver<'a>, DecodeError> {
    Ok(Deliver {
        user_number: TerminalId(reader.string("UserNumber", 21)?),
        sp_number: reader.string("SPNumber", 21)?,
        tp_pid: reader.u8("TP_pid")?,
        tp_udhi: reader.u8("TP_udhi")?,
        message_coding: reader.u8("MessageCoding")?,
        content: content(reader)?,
        reserve: reader.string("Reserve", 8)?,
    })
}

fn content<'a>(reader: &mut Reader<'a>) -> Result<Content<'a>, DecodeError> {
    let length = reader.u32("MessageLength")?;
    reader.take("MessageContent", usize::try_from(length).unwrap_or(usize::MAX)).map(Content)
}
