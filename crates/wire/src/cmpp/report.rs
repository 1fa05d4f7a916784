//! The status report that a DELIVER carries as its content.
//!
//! Widths follow the content's length, not the session's version: real 3.0 links carry the 60-octet report of
//! 2.0.

use super::{MsgId, Version};
use crate::error::{DecodeError, EncodeError};
use crate::octets::{Content, Octets, Reader, TerminalId};

/// Octets of a report without its phone.
const FIXED_OCTETS: usize = 39;

/// One part's fate as the gateway tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Report {
    /// The id that SUBMIT_RESP gave.
    pub msg_id: MsgId,
    /// `Stat`: seven octets, passed through unchanged when unknown.
    pub stat: Octets<7>,
    /// `Submit_time`, YYMMDDHHMM in the gateway's local time.
    pub submit_time: Octets<10>,
    /// `Done_time`, YYMMDDHHMM in the gateway's local time.
    pub done_time: Octets<10>,
    /// The phone; may be empty.
    pub dest_terminal_id: TerminalId,
    /// `SMSC_sequence`.
    pub smsc_sequence: u32,
}

/// What a `Stat` means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// `DELIVRD`.
    Delivered,
    /// `ACCEPTD`: on its way; a final report follows.
    Intermediate,
    /// Everything else, known or not.
    Failed,
}

impl Report {
    /// Reads a report. 60 octets hold a phone of 21, 71 one of 32, any other length a phone of what is left
    /// over.
    ///
    /// # Errors
    /// [`DecodeError`] with offsets from the start of the content: shorter than 40 octets, or a phone of more
    /// than 32.
    pub fn decode(content: Content<'_>) -> Result<Self, DecodeError> {
        let octets = content.as_bytes();
        let mut reader = Reader::at(octets, 0);
        let terminal_octets = octets.len().saturating_sub(FIXED_OCTETS).max(1);
        Ok(Self {
            msg_id: MsgId(reader.u64("Msg_Id")?),
            stat: reader.string("Stat", 7)?,
            submit_time: reader.string("Submit_time", 10)?,
            done_time: reader.string("Done_time", 10)?,
            dest_terminal_id: TerminalId(reader.string("Dest_terminal_Id", terminal_octets)?),
            smsc_sequence: reader.u32("SMSC_sequence")?,
        })
    }

    /// Appends the report in the version's own width (60 or 71 octets).
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when the phone is too wide for the version; `out` is then as before.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let terminal_octets = version.terminal_octets();
        if self.dest_terminal_id.0.len() > terminal_octets {
            return Err(EncodeError::TooLong {
                field: "Dest_terminal_Id",
                octets: self.dest_terminal_id.0.len(),
                limit: terminal_octets,
            });
        }
        out.extend_from_slice(&self.msg_id.0.to_be_bytes());
        self.stat.write("Stat", 7, out)?;
        self.submit_time.write("Submit_time", 10, out)?;
        self.done_time.write("Done_time", 10, out)?;
        self.dest_terminal_id.0.write("Dest_terminal_Id", terminal_octets, out)?;
        out.extend_from_slice(&self.smsc_sequence.to_be_bytes());
        Ok(())
    }

    /// What the report means.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.stat.as_bytes() {
            b"DELIVRD" => Outcome::Delivered,
            b"ACCEPTD" => Outcome::Intermediate,
            _ => Outcome::Failed,
        }
    }
}
