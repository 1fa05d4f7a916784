//! The user data header by which a long message's parts find each other (3GPP TS 23.040, 9.2.3.24).
//!
//! Owns: walking the information elements, building the header. Refuses: splitting text and collecting parts,
//! which belong to the text code and to the inbound code.

/// Information element of concatenation with an 8-bit reference.
const ELEMENT_EIGHT: u8 = 0x00;
/// Information element of concatenation with a 16-bit reference.
const ELEMENT_SIXTEEN: u8 = 0x08;

/// Which part of which long message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concat {
    /// The same for all parts of one message.
    pub reference: Reference,
    /// Number of parts, from 1.
    pub total: u8,
    /// Which part, from 1.
    pub number: u8,
}

/// A reference in its width on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reference {
    /// `05 00 03`: a header of 6 octets.
    Eight(u8),
    /// `06 08 04`: a header of 7 octets.
    Sixteen(u16),
}

impl Reference {
    /// Without its width.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Eight(reference) => reference.into(),
            Self::Sixteen(reference) => reference,
        }
    }
}

/// A content taken apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The concatenation element, if there is a sensible one. The last one counts, as TS 23.040 says of
    /// repeated elements.
    pub concat: Option<Concat>,
    /// The information elements, without the length octet.
    pub elements: &'a [u8],
    /// What follows the header.
    pub body: &'a [u8],
}

/// The header claims more octets than the content has: the peer's fault. The content can be taken as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the user data header claims {claimed} octets, {available} are there")]
pub struct HeaderTooLong {
    /// The length octet.
    pub claimed: usize,
    /// Octets after the length octet.
    pub available: usize,
}

impl Concat {
    /// Octets of the header that [`Concat::write`] appends: 6 or 7.
    #[must_use]
    pub fn header_octets(&self) -> usize {
        match self.reference {
            Reference::Eight(_) => 6,
            Reference::Sixteen(_) => 7,
        }
    }

    /// Appends a whole user data header with this one element.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.reference {
            Reference::Eight(reference) => {
                out.extend_from_slice(&[5, ELEMENT_EIGHT, 3, reference, self.total, self.number]);
            }
            Reference::Sixteen(reference) => {
                let [high, low] = reference.to_be_bytes();
                out.extend_from_slice(&[6, ELEMENT_SIXTEEN, 4, high, low, self.total, self.number]);
            }
        }
    }

    fn of_element(kind: u8, value: &[u8]) -> Option<Self> {
        let (reference, total, number) = match (kind, value) {
            (ELEMENT_EIGHT, &[reference, total, number]) => (Reference::Eight(reference), total, number),
            (ELEMENT_SIXTEEN, &[high, low, total, number]) => {
                (Reference::Sixteen(u16::from_be_bytes([high, low])), total, number)
            }
            _ => return None,
        };
        let sensible = number >= 1 && number <= total;
        sensible.then_some(Self { reference, total, number })
    }
}

/// Takes a content that begins with a user data header apart. Unknown elements are skipped; a broken element
/// ends the walk.
///
/// # Errors
/// [`HeaderTooLong`] when the header does not fit the content.
pub fn take_apart(content: &[u8]) -> Result<Parts<'_>, HeaderTooLong> {
    let Some((length, rest)) = content.split_first() else {
        return Err(HeaderTooLong { claimed: 0, available: 0 });
    };
    let claimed = usize::from(*length);
    let (elements, body) =
        rest.split_at_checked(claimed).ok_or(HeaderTooLong { claimed, available: rest.len() })?;
    Ok(Parts { concat: find(elements), elements, body })
}

fn find(elements: &[u8]) -> Option<Concat> {
    let mut found = None;
    let mut rest = elements;
    while let [kind, length, tail @ ..] = rest {
        let Some((value, next)) = tail.split_at_checked(usize::from(*length)) else {
            break;
        };
        found = Concat::of_element(*kind, value).or(found);
        rest = next;
    }
    found
}
