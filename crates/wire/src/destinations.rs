//! The phones of a submit, as all the Chinese protocols write them: a count and fields of one width.

use std::fmt;

use crate::error::{DecodeError, EncodeError};
use crate::octets::{Octets, Reader, TerminalId};

/// Destinations that one submit may carry. CMPP says fewer than 100, SGIP and SMGP at most 100; gateways accept 100.
pub const DESTINATIONS_LIMIT: usize = 100;

/// The destinations of a SUBMIT: given one by one, or still in the octets that arrived.
#[derive(Clone, Copy)]
pub struct Destinations<'a>(List<'a>);

#[derive(Clone, Copy)]
enum List<'a> {
    One(TerminalId),
    Many(&'a [TerminalId]),
    /// `width` octets each; every field was checked to hold at most 32 octets.
    Received {
        fields: &'a [u8],
        width: usize,
    },
}

impl<'a> Destinations<'a> {
    /// One phone: what a platform sends, so that every message has its own id and report.
    #[must_use]
    pub fn one(destination: TerminalId) -> Self {
        Self(List::One(destination))
    }

    /// Several phones (at most [`DESTINATIONS_LIMIT`] can be written).
    #[must_use]
    pub fn many(destinations: &'a [TerminalId]) -> Self {
        Self(List::Many(destinations))
    }

    /// How many phones.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            List::One(_) => 1,
            List::Many(many) => many.len(),
            List::Received { fields, width } => fields.len().checked_div(width).unwrap_or(0),
        }
    }

    /// Whether there is no phone at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `index`-th phone, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<TerminalId> {
        match self.0 {
            List::One(destination) => (index == 0).then_some(destination),
            List::Many(many) => many.get(index).copied(),
            List::Received { fields, width } => {
                let start = index.checked_mul(width)?;
                let field = fields.get(start..start.checked_add(width)?)?;
                Octets::from_field(field).map(TerminalId)
            }
        }
    }

    /// The phones in order.
    pub fn iter(&self) -> impl Iterator<Item = TerminalId> + use<'a> {
        let list = *self;
        (0..list.len().min(DESTINATIONS_LIMIT)).filter_map(move |index| list.get(index))
    }
}

impl PartialEq for Destinations<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Destinations<'_> {}

impl fmt::Debug for Destinations<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Destinations({} phones)", self.len())
    }
}

/// Reads a count and as many phones of `width` octets.
pub(crate) fn read<'a>(
    reader: &mut Reader<'a>,
    count_field: &'static str,
    field: &'static str,
    width: usize,
) -> Result<Destinations<'a>, DecodeError> {
    let offset = reader.offset();
    let count = usize::from(reader.u8(count_field)?);
    if count == 0 || count > DESTINATIONS_LIMIT {
        let value = u64::try_from(count).unwrap_or(u64::MAX);
        return Err(DecodeError::OutOfRange { field: count_field, offset, value });
    }
    let fields = reader.take(field, count.saturating_mul(width))?;
    Ok(Destinations(List::Received { fields, width }))
}

/// Appends the count and the phones, `width` octets each.
pub(crate) fn write(
    destinations: &Destinations<'_>,
    field: &'static str,
    width: usize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let count = destinations.len();
    let refused = EncodeError::Destinations { count, limit: DESTINATIONS_LIMIT };
    if count == 0 || count > DESTINATIONS_LIMIT {
        return Err(refused);
    }
    out.push(u8::try_from(count).map_err(|_| refused)?);
    for destination in destinations.iter() {
        destination.0.write(field, width, out)?;
    }
    Ok(())
}
