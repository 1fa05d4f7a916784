//! PDUs to octets, strictly as the specification of the version says.
//!
//! Invariant: a PDU that cannot be written leaves the output as it was.

use super::{Deliver, LIMITS, Login, MsgId, Pdu, Query, QueryResp, Submit, Version};
use crate::destinations;
use crate::error::EncodeError;
use crate::frame::whole;
use crate::octets::Content;

/// Octets that content may have.
const CONTENT_LIMIT: usize = 140;
/// `Reserve` of Query_Resp.
const RESERVE: [u8; 8] = [0; 8];

/// Appends one whole PDU to `out`. Allocates only what `out` needs to grow.
///
/// # Errors
/// [`EncodeError`] when a value does not fit its field in `version`; `out` is then unchanged.
pub fn encode(pdu: &Pdu<'_>, sequence: u32, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    whole(LIMITS, out, |out| {
        out.extend_from_slice(&pdu.command().number().to_be_bytes());
        out.extend_from_slice(&sequence.to_be_bytes());
        write(pdu, version, out)
    })
}

fn write(pdu: &Pdu<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match pdu {
        Pdu::Login(login) => write_login(login, out),
        Pdu::LoginResp(resp) => {
            out.extend_from_slice(&resp.status.to_be_bytes());
            out.extend_from_slice(&resp.authenticator_server);
            out.push(resp.server_version);
            Ok(())
        }
        Pdu::Submit(submit) => write_submit(submit, version, out),
        Pdu::SubmitResp(resp) => {
            write_answer(resp.msg_id, resp.status, out);
            Ok(())
        }
        Pdu::Deliver(deliver) => write_deliver(deliver, out),
        Pdu::DeliverResp(resp) => {
            write_answer(resp.msg_id, resp.status, out);
            Ok(())
        }
        Pdu::ActiveTest | Pdu::ActiveTestResp | Pdu::Exit | Pdu::ExitResp => Ok(()),
        Pdu::Query(query) => write_query(query, out),
        Pdu::QueryResp(resp) => write_query_resp(resp, out),
    }
}

fn write_login(login: &Login, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    login.client_id.write("ClientID", 8, out)?;
    out.extend_from_slice(&login.authenticator_client);
    out.push(login.login_mode);
    out.extend_from_slice(&login.timestamp.to_be_bytes());
    out.push(login.client_version);
    Ok(())
}

fn write_answer(msg_id: MsgId, status: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&msg_id.0);
    out.extend_from_slice(&status.to_be_bytes());
}

fn write_submit(submit: &Submit<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend_from_slice(&[submit.msg_type, submit.need_report, submit.priority]);
    submit.service_id.write("ServiceID", 10, out)?;
    submit.fee_type.write("FeeType", 2, out)?;
    submit.fee_code.write("FeeCode", 6, out)?;
    if version != Version::V13 {
        submit.fixed_fee.write("FixedFee", 6, out)?;
    }
    out.push(submit.msg_format);
    submit.valid_time.write("ValidTime", 17, out)?;
    submit.at_time.write("AtTime", 17, out)?;
    submit.src_term_id.write("SrcTermID", 21, out)?;
    submit.charge_term_id.0.write("ChargeTermID", 21, out)?;
    destinations::write(&submit.destinations, "DestTermID", 21, out)?;
    write_content(submit.content, out)?;
    submit.reserve.write("Reserve", 8, out)?;
    out.extend_from_slice(submit.tlvs.as_bytes());
    Ok(())
}

fn write_deliver(deliver: &Deliver<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend_from_slice(&deliver.msg_id.0);
    out.extend_from_slice(&[deliver.is_report, deliver.msg_format]);
    deliver.recv_time.write("RecvTime", 14, out)?;
    deliver.src_term_id.0.write("SrcTermID", 21, out)?;
    deliver.dest_term_id.write("DestTermID", 21, out)?;
    write_content(deliver.content, out)?;
    deliver.reserve.write("Reserve", 8, out)?;
    out.extend_from_slice(deliver.tlvs.as_bytes());
    Ok(())
}

fn write_content(content: Content<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let octets = content.as_bytes();
    let too_long = EncodeError::TooLong { field: "MsgContent", octets: octets.len(), limit: CONTENT_LIMIT };
    if octets.len() > CONTENT_LIMIT {
        return Err(too_long);
    }
    out.push(u8::try_from(octets.len()).map_err(|_| too_long)?);
    out.extend_from_slice(octets);
    Ok(())
}

fn write_query(query: &Query, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    query.query_time.write("QueryTime", 8, out)?;
    out.push(query.query_type);
    query.query_code.write("QueryCode", 10, out)
}

fn write_query_resp(resp: &QueryResp, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write_query(&resp.query, out)?;
    for count in resp.counts {
        out.extend_from_slice(&count.to_be_bytes());
    }
    out.extend_from_slice(&RESERVE);
    Ok(())
}
