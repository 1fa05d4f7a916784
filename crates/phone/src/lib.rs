//! Phone numbers: what people paste in, one compact E.164 value out.
//!
//! Owns the E.164 newtype, its parsing, its redaction, the carrier of a Chinese number, and the slot (one of 4,096
//! classes) that a phone belongs to for ever. Refuses whatever cannot receive an SMS: landlines, satellite terminals,
//! machine cards. Invariants: a [`Phone`] is 7–15 digits without a leading zero; a Chinese one (`+86`) is always an
//! eleven-digit mobile number of an allocated range; `Debug` never shows a whole number, and there is no `Display`,
//! so that showing one is always a written-out decision ([`Phone::e164`]).

mod carrier;
mod country;
mod error;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

pub use carrier::{Carrier, CarrierSet, PhoneKind};
pub use country::Country;
pub use error::PhoneError;

/// Number of slots; fixed for ever because ids carry the slot (12 bits).
pub const SLOT_COUNT: u16 = 4096;
/// E.164 allows at most fifteen digits (ITU-T E.164 §6).
pub(crate) const MAX_DIGITS: usize = 15;
/// Shortest international number that any numbering plan in use gives to a mobile.
pub(crate) const MIN_DIGITS: usize = 7;

const CN_BASE: u64 = 86 * 100_000_000_000;
const CN_NATIONAL_END: u64 = 100_000_000_000;

/// A phone number in E.164, held as its digits (`8613800138000`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(u64);

/// One of [`SLOT_COUNT`] classes of phones. Unkeyed on purpose: twelve bits tell nothing about a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(u16);

/// The characters of a phone number, on the stack; personal data, hence no `Debug` of its content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PhoneText {
    bytes: [u8; MAX_DIGITS + 1],
    len: u8,
}

impl Phone {
    /// Reads what a person, a spreadsheet or another system wrote.
    ///
    /// Accepts separators, brackets, quotes, full-width digits, invisible characters, `+`, `00`, a bare `86`, a
    /// trailing `.0`, a leading label such as `手机：`, and the exponent form when it still holds every digit. A number
    /// without country code is read as one of `default_country`.
    ///
    /// # Errors
    /// [`PhoneError`]: always the input's fault, never worth a retry.
    pub fn parse(raw: &str, default_country: Country) -> Result<Phone, PhoneError> {
        parse::parse(raw, default_country)
    }

    /// Restores a phone from [`Phone::to_u64`]; `None` when the digits are not a number this module would accept by
    /// shape (length, and for `+86` an allocated mobile range).
    pub fn from_u64(digits: u64) -> Option<Phone> {
        if (CN_BASE..CN_BASE + CN_NATIONAL_END).contains(&digits) {
            let kind = carrier::classify_cn(digits - CN_BASE)?.1;
            return kind.is_sms_capable().then_some(Phone(digits));
        }
        let min = 10u64.pow(MIN_DIGITS as u32 - 1);
        let max = 10u64.pow(MAX_DIGITS as u32);
        (min..max).contains(&digits).then_some(Phone(digits))
    }

    /// The E.164 digits as an integer: the compact form for storage and keyed hashing.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    /// `+8613800138000`. The only way to the plain number in its international form.
    pub fn e164(self) -> PhoneText {
        PhoneText::new(true, self.0)
    }

    /// `8613800138000`: the digits without the plus sign.
    pub fn digits(self) -> PhoneText {
        PhoneText::new(false, self.0)
    }

    /// The eleven digits that Chinese carriers expect, if this is a Chinese number.
    pub fn national_cn(self) -> Option<PhoneText> {
        self.cn_national().map(|national| PhoneText::new(false, national))
    }

    /// The first seven of its eleven digits: by these, ranges are sold. Chinese numbers only.
    pub fn prefix_cn(self) -> Option<u32> {
        self.cn_national().map(|national| (national / 10_000) as u32)
    }

    /// Some phone of a range of seven digits; `None` when the numbering plan gives the range to no person's phone.
    pub fn from_prefix_cn(prefix: u32) -> Option<Phone> {
        let national = u64::from(prefix) * 10_000;
        (national < CN_NATIONAL_END).then(|| Phone::from_u64(CN_BASE + national))?
    }

    /// Whether the number belongs to mainland China.
    pub fn is_cn(self) -> bool {
        self.cn_national().is_some()
    }

    /// The carrier by number range: a hint, because numbers can be ported.
    pub fn carrier(self) -> Carrier {
        self.cn_national().and_then(carrier::classify_cn).map_or(Carrier::Foreign, |(carrier, _)| carrier)
    }

    /// Whether the number is sold by its network or by a reseller; always [`PhoneKind::Normal`] abroad.
    pub fn kind(self) -> PhoneKind {
        self.cn_national().and_then(carrier::classify_cn).map_or(PhoneKind::Normal, |(_, kind)| kind)
    }

    /// The country of the number, `None` when the numbering plan names none (satellite and global services).
    pub fn country(self) -> Option<Country> {
        if self.is_cn() { Some(Country::CN) } else { parse::country_of(self) }
    }

    /// The slot, stable for ever: FNV-1a (64 bits) over the E.164 digits in ASCII, a final avalanche, low 12 bits.
    pub fn slot(self) -> Slot {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.digits().as_str().bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // FNV leaves the low bits of short, similar inputs correlated; the avalanche spreads them.
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^= hash >> 33;
        Slot((hash % u64::from(SLOT_COUNT)) as u16)
    }

    /// `+86138****8000`: what may be shown without the right to see numbers.
    pub fn masked(self) -> String {
        let text = self.e164();
        let text = text.as_str();
        // Enough is hidden that the rest never singles a person out: the middle four, or all but three and two.
        let (head, tail) = if self.is_cn() { (6, 4) } else { (3.min(text.len() - 2), 2) };
        let hidden = text.len() - head - tail;
        format!("{}{}{}", &text[..head], "*".repeat(hidden), &text[text.len() - tail..])
    }

    fn from_cn_national(national: u64) -> Phone {
        Phone(CN_BASE + national)
    }

    fn cn_national(self) -> Option<u64> {
        (CN_BASE..CN_BASE + CN_NATIONAL_END).contains(&self.0).then(|| self.0 - CN_BASE)
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Slot {
    /// The slot with this number, if it is below [`SLOT_COUNT`].
    pub fn new(number: u16) -> Option<Slot> {
        (number < SLOT_COUNT).then_some(Slot(number))
    }

    /// The number, below [`SLOT_COUNT`].
    pub fn get(self) -> u16 {
        self.0
    }
}

impl PhoneText {
    fn new(plus: bool, mut digits: u64) -> PhoneText {
        let mut reversed = [0u8; MAX_DIGITS + 1];
        let mut count = 0;
        while digits > 0 && count < MAX_DIGITS {
            reversed[count] = b'0' + (digits % 10) as u8;
            digits /= 10;
            count += 1;
        }
        let mut bytes = [0u8; MAX_DIGITS + 1];
        let start = usize::from(plus);
        if plus {
            bytes[0] = b'+';
        }
        for (to, from) in bytes[start..start + count].iter_mut().zip(reversed[..count].iter().rev()) {
            *to = *from;
        }
        PhoneText { bytes, len: (start + count) as u8 }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)])
            .expect("only ASCII digits and a plus are written")
    }
}

impl fmt::Display for PhoneText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for PhoneText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneText(redacted, {} characters)", self.len)
    }
}

impl AsRef<str> for PhoneText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}
