//! What lies inside sealed columns: phone and text together, in one sealing operation.

use domain::phone::Phone;

use super::fault::{Fault, Outcome};
use sealing::TableSealer;

/// The digits of the phone as a number, then the text.
pub fn seal(sealer: &TableSealer, row: i64, phone: Phone, text: &str) -> Vec<u8> {
    let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(8 + text.len()));
    plain.extend_from_slice(&phone.to_u64().to_le_bytes());
    plain.extend_from_slice(text.as_bytes());
    sealer.seal(&row.to_be_bytes(), &plain)
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
    Ok(message(&opened)?.0)
}
