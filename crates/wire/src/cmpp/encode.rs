//! PDUs to octets, strictly as the specification of the version says.
//!
//! Invariant: a PDU that cannot be written leaves the output as it was.

use super::{Connect, ConnectResp, Deliver, MsgId, Pdu, Query, QueryResp, Submit, Version};
use crate::destinations;
use crate::error::EncodeError;
use crate::frame::whole;
use crate::octets::Content;

/// `Msg_Fmt` of plain ASCII.
const FMT_ASCII: u8 = 0;
/// Octets that ASCII content may have: "less than 160".
const ASCII_CONTENT_LIMIT: usize = 159;
/// Octets that any other content may have, and ASCII behind a user data header.
const CONTENT_LIMIT: usize = 140;
/// Octets of `Reserve` in QUERY.
const QUERY_RESERVE: [u8; 8] = [0; 8];

/// Appends one whole PDU to `out`. Allocates only what `out` needs to grow.
///
/// # Errors
/// [`EncodeError`] when a value does not fit its field in `version`; `out` is then unchanged.
pub fn encode(pdu: &Pdu<'_>, sequence: u32, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    whole(super::LIMITS, out, |out| {
        out.extend_from_slice(&pdu.command().number().to_be_bytes());
        out.extend_from_slice(&sequence.to_be_bytes());
        write(pdu, version, out)
    })
}

fn write(pdu: &Pdu<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match pdu {
        Pdu::Connect(connect) => write_connect(connect, out),
        Pdu::ConnectResp(resp) => write_connect_resp(resp, version, out),
        Pdu::Terminate | Pdu::TerminateResp | Pdu::ActiveTest => Ok(()),
        Pdu::Submit(submit) => write_submit(submit, version, out),
        Pdu::SubmitResp(resp) => write_answer(resp.msg_id, resp.result, version, out),
        Pdu::Deliver(deliver) => write_deliver(deliver, version, out),
        Pdu::DeliverResp(resp) => write_answer(resp.msg_id, resp.result, version, out),
        Pdu::Query(query) => {
            write_query(query, out)?;
            out.extend_from_slice(&QUERY_RESERVE);
            Ok(())
        }
        Pdu::QueryResp(resp) => write_query_resp(resp, out),
        Pdu::Cancel(msg_id) => {
            out.extend_from_slice(&msg_id.0.to_be_bytes());
            Ok(())
        }
        Pdu::CancelResp(success_id) => write_result("Success_Id", *success_id, version, out),
        Pdu::ActiveTestResp => {
            out.push(0);
            Ok(())
        }
    }
}

fn write_connect(connect: &Connect, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    connect.source_addr.write("Source_Addr", 6, out)?;
    out.extend_from_slice(&connect.authenticator_source);
    out.push(connect.version);
    out.extend_from_slice(&connect.timestamp.to_be_bytes());
    Ok(())
}

fn write_connect_resp(resp: &ConnectResp, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write_result("Status", resp.status, version, out)?;
    out.extend_from_slice(&resp.authenticator_gateway);
    out.push(resp.version);
    Ok(())
}

fn write_result(
    field: &'static str,
    result: u32,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if version.is_three() {
        out.extend_from_slice(&result.to_be_bytes());
    } else {
        out.push(u8::try_from(result).map_err(|_| EncodeError::OutOfRange { field })?);
    }
    Ok(())
}

fn write_answer(msg_id: MsgId, result: u32, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend_from_slice(&msg_id.0.to_be_bytes());
    write_result("Result", result, version, out)
}

fn write_submit(submit: &Submit<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let terminal = version.terminal_octets();
    out.extend_from_slice(&submit.msg_id.0.to_be_bytes());
    out.extend_from_slice(&[submit.pk_total, submit.pk_number, submit.registered_delivery, submit.msg_level]);
    submit.service_id.write("Service_Id", 10, out)?;
    out.push(submit.fee_user_type);
    submit.fee_terminal_id.0.write("Fee_terminal_Id", terminal, out)?;
    if version.is_three() {
        out.push(submit.fee_terminal_type);
    }
    out.extend_from_slice(&[submit.tp_pid, submit.tp_udhi, submit.msg_fmt]);
    submit.msg_src.write("Msg_src", 6, out)?;
    submit.fee_type.write("FeeType", 2, out)?;
    submit.fee_code.write("FeeCode", 6, out)?;
    submit.valid_time.write("ValId_Time", 17, out)?;
    submit.at_time.write("At_Time", 17, out)?;
    submit.src_id.write("Src_Id", 21, out)?;
    destinations::write(&submit.destinations, "Dest_terminal_Id", terminal, out)?;
    if version.is_three() {
        out.push(submit.dest_terminal_type);
    }
    write_content(submit.msg_fmt, submit.has_header(), submit.content, out)?;
    submit.link_id.write("LinkID", version.link_octets(), out)
}

fn write_content(
    msg_fmt: u8,
    has_header: bool,
    content: Content<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let octets = content.as_bytes();
    let limit = if msg_fmt == FMT_ASCII && !has_header { ASCII_CONTENT_LIMIT } else { CONTENT_LIMIT };
    let too_long = EncodeError::TooLong { field: "Msg_Content", octets: octets.len(), limit };
    if octets.len() > limit {
        return Err(too_long);
    }
    out.push(u8::try_from(octets.len()).map_err(|_| too_long)?);
    out.extend_from_slice(octets);
    Ok(())
}

fn write_deliver(deliver: &Deliver<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend_from_slice(&deliver.msg_id.0.to_be_bytes());
    deliver.dest_id.write("Dest_Id", 21, out)?;
    deliver.service_id.write("Service_Id", 10, out)?;
    out.extend_from_slice(&[deliver.tp_pid, deliver.tp_udhi, deliver.msg_fmt]);
    deliver.src_terminal_id.0.write("Src_terminal_Id", version.terminal_octets(), out)?;
    if version.is_three() {
        out.push(deliver.src_terminal_type);
    }
    out.push(deliver.registered_delivery);
    write_content(deliver.msg_fmt, deliver.has_header(), deliver.content, out)?;
    deliver.link_id.write("LinkID", version.link_octets(), out)
}

fn write_query(query: &Query, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    query.time.write("Time", 8, out)?;
    out.push(query.query_type);
    query.query_code.write("Query_Code", 10, out)
}

fn write_query_resp(resp: &QueryResp, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write_query(&resp.query, out)?;
    let counts = &resp.counts;
    for count in [
        counts.mt_messages,
        counts.mt_users,
        counts.mt_success,
        counts.mt_waiting,
        counts.mt_failed,
        counts.mo_success,
        counts.mo_waiting,
        counts.mo_failed,
    ] {
        out.extend_from_slice(&count.to_be_bytes());
    }
    Ok(())
}
