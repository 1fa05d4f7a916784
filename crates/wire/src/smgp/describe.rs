//! SMGP PDUs field by field.

use super::decode::{decode, decode_header};
use super::{Command, Pdu, Report, Version, tag};
use crate::describe::{Described, Field, Value, Walk, user_data_header};
use crate::error::DecodeError;
use crate::octets::{Content, Octets};

/// Describes one whole PDU.
///
/// # Errors
/// As [`super::decode`]; a malformed report or user data header inside the content is shown as plain octets.
pub fn describe(octets: &[u8], version: Version) -> Result<Described, DecodeError> {
    let (_, pdu) = decode(octets, version)?;
    let header = decode_header(octets)?;
    let command = Command::from_number(header.command)
        .ok_or(DecodeError::UnknownCommand { command: header.command })?;
    let mut walk = Walk::at(octets);
    walk.numbers(&["PacketLength", "RequestID", "SequenceID"], 4)?;
    body(&mut walk, &pdu, version)?;
    Ok(Described { command: command.name(), fields: walk.fields })
}

fn body(walk: &mut Walk<'_>, pdu: &Pdu<'_>, version: Version) -> Result<(), DecodeError> {
    match pdu {
        Pdu::Login(_) => {
            walk.text("ClientID", 8)?;
            walk.octets("AuthenticatorClient", 16)?;
            walk.number("LoginMode", 1)?;
            walk.number("TimeStamp", 4)?;
            walk.number("ClientVersion", 1)
        }
        Pdu::LoginResp(_) => {
            walk.number("Status", 4)?;
            walk.octets("AuthenticatorServer", 16)?;
            walk.number("ServerVersion", 1)
        }
        Pdu::Submit(submit) => {
            walk.numbers(&["MsgType", "NeedReport", "Priority"], 1)?;
            walk.texts(&[("ServiceID", 10), ("FeeType", 2), ("FeeCode", 6)])?;
            if version != Version::V13 {
                walk.text("FixedFee", 6)?;
            }
            walk.number("MsgFormat", 1)?;
            walk.texts(&[("ValidTime", 17), ("AtTime", 17), ("SrcTermID", 21), ("ChargeTermID", 21)])?;
            walk.phones("DestTermIDCount", "DestTermID", &submit.destinations, 21)?;
            content(walk, submit.content, submit.has_header(), false)?;
            walk.text("Reserve", 8)?;
            walk.tlvs(&submit.tlvs, tag::name)
        }
        Pdu::SubmitResp(_) | Pdu::DeliverResp(_) => {
            walk.hex_id("MsgID", 10)?;
            walk.number("Status", 4)
        }
        Pdu::Deliver(deliver) => {
            walk.hex_id("MsgID", 10)?;
            walk.numbers(&["IsReport", "MsgFormat"], 1)?;
            walk.texts(&[("RecvTime", 14), ("SrcTermID", 21), ("DestTermID", 21)])?;
            content(walk, deliver.content, deliver.has_header(), deliver.is_report == 1)?;
            walk.text("Reserve", 8)?;
            walk.tlvs(&deliver.tlvs, tag::name)
        }
        Pdu::ActiveTest | Pdu::Exit | Pdu::ExitResp => Ok(()),
        Pdu::ActiveTestResp => walk.rest("Reserved"),
        Pdu::Query(_) => query(walk),
        Pdu::QueryResp(_) => {
            query(walk)?;
            walk.numbers(
                &["MT_TLMsg", "MT_TLUsr", "MT_Scs", "MT_WT", "MT_FL", "MO_Scs", "MO_WT", "MO_FL"],
                4,
            )?;
            walk.octets("Reserve", 8)
        }
    }
}

fn query(walk: &mut Walk<'_>) -> Result<(), DecodeError> {
    walk.text("QueryTime", 8)?;
    walk.number("QueryType", 1)?;
    walk.text("QueryCode", 10)
}

fn content(
    walk: &mut Walk<'_>,
    content: Content<'_>,
    has_header: bool,
    is_report: bool,
) -> Result<(), DecodeError> {
    walk.number("MsgLength", 1)?;
    let start = walk.reader.offset();
    walk.field("MsgContent", content.as_bytes().len(), |octets| {
        let group = if is_report {
            Report::decode(Content(octets)).ok().map(|report| report_fields(&report, start))
        } else if has_header {
            user_data_header(octets, start)
        } else {
            None
        };
        group.map_or(Value::Octets, Value::Group)
    })
}

/// The values that a report's text holds; they have no fixed places, so no octets are shown.
fn report_fields(report: &Report, start: usize) -> Vec<Field> {
    fn text<const N: usize>(value: &Octets<N>) -> Value {
        Value::Text(value.as_bytes().to_vec())
    }
    let field = |name, value| Field { name, offset: start, octets: Vec::new(), value };
    vec![
        field("id", Value::MsgId(report.msg_id.to_string())),
        field("Submit_Date", text(&report.submit_date)),
        field("Done_Date", text(&report.done_date)),
        field("Stat", text(&report.stat)),
        field("Err", text(&report.err)),
    ]
}
