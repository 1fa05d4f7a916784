//! Cutting a byte stream into PDUs by their leading 32-bit length (which counts itself).
//!
//! Invariants: a claimed length is checked before anything is kept or allocated for it; a bad length is
//! fatal, because there is no mark by which a stream could be resynchronised; any chunking of a stream gives
//! the same PDUs.

use std::ops::Range;

use crate::error::EncodeError;

/// Octets of the length field that every PDU begins with.
const LENGTH_OCTETS: usize = 4;

/// The most input that a session keeps when its events are not polled. A driver reads at most 64 KiB at a
/// time and polls after every read, so this is only reached by a driver that forgot to poll.
pub const INPUT_LIMIT: usize = 1 << 20;

/// The lengths that a protocol allows for a whole PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the header: the shortest PDU.
    pub shortest: usize,
    /// Octets of the longest PDU accepted.
    pub longest: usize,
}

/// Why a stream cannot be cut any further: the connection must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The claimed length is not one a PDU can have.
    #[error("a PDU claims {claimed} octets, between {} and {} are possible", limits.shortest, limits.longest)]
    BadLength {
        /// The length field.
        claimed: u32,
        /// What the protocol allows.
        limits: Limits,
    },
    /// The driver fed more than [`INPUT_LIMIT`] octets without polling events: our own fault.
    #[error("more than {INPUT_LIMIT} octets were fed without polling events")]
    NotDrained,
}

/// The length of the PDU at the start of `stream`, once all of it is there.
///
/// # Errors
/// [`FrameError::BadLength`] as soon as the length field is complete and out of bounds.
pub fn first_length(stream: &[u8], limits: Limits) -> Result<Option<usize>, FrameError> {
    let Some(field) = stream.first_chunk::<LENGTH_OCTETS>() else {
        return Ok(None);
    };
    let claimed = u32::from_be_bytes(*field);
    let length = usize::try_from(claimed).unwrap_or(usize::MAX);
    if length < limits.shortest || length > limits.longest {
        return Err(FrameError::BadLength { claimed, limits });
    }
    Ok((stream.len() >= length).then_some(length))
}

/// Appends a whole PDU: the length field, then what `body` writes (the rest of the header included). When that
/// fails, or the PDU is longer than the protocol allows, `out` is left as it was.
pub(crate) fn whole(
    limits: Limits,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_OCTETS]);
    let written = body(out).and_then(|()| patch_length(start, limits, out));
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Writes the length of the PDU that begins at `start` into its first four octets.
fn patch_length(start: usize, limits: Limits, out: &mut [u8]) -> Result<(), EncodeError> {
    let too_long = EncodeError::OutOfRange { field: "length of the PDU" };
    let pdu = out.get_mut(start..).ok_or(too_long)?;
    if pdu.len() > limits.longest || pdu.len() < limits.shortest {
        return Err(too_long);
    }
    let length = u32::try_from(pdu.len()).map_err(|_| too_long)?.to_be_bytes();
    let field = pdu.first_chunk_mut::<LENGTH_OCTETS>().ok_or(too_long)?;
    *field = length;
    Ok(())
}

/// Input that has arrived and has not been decoded yet.
#[derive(Default)]
pub(crate) struct Input {
    buffer: Vec<u8>,
    start: usize,
}

impl Input {
    /// Appends octets after dropping those already cut off; a drained input only ever keeps an incomplete
    /// tail.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), FrameError> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        if self.buffer.len().saturating_add(octets.len()) > INPUT_LIMIT {
            return Err(FrameError::NotDrained);
        }
        self.buffer.extend_from_slice(octets);
        Ok(())
    }

    /// Cuts off the next complete PDU; the range is valid for [`Input::get`] until the next `push` or
    /// `clear`.
    pub(crate) fn next(&mut self, limits: Limits) -> Result<Option<Range<usize>>, FrameError> {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let Some(length) = first_length(rest, limits)? else {
            return Ok(None);
        };
        let end = self.start.saturating_add(length);
        let frame = self.start..end;
        self.start = end;
        Ok(Some(frame))
    }

    pub(crate) fn get(&self, frame: Range<usize>) -> &[u8] {
        self.buffer.get(frame).unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.start = 0;
    }
}
