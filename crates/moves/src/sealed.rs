//! What lies inside sealed columns: phone and text together, in one sealing operation.

use domain::phone::Phone;
use domain::text::ends_with_opt_out;

use super::fault::{Fault, Outcome};
use sealing::TableSealer;

/// The digits of the phone as a number, then the text.
pub fn seal(sealer: &TableSealer, row: i64, phone: Phone, text: &str) -> Vec<u8> {
    let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(8 + text.len()));
    plain.extend_from_slice(&phone.to_u64().to_le_bytes());
    plain.extend_from_slice(text.as_bytes());
    sealer.seal(&row.to_be_bytes(), &plain)
}

/// In the place of a text that was forgotten: octets that are in no text. The second says that it offered an opt-out by one
/// letter, which answers are read by.
const FORGOTTEN: u8 = 0xff;
const FORGOTTEN_OFFER: u8 = 0xfe;

/// What is left of a message's text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Left<'a> {
    Text(&'a str),
    Nothing { offered_opt_out: bool },
}

impl<'a> Left<'a> {
    /// Empty where it is forgotten.
    pub fn text(self) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Nothing { .. } => "",
        }
    }

    pub fn offered_opt_out(self) -> bool {
        match self {
            Self::Text(text) => ends_with_opt_out(text),
            Self::Nothing { offered_opt_out } => offered_opt_out,
        }
    }
}

/// Reads an opened message whose text may be forgotten.
pub fn left(opened: &[u8]) -> Outcome<(Phone, Left<'_>)> {
    let odd = || Fault::inconsistent("message", "sealed", "holds no phone");
    let (digits, rest) = opened.split_first_chunk().ok_or_else(odd)?;
    let left = match rest {
        [FORGOTTEN] => Left::Nothing { offered_opt_out: false },
        [FORGOTTEN_OFFER] => Left::Nothing { offered_opt_out: true },
        text => Left::Text(std::str::from_utf8(text).map_err(|_| odd())?),
    };
    Ok((Phone::from_u64(u64::from_le_bytes(*digits)).ok_or_else(odd)?, left))
}

/// A sealed message without its text; none when that is forgotten already.
pub fn forget(sealer: &TableSealer, row: i64, sealed: &[u8]) -> Outcome<Option<Vec<u8>>> {
    let opened = sealer.open(&row.to_be_bytes(), sealed)?;
    let (phone, left) = left(&opened)?;
    if matches!(left, Left::Nothing { .. }) {
        return Ok(None);
    }
    let mark = if left.offered_opt_out() { FORGOTTEN_OFFER } else { FORGOTTEN };
    let mut plain = zeroize::Zeroizing::new(phone.to_u64().to_le_bytes().to_vec());
    plain.push(mark);
    Ok(Some(sealer.seal(&row.to_be_bytes(), &plain)))
}

/// Reads an opened message.
pub fn message(opened: &[u8]) -> Outcome<(Phone, &str)> {
    split(opened).ok_or_else(|| Fault::inconsistent("message", "sealed", "holds no phone and text"))
}

/// Reads an opened pair of phone and text of any table.
pub fn split(opened: &[u8]) -> Option<(Phone, &str)> {
    let (digits, text) = opened.split_first_chunk()?;
    Some((Phone::from_u64(u64::from_le_bytes(*digits))?, std::str::from_utf8(text).ok()?))
}

/// The phone of a row that is sealed.
pub fn phone_of(sealer: &TableSealer, row: i64, sealed: &[u8]) -> Outcome<Phone> {
    let opened = sealer.open(&row.to_be_bytes(), sealed)?;
    Ok(left(&opened)?.0)
}
