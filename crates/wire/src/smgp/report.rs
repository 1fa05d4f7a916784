//! The status report that a Deliver carries as its content: text with the submit's `MsgID` as ten raw octets inside.
//!
//! Liberal in labels and separators, which differ from gateway to gateway (`submit_date`, `s` for the blank, none at
//! all); a missing `Text` is no fault. The raw id may hold any octet, so nothing is searched inside it.

use super::MsgId;
use crate::error::DecodeError;
use crate::octets::{Content, Octets, Reader, labelled, word};

/// Where the id ends.
const AFTER_ID: usize = 13;
/// Octets of a report as the specification lays it out.
const SPECIFIED_OCTETS: usize = 122;
/// Octets of `Text`, which holds the first octets of the message, or nothing.
const TEXT_OCTETS: usize = 20;

/// One part's fate as the gateway tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Report {
    /// The id that Submit_Resp gave.
    pub msg_id: MsgId,
    /// `Stat`: seven octets, passed through unchanged when unknown.
    pub stat: Octets<7>,
    /// `Err`: three octets; empty when missing.
    pub err: Octets<3>,
    /// `Submit_Date`, YYMMDDHHMM in the gateway's local time; empty when missing.
    pub submit_date: Octets<10>,
    /// `Done_Date`, the same.
    pub done_date: Octets<10>,
}

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    /// [`DecodeError`] with offsets from the start of the content, when the id or `Stat` is missing.
    pub fn decode(content: Content<'_>) -> Result<Self, DecodeError> {
        let octets = content.as_bytes();
        let mut reader = Reader::at(octets, 0);
        reader.take("id:", 3)?;
        let msg_id = super::decode::msg_id(&mut reader)?;
        let rest = octets.get(AFTER_ID..).unwrap_or_default();
        let as_specified = [43, 64, 80, 92].iter().all(|place| octets.get(*place) == Some(&b':'));
        let value = |fixed: usize, label: &[u8], width: usize| {
            if as_specified {
                octets.get(fixed..fixed.saturating_add(width)).unwrap_or_default()
            } else {
                labelled(rest, label, width)
            }
        };
        let stat = word(value(81, b"stat", 7));
        if stat.is_empty() {
            let available = octets.len().saturating_sub(AFTER_ID);
            return Err(DecodeError::Truncated { field: "Stat", offset: AFTER_ID, needed: 7, available });
        }
        Ok(Self {
            msg_id,
            stat,
            err: word(value(93, b"err", 3)),
            submit_date: word(value(44, b"submit", 10)),
            done_date: word(value(65, b"done", 10)),
        })
    }

    /// Appends the report as the specification lays it out, 122 octets with an empty `Text`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let delivered = if self.stat.as_bytes() == b"DELIVRD" { b"001" } else { b"000" };
        let start = out.len();
        out.extend_from_slice(b"id:");
        out.extend_from_slice(&self.msg_id.0);
        out.extend_from_slice(b" sub:001 dlvrd:");
        out.extend_from_slice(delivered);
        for (label, value, width) in [
            (&b" Submit date:"[..], self.submit_date.as_bytes(), 10),
            (&b" done date:"[..], self.done_date.as_bytes(), 10),
            (&b" stat:"[..], self.stat.as_bytes(), 7),
            (&b" err:"[..], self.err.as_bytes(), 3),
        ] {
            out.extend_from_slice(label);
            out.extend_from_slice(value);
            out.resize(out.len().saturating_add(width).saturating_sub(value.len()), b' ');
        }
        out.extend_from_slice(b" Text:");
        out.resize(out.len().saturating_add(TEXT_OCTETS), 0);
        debug_assert_eq!(out.len().saturating_sub(start), SPECIFIED_OCTETS);
    }
}
