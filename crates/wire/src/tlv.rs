//! Optional parameters behind a PDU's fixed fields: tag, length, value, 16 bits each for the first two. SMGP and
//! SMPP share the form.

use std::fmt;

use crate::error::{DecodeError, EncodeError};
use crate::octets::Reader;

/// Octets of tag and length.
const HEAD_OCTETS: usize = 4;

/// Whole optional parameters in the octets that arrived, or that the caller has written with [`append`]. Hidden in
/// `Debug`, since one may hold a text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tlvs<'a>(&'a [u8]);

/// One optional parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The tag, known or not.
    pub tag: u16,
    /// The value.
    pub value: &'a [u8],
}

impl<'a> Tlvs<'a> {
    /// No optional parameter.
    pub const NONE: Self = Self(&[]);

    /// Optional parameters to be sent; what follows the last whole one is left out.
    #[must_use]
    pub fn new(octets: &'a [u8]) -> Self {
        let end = whole(octets);
        Self(octets.get(..end).unwrap_or_default())
    }

    /// Their octets.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = Tlv<'a>> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (tlv, after) = split(rest)?;
            rest = after;
            Some(tlv)
        })
    }

    /// The value of the first parameter with this tag.
    #[must_use]
    pub fn get(&self, tag: u16) -> Option<&'a [u8]> {
        self.iter().find(|tlv| tlv.tag == tag).map(|tlv| tlv.value)
    }

    /// The number of a parameter of one or two octets.
    #[must_use]
    pub fn number(&self, tag: u16) -> Option<u16> {
        match *self.get(tag)? {
            [octet] => Some(octet.into()),
            [high, low] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }
}

impl fmt::Debug for Tlvs<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter().map(|tlv| tlv.tag)).finish()
    }
}

/// Appends one optional parameter.
///
/// # Errors
/// [`EncodeError::TooLong`] beyond 65,535 octets.
pub fn append(tag: u16, value: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let too_long =
        EncodeError::TooLong { field: "TLV value", octets: value.len(), limit: usize::from(u16::MAX) };
    let length = u16::try_from(value.len()).map_err(|_| too_long)?;
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// Reads parameters to the end of the PDU. Trailing NULs are padding with some peers.
///
/// # Errors
/// [`DecodeError::Truncated`] when the last one is not whole.
pub(crate) fn read<'a>(reader: &mut Reader<'a>) -> Result<Tlvs<'a>, DecodeError> {
    let offset = reader.offset();
    let octets = reader.rest();
    let end = whole(octets);
    let tail = octets.get(end..).unwrap_or_default();
    if tail.iter().all(|octet| *octet == 0) {
        return Ok(Tlvs(octets.get(..end).unwrap_or_default()));
    }
    let needed = match tail.first_chunk::<HEAD_OCTETS>() {
        Some([_, _, high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
        None => HEAD_OCTETS,
    };
    let before = if tail.len() < HEAD_OCTETS { end } else { end.saturating_add(HEAD_OCTETS) };
    Err(DecodeError::Truncated {
        field: "TLV",
        offset: offset.saturating_add(before),
        needed,
        available: octets.len().saturating_sub(before),
    })
}

/// Reads parameters to the end of the PDU; a last one that is cut off is dropped.
pub(crate) fn read_whole<'a>(reader: &mut Reader<'a>) -> Tlvs<'a> {
    Tlvs::new(reader.rest())
}

fn split(octets: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let (head, rest) = octets.split_first_chunk::<HEAD_OCTETS>()?;
    let [tag_high, tag_low, high, low] = *head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (value, after) = rest.split_at_checked(length)?;
    Some((Tlv { tag: u16::from_be_bytes([tag_high, tag_low]), value }, after))
}

/// Octets of all whole parameters at the start. Four zero octets would be an empty parameter with tag 0, which no
/// protocol knows: they are padding.
fn whole(octets: &[u8]) -> usize {
    let mut rest = octets;
    while let Some((tlv, after)) = split(rest) {
        if tlv.tag == 0 && tlv.value.is_empty() {
            break;
        }
        rest = after;
    }
    octets.len().saturating_sub(rest.len())
}
