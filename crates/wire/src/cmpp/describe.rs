//! CMPP PDUs field by field.

use super::decode::{decode, decode_header};
use super::{Command, Pdu, Report, Version};
use crate::describe::{Described, Field, Value, Walk, moved, user_data_header};
use crate::error::DecodeError;

/// Describes one whole PDU.
///
/// # Errors
/// As [`super::decode`]; a malformed report or user data header inside the content is shown as plain octets.
pub fn describe(octets: &[u8], version: Version) -> Result<Described, DecodeError> {
    let (_, pdu) = decode(octets, version)?;
    let header = decode_header(octets)?;
    let command = Command::from_number(header.command)
        .ok_or(DecodeError::UnknownCommand { command: header.command })?;
    let mut fields = Fields { walk: Walk::at(octets), version };
    fields.walk.numbers(&["Total_Length", "Command_Id", "Sequence_Id"], 4)?;
    fields.body(command, &pdu)?;
    Ok(Described { command: command.name(), fields: fields.walk.fields })
}

struct Fields<'a> {
    walk: Walk<'a>,
    version: Version,
}

impl Fields<'_> {
    fn body(&mut self, command: Command, pdu: &Pdu<'_>) -> Result<(), DecodeError> {
        match command {
            Command::Connect => {
                self.walk.text("Source_Addr", 6)?;
                self.walk.octets("AuthenticatorSource", 16)?;
                self.walk.number("Version", 1)?;
                self.walk.number("Timestamp", 4)
            }
            Command::ConnectResp => {
                let status = self.walk.reader.remaining().saturating_sub(17);
                self.walk.number("Status", status)?;
                self.walk.octets("AuthenticatorISMG", 16)?;
                self.walk.number("Version", 1)
            }
            Command::Terminate | Command::TerminateResp | Command::ActiveTest => Ok(()),
            Command::ActiveTestResp => self.walk.rest_as_number("Reserved"),
            Command::Submit => self.submit(pdu),
            Command::Deliver => self.deliver(pdu),
            Command::SubmitResp | Command::DeliverResp => {
                self.walk.hex_id("Msg_Id", 8)?;
                self.walk.rest_as_number("Result")
            }
            Command::Query => {
                self.query()?;
                self.walk.octets("Reserve", 8)
            }
            Command::QueryResp => {
                self.query()?;
                self.walk.numbers(
                    &["MT_TLMsg", "MT_Tlusr", "MT_Scs", "MT_WT", "MT_FL", "MO_Scs", "MO_WT", "MO_FL"],
                    4,
                )?;
                Ok(())
            }
            Command::Cancel => self.walk.hex_id("Msg_Id", 8),
            Command::CancelResp => self.walk.rest_as_number("Success_Id"),
        }
    }

    fn submit(&mut self, pdu: &Pdu<'_>) -> Result<(), DecodeError> {
        let Pdu::Submit(submit) = pdu else { return Ok(()) };
        let terminal = self.version.terminal_octets();
        self.walk.hex_id("Msg_Id", 8)?;
        self.walk.numbers(&["Pk_total", "Pk_number", "Registered_Delivery", "Msg_level"], 1)?;
        self.walk.text("Service_Id", 10)?;
        self.walk.number("Fee_UserType", 1)?;
        self.walk.text("Fee_terminal_Id", terminal)?;
        self.number_of_three("Fee_terminal_type")?;
        self.walk.numbers(&["TP_pId", "TP_udhi", "Msg_Fmt"], 1)?;
        self.walk.texts(&[
            ("Msg_src", 6),
            ("FeeType", 2),
            ("FeeCode", 6),
            ("ValId_Time", 17),
            ("At_Time", 17),
            ("Src_Id", 21),
        ])?;
        self.walk.phones("DestUsr_tl", "Dest_terminal_Id", &submit.destinations, terminal)?;
        self.number_of_three("Dest_terminal_type")?;
        self.walk.number("Msg_Length", 1)?;
        self.content(submit.content.as_bytes().len(), submit.has_header(), false)?;
        self.link("Reserve")
    }

    fn deliver(&mut self, pdu: &Pdu<'_>) -> Result<(), DecodeError> {
        let Pdu::Deliver(deliver) = pdu else { return Ok(()) };
        self.walk.hex_id("Msg_Id", 8)?;
        self.walk.text("Dest_Id", 21)?;
        self.walk.text("Service_Id", 10)?;
        self.walk.numbers(&["TP_pid", "TP_udhi", "Msg_Fmt"], 1)?;
        self.walk.text("Src_terminal_Id", self.version.terminal_octets())?;
        self.number_of_three("Src_terminal_type")?;
        self.walk.number("Registered_Delivery", 1)?;
        self.walk.number("Msg_Length", 1)?;
        self.content(deliver.content.as_bytes().len(), deliver.has_header(), deliver.is_report())?;
        self.link("Reserved")
    }

    fn content(&mut self, length: usize, has_header: bool, is_report: bool) -> Result<(), DecodeError> {
        let start = self.walk.reader.offset();
        self.walk.field("Msg_Content", length, |octets| {
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
        self.walk.text("Time", 8)?;
        self.walk.number("Query_Type", 1)?;
        self.walk.text("Query_Code", 10)
    }

    fn link(&mut self, name_in_two: &'static str) -> Result<(), DecodeError> {
        let name = if self.version.is_three() { "LinkID" } else { name_in_two };
        self.walk.text(name, self.version.link_octets())
    }

    fn number_of_three(&mut self, name: &'static str) -> Result<(), DecodeError> {
        if self.version.is_three() { self.walk.number(name, 1) } else { Ok(()) }
    }
}

/// The fields of a status report that begins `start` octets into the PDU; `None` when it is not one.
fn report(octets: &[u8], start: usize) -> Option<Vec<Field>> {
    Report::decode(crate::octets::Content(octets)).ok()?;
    let mut walk = Walk::at(octets);
    walk.hex_id("Msg_Id", 8).ok()?;
    walk.texts(&[("Stat", 7), ("Submit_time", 10), ("Done_time", 10)]).ok()?;
    walk.text("Dest_terminal_Id", walk.reader.remaining().checked_sub(4)?).ok()?;
    walk.number("SMSC_sequence", 4).ok()?;
    Some(moved(walk.fields, start))
}
