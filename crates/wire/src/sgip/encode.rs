//! PDUs to octets, strictly as the specification says.
//!
//! Invariant: a PDU that cannot be written leaves the output as it was.

use super::pdu::TRACE_LINE_OCTETS;
use super::{Bind, Deliver, LIMITS, Pdu, Report, Sequence, Submit};
use crate::destinations;
use crate::error::EncodeError;
use crate::frame::whole;
use crate::octets::Content;

/// `Reserve` of BIND and of the answers.
const RESERVE: [u8; 8] = [0; 8];
/// `MessageCoding` of plain ASCII.
const CODING_ASCII: u8 = 0;
/// Octets that ASCII content may have.
const ASCII_CONTENT_LIMIT: usize = 160;
/// Octets that any other content may have, and ASCII behind a user data header.
const CONTENT_LIMIT: usize = 140;

/// Appends one whole PDU to `out`. Allocates only what `out` needs to grow.
///
/// # Errors
/// [`EncodeError`] when a value does not fit its field; `out` is then unchanged.
pub fn encode(pdu: &Pdu<'_>, sequence: Sequence, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    whole(LIMITS, out, |out| {
        out.extend_from_slice(&pdu.command().number().to_be_bytes());
        out.extend_from_slice(&sequence.octets());
        write(pdu, out)
    })
}

fn write(pdu: &Pdu<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match pdu {
        Pdu::Bind(bind) => write_bind(bind, out),
        Pdu::Unbind | Pdu::UnbindResp => Ok(()),
        Pdu::Submit(submit) => write_submit(submit, out),
        Pdu::Deliver(deliver) => write_deliver(deliver, out),
        Pdu::Report(report) => write_report(report, out),
        Pdu::BindResp(result)
        | Pdu::SubmitResp(result)
        | Pdu::DeliverResp(result)
        | Pdu::ReportResp(result)
        | Pdu::UserReportResp(result) => {
            out.push(*result);
            out.extend_from_slice(&RESERVE);
            Ok(())
        }
        Pdu::UserReport(report) => {
            report.sp_number.write("SPNumber", 21, out)?;
            report.user_number.0.write("UserNumber", 21, out)?;
            out.push(report.user_condition);
            report.reserve.write("Reserve", 8, out)
        }
        Pdu::Trace(trace) => {
            out.extend_from_slice(&trace.submit.octets());
            trace.user_number.0.write("UserNumber", 21, out)?;
            trace.reserve.write("Reserve", 8, out)
        }
        Pdu::TraceResp(resp) => {
            let count = resp.lines.len().checked_div(TRACE_LINE_OCTETS).unwrap_or(0);
            out.push(u8::try_from(count).map_err(|_| EncodeError::OutOfRange { field: "Count" })?);
            out.extend_from_slice(resp.lines);
            Ok(())
        }
    }
}

fn write_bind(bind: &Bind, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.push(bind.login_type.octet());
    bind.login_name.write("Login Name", 16, out)?;
    bind.login_password.0.write("Login Password", 16, out)?;
    out.extend_from_slice(&RESERVE);
    Ok(())
}

fn write_submit(submit: &Submit<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    submit.sp_number.write("SPNumber", 21, out)?;
    submit.charge_number.0.write("ChargeNumber", 21, out)?;
    destinations::write(&submit.destinations, "UserNumber", 21, out)?;
    submit.corp_id.write("CorpId", 5, out)?;
    submit.service_type.write("ServiceType", 10, out)?;
    out.push(submit.fee_type);
    submit.fee_value.write("FeeValue", 6, out)?;
    submit.given_value.write("GivenValue", 6, out)?;
    out.extend_from_slice(&[submit.agent_flag, submit.more_late_to_mt_flag, submit.priority]);
    submit.expire_time.write("ExpireTime", 16, out)?;
    submit.schedule_time.write("ScheduleTime", 16, out)?;
    out.extend_from_slice(&[
        submit.report_flag,
        submit.tp_pid,
        submit.tp_udhi,
        submit.message_coding,
        submit.message_type,
    ]);
    write_content(submit.message_coding, submit.has_header(), submit.content, out)?;
    submit.reserve.write("Reserve", 8, out)
}

fn write_deliver(deliver: &Deliver<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    deliver.user_number.0.write("UserNumber", 21, out)?;
    deliver.sp_number.write("SPNumber", 21, out)?;
    out.extend_from_slice(&[deliver.tp_pid, deliver.tp_udhi, deliver.message_coding]);
    write_content(deliver.message_coding, deliver.has_header(), deliver.content, out)?;
    deliver.reserve.write("Reserve", 8, out)
}

fn write_report(report: &Report, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend_from_slice(&report.submit.octets());
    out.push(report.report_type);
    report.user_number.0.write("UserNumber", 21, out)?;
    out.extend_from_slice(&[report.state, report.error_code]);
    report.reserve.write("Reserve", 8, out)
}

fn write_content(
    coding: u8,
    has_header: bool,
    content: Content<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let octets = content.as_bytes();
    let limit = if coding == CODING_ASCII && !has_header { ASCII_CONTENT_LIMIT } else { CONTENT_LIMIT };
    let too_long = EncodeError::TooLong { field: "MessageContent", octets: octets.len(), limit };
    if octets.len() > limit {
        return Err(too_long);
    }
    out.extend_from_slice(&u32::try_from(octets.len()).map_err(|_| too_long)?.to_be_bytes());
    out.extend_from_slice(octets);
    Ok(())
}
