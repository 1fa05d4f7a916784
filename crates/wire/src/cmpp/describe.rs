//! A PDU field by field under the names of the specification: what a carrier engineer reaches for first.
//!
//! Unlike everything else here this allocates and shows personal data: it serves a person who holds the
//! octets already. `Debug` still hides the values.

use std::fmt;

use super::decode::{decode, decode_header};
use super::{Command, MsgId, Pdu, Report, Version};
use crate::concat::{Reference, take_apart};
use crate::error::DecodeError;
use crate::octets::{Reader, unpadded};

/// A described PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The command, such as `CMPP_SUBMIT`.
    pub command: Command,
    /// All fields in order, header first.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// The name in the specification.
    pub name: &'static str,
    /// Octets before the field, from the PDU's first (from the group's parent's start for what is inside a
    /// report or header).
    pub offset: usize,
    /// The octets as they are on the wire.
    pub octets: Vec<u8>,
    /// What they mean.
    pub value: Value,
}

impl Field {
    /// The octets in lower-case hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        self.octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Field({} at {}, {} octets)", self.name, self.offset, self.octets.len())
    }
}

/// The meaning of a field.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// An unsigned number.
    Number(u64),
    /// A fixed-width string without its padding (not necessarily UTF-8).
    Text(Vec<u8>),
    /// Octets without a further meaning here: authenticators, message content, reserved octets.
    Octets,
    /// A message id.
    MsgId(MsgId),
    /// Several values of one field.
    List(Vec<Value>),
    /// Fields inside a field: a status report, a user data header.
    Group(Vec<Field>),
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Number(_) => "Number",
            Self::Text(_) => "Text",
            Self::Octets => "Octets",
            Self::MsgId(_) => "MsgId",
            Self::List(_) => "List",
            Self::Group(_) => "Group",
        })
    }
}

/// Describes one whole PDU.
///
/// # Errors
/// As [`super::decode`]; a malformed report or user data header inside the content is shown as plain octets.
pub fn describe(octets: &[u8], version: Version) -> Result<Described, DecodeError> {
    let (_, pdu) = decode(octets, version)?;
    let header = decode_header(octets)?;
    let command = Command::from_number(header.command)
        .ok_or(DecodeError::UnknownCommand { command: header.command })?;
    let mut walk = Walk { reader: Reader::at(octets, 0), version, fields: Vec::new() };
    for field in ["Total_Length", "Command_Id", "Sequence_Id"] {
        walk.number(field, 4)?;
    }
    walk.body(command, &pdu)?;
    Ok(Described { command, fields: walk.fields })
}

struct Walk<'a> {
    reader: Reader<'a>,
    version: Version,
    fields: Vec<Field>,
}

impl Walk<'_> {
    fn body(&mut self, command: Command, pdu: &Pdu<'_>) -> Result<(), DecodeError> {
        match command {
            Command::Connect => {
                self.text("Source_Addr", 6)?;
                self.octets("AuthenticatorSource", 16)?;
                self.number("Version", 1)?;
                self.number("Timestamp", 4)
            }
            Command::ConnectResp => {
                let status = self.reader.remaining().saturating_sub(17);
                self.number("Status", status)?;
                self.octets("AuthenticatorISMG", 16)?;
                self.number("Version", 1)
            }
            Command::Terminate | Command::TerminateResp | Command::ActiveTest => Ok(()),
            Command::ActiveTestResp => self.rest_as_number("Reserved"),
            Command::Submit => self.submit(pdu),
            Command::Deliver => self.deliver(pdu),
            Command::SubmitResp | Command::DeliverResp => {
                self.msg_id()?;
                self.rest_as_number("Result")
            }
            Command::Query => {
                self.query()?;
                self.octets("Reserve", 8)
            }
            Command::QueryResp => {
                self.query()?;
                for field in ["MT_TLMsg", "MT_Tlusr", "MT_Scs", "MT_WT", "MT_FL", "MO_Scs", "MO_WT", "MO_FL"]
                {
                    self.number(field, 4)?;
                }
                Ok(())
            }
            Command::Cancel => self.msg_id(),
            Command::CancelResp => self.rest_as_number("Success_Id"),
        }
    }

    fn submit(&mut self, pdu: &Pdu<'_>) -> Result<(), DecodeError> {
        let Pdu::Submit(submit) = pdu else { return Ok(()) };
        let terminal = self.version.terminal_octets();
        self.msg_id()?;
        for field in ["Pk_total", "Pk_number", "Registered_Delivery", "Msg_level"] {
            self.number(field, 1)?;
        }
        self.text("Service_Id", 10)?;
        self.number("Fee_UserType", 1)?;
        self.text("Fee_terminal_Id", terminal)?;
        self.number_of_three("Fee_terminal_type")?;
        for field in ["TP_pId", "TP_udhi", "Msg_Fmt"] {
            self.number(field, 1)?;
        }
        for (field, width) in [
            ("Msg_src", 6),
            ("FeeType", 2),
            ("FeeCode", 6),
            ("ValId_Time", 17),
            ("At_Time", 17),
            ("Src_Id", 21),
        ] {
            self.text(field, width)?;
        }
        self.number("DestUsr_tl", 1)?;
        let destinations =
            submit.destinations.iter().map(|phone| Value::Text(phone.as_bytes().to_vec())).collect();
        let width = submit.destinations.len().saturating_mul(terminal);
        self.field("Dest_terminal_Id", width, |_| Value::List(destinations))?;
        self.number_of_three("Dest_terminal_type")?;
        self.number("Msg_Length", 1)?;
        self.content(submit.content.as_bytes().len(), submit.has_header(), false)?;
        self.link("Reserve")
    }

    fn deliver(&mut self, pdu: &Pdu<'_>) -> Result<(), DecodeError> {
        let Pdu::Deliver(deliver) = pdu else { return Ok(()) };
        self.msg_id()?;
        self.text("Dest_Id", 21)?;
        self.text("Service_Id", 10)?;
        for field in ["TP_pid", "TP_udhi", "Msg_Fmt"] {
            self.number(field, 1)?;
        }
        self.text("Src_terminal_Id", self.version.terminal_octets())?;
        self.number_of_three("Src_terminal_type")?;
        self.number("Registered_Delivery", 1)?;
        self.number("Msg_Length", 1)?;
        self.content(deliver.content.as_bytes().len(), deliver.has_header(), deliver.is_report())?;
        self.link("Reserved")
    }

    fn content(&mut self, length: usize, has_header: bool, is_report: bool) -> Result<(), DecodeError> {
        let start = self.reader.offset();
        self.field("Msg_Content", length, |octets| {
            let group = if is_report {
                report(octets, start)
            } else if has_header {
                user_data_header(octets, start)
            } else {
                None
            };
            group.map_or(Value::Octets, Value::Group)
        })
    }

    fn query(&mut self) -> Result<(), DecodeError> {
        self.text("Time", 8)?;
        self.number("Query_Type", 1)?;
        self.text("Query_Code", 10)
    }

    fn link(&mut self, name_in_two: &'static str) -> Result<(), DecodeError> {
        let name = if self.version.is_three() { "LinkID" } else { name_in_two };
        self.text(name, self.version.link_octets())
    }

    fn number_of_three(&mut self, name: &'static str) -> Result<(), DecodeError> {
        if self.version.is_three() { self.number(name, 1) } else { Ok(()) }
    }

    fn rest_as_number(&mut self, name: &'static str) -> Result<(), DecodeError> {
        match self.reader.remaining() {
            0 => Ok(()),
            width => self.number(name, width),
        }
    }

    fn msg_id(&mut self) -> Result<(), DecodeError> {
        self.field("Msg_Id", 8, |octets| Value::MsgId(MsgId(big_endian(octets))))
    }

    fn number(&mut self, name: &'static str, width: usize) -> Result<(), DecodeError> {
        self.field(name, width, |octets| Value::Number(big_endian(octets)))
    }

    fn text(&mut self, name: &'static str, width: usize) -> Result<(), DecodeError> {
        self.field(name, width, |octets| Value::Text(unpadded(octets).to_vec()))
    }

    fn octets(&mut self, name: &'static str, width: usize) -> Result<(), DecodeError> {
        self.field(name, width, |_| Value::Octets)
    }

    fn field(
        &mut self,
        name: &'static str,
        width: usize,
        value: impl FnOnce(&[u8]) -> Value,
    ) -> Result<(), DecodeError> {
        let offset = self.reader.offset();
        let octets = self.reader.take(name, width)?;
        self.fields.push(Field { name, offset, octets: octets.to_vec(), value: value(octets) });
        Ok(())
    }
}

fn big_endian(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| (number << 8) | u64::from(*octet))
}

/// The fields of a status report that begins `start` octets into the PDU; `None` when it is not one.
fn report(octets: &[u8], start: usize) -> Option<Vec<Field>> {
    Report::decode(crate::octets::Content(octets)).ok()?;
    let mut walk = Walk { reader: Reader::at(octets, 0), version: Version::V20, fields: Vec::new() };
    walk.msg_id().ok()?;
    for (field, width) in [("Stat", 7), ("Submit_time", 10), ("Done_time", 10)] {
        walk.text(field, width).ok()?;
    }
    walk.text("Dest_terminal_Id", walk.reader.remaining().checked_sub(4)?).ok()?;
    walk.number("SMSC_sequence", 4).ok()?;
    Some(moved(walk.fields, start))
}

/// The fields of a content with a user data header.
fn user_data_header(octets: &[u8], start: usize) -> Option<Vec<Field>> {
    let parts = take_apart(octets).ok()?;
    let mut walk = Walk { reader: Reader::at(octets, 0), version: Version::V20, fields: Vec::new() };
    walk.number("UDHL", 1).ok()?;
    walk.field("UDH", parts.elements.len(), |_| {
        let concat = parts.concat.map(|concat| {
            let reference = match concat.reference {
                Reference::Eight(reference) => reference.into(),
                Reference::Sixteen(reference) => reference,
            };
            let number =
                |name, value| Field { name, offset: start, octets: Vec::new(), value: Value::Number(value) };
            Value::Group(vec![
                number("reference", reference.into()),
                number("total", concat.total.into()),
                number("number", concat.number.into()),
            ])
        });
        concat.unwrap_or(Value::Octets)
    })
    .ok()?;
    walk.octets("UD", parts.body.len()).ok()?;
    Some(moved(walk.fields, start))
}

/// Fields of a group, with offsets from the PDU's first octet.
fn moved(mut fields: Vec<Field>, start: usize) -> Vec<Field> {
    for field in &mut fields {
        field.offset = field.offset.saturating_add(start);
    }
    fields
}
