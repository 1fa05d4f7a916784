//! SGIP PDUs field by field.

use super::decode::{decode, decode_header};
use super::{Command, Pdu};
use crate::describe::{Described, Field, Value, Walk, big_endian, user_data_header};
use crate::error::DecodeError;

/// Describes one whole PDU.
///
/// # Errors
/// As [`super::decode`]; a malformed user data header inside the content is shown as plain octets.
pub fn describe(octets: &[u8]) -> Result<Described, DecodeError> {
    let (_, pdu) = decode(octets)?;
    let header = decode_header(octets)?;
    let command = Command::from_number(header.command)
        .ok_or(DecodeError::UnknownCommand { command: header.command })?;
    let mut walk = Walk::at(octets);
    walk.numbers(&["Message Length", "Command ID"], 4)?;
    sequence(&mut walk, "Sequence Number")?;
    body(&mut walk, &pdu)?;
    Ok(Described { command: command.name(), fields: walk.fields })
}

fn body(walk: &mut Walk<'_>, pdu: &Pdu<'_>) -> Result<(), DecodeError> {
    match pdu {
        Pdu::Bind(_) => {
            walk.number("Login Type", 1)?;
            walk.texts(&[("Login Name", 16), ("Login Password", 16)])?;
            walk.octets("Reserve", 8)
        }
        Pdu::Unbind | Pdu::UnbindResp => Ok(()),
        Pdu::BindResp(_)
        | Pdu::SubmitResp(_)
        | Pdu::DeliverResp(_)
        | Pdu::ReportResp(_)
        | Pdu::UserReportResp(_) => {
            walk.number("Result", 1)?;
            walk.rest("Reserve")
        }
        Pdu::Submit(submit) => {
            walk.texts(&[("SPNumber", 21), ("ChargeNumber", 21)])?;
            walk.phones("UserCount", "UserNumber", &submit.destinations, 21)?;
            walk.texts(&[("CorpId", 5), ("ServiceType", 10)])?;
            walk.number("FeeType", 1)?;
            walk.texts(&[("FeeValue", 6), ("GivenValue", 6)])?;
            walk.numbers(&["AgentFlag", "MorelatetoMTFlag", "Priority"], 1)?;
            walk.texts(&[("ExpireTime", 16), ("ScheduleTime", 16)])?;
            walk.numbers(&["ReportFlag", "TP_pid", "TP_udhi", "MessageCoding", "MessageType"], 1)?;
            content(walk, submit.content.as_bytes().len(), submit.has_header())?;
            walk.text("Reserve", 8)
        }
        Pdu::Deliver(deliver) => {
            walk.texts(&[("UserNumber", 21), ("SPNumber", 21)])?;
            walk.numbers(&["TP_pid", "TP_udhi", "MessageCoding"], 1)?;
            content(walk, deliver.content.as_bytes().len(), deliver.has_header())?;
            walk.text("Reserve", 8)
        }
        Pdu::Report(_) => {
            sequence(walk, "SubmitSequenceNumber")?;
            walk.number("ReportType", 1)?;
            walk.text("UserNumber", 21)?;
            walk.numbers(&["State", "ErrorCode"], 1)?;
            walk.text("Reserve", 8)
        }
        Pdu::UserReport(_) => {
            walk.texts(&[("SPNumber", 21), ("UserNumber", 21)])?;
            walk.number("UserCondition", 1)?;
            walk.text("Reserve", 8)
        }
        Pdu::Trace(_) => {
            sequence(walk, "SubmitSequenceNumber")?;
            walk.texts(&[("UserNumber", 21), ("Reserve", 8)])
        }
        Pdu::TraceResp(resp) => {
            walk.number("Count", 1)?;
            for _ in resp.lines() {
                walk.number("Result", 1)?;
                walk.texts(&[("NodeId", 6), ("ReceiveTime", 16), ("SendTime", 16), ("Reserve", 8)])?;
            }
            Ok(())
        }
    }
}

fn content(walk: &mut Walk<'_>, length: usize, has_header: bool) -> Result<(), DecodeError> {
    walk.number("MessageLength", 4)?;
    let start = walk.reader.offset();
    walk.field("MessageContent", length, |octets| {
        let group = if has_header { user_data_header(octets, start) } else { None };
        group.map_or(Value::Octets, Value::Group)
    })
}

/// The twelve octets with their three parts.
fn sequence(walk: &mut Walk<'_>, name: &'static str) -> Result<(), DecodeError> {
    let start = walk.reader.offset();
    walk.field(name, 12, |octets| {
        let parts = ["node", "time", "number"].into_iter().zip(octets.chunks(4)).zip([0_usize, 4, 8]);
        let fields = parts.map(|((name, octets), at)| Field {
            name,
            offset: start.saturating_add(at),
            octets: octets.to_vec(),
            value: Value::Number(big_endian(octets)),
        });
        Value::Group(fields.collect())
    })
}
