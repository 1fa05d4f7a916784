//! What the carrier sends by itself: status reports and messages from phones.

use wire::{Octets, TerminalId};

/// Country code of China as it stands in front of an eleven-digit number.
const CHINA: u64 = 86 * 100_000_000_000;
/// One above the largest eleven-digit number.
const NATIONAL_END: u64 = 100_000_000_000;
/// The first eleven-digit number that begins with a 1, as mobiles do.
const NATIONAL_START: u64 = 10_000_000_000;

/// Something to be sent to a service provider, and sent again until it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Receipt(Receipt),
    Reply(Reply),
}

/// The id of a part: the carrier's own in 64 bits, or the sender's in up to 96.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CarrierId {
    pub(crate) low: u64,
    pub(crate) high: u32,
}

/// The coding of replies, the same in every protocol.
pub(crate) const REPLY_CODING: u8 = 8;

/// A delivery with everything that a PDU needs.
pub(crate) enum Rendered<'a> {
    Receipt(RenderedReceipt),
    Reply { deliver_id: u64, phone: u64, source: Octets<21>, text: &'a [u8] },
}

/// A status report with everything that a PDU needs.
pub(crate) struct RenderedReceipt {
    pub(crate) id: CarrierId,
    pub(crate) deliver_id: u64,
    /// `None`: the carrier does not say for whom.
    pub(crate) phone: Option<u64>,
    /// The access code that the submit named.
    pub(crate) source: Octets<21>,
    pub(crate) stat: Octets<7>,
    /// YYMMDDHHMM.
    pub(crate) submitted: Octets<10>,
    /// YYMMDDHHMM.
    pub(crate) done: Octets<10>,
    pub(crate) number: u32,
    /// SMPP: whether the id is written in decimal.
    pub(crate) decimal: bool,
}

/// A status report of one part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) id: CarrierId,
    pub(crate) phone: u64,
    /// Which message the part belongs to.
    pub(crate) message: MessageRef,
    /// Index of the access code that the submit named.
    pub(crate) source: u32,
    /// Seconds after the start.
    pub(crate) submitted_s: u32,
    /// Index of the `Stat`.
    pub(crate) stat: u8,
    pub(crate) without_phone: bool,
    pub(crate) sent_before: bool,
}

/// Whose delivery a report tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageRef {
    /// A message of one part, by the hash of its text.
    Single(u64),
    /// Part `number` of the long message in a slot of the assembly.
    Long { slot: u32, number: u8 },
    /// A copy, or invented.
    Nobody,
}

/// A message from a phone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) phone: u64,
    pub(crate) source: u32,
    /// Index of the text among the opt-out words or the ordinary texts.
    pub(crate) text: u32,
    pub(crate) opt_out: bool,
    pub(crate) sent_before: bool,
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Receipt").field("id", &self.id).field("stat", &self.stat).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Reply").field("opt_out", &self.opt_out).finish_non_exhaustive()
    }
}

/// The E.164 digits of a phone as a service provider writes it: eleven digits from 1 are Chinese; `+` and `00` are skipped.
/// `None` for anything but 1 to 15 digits.
pub(crate) fn read_phone(terminal: &[u8]) -> Option<u64> {
    let digits = terminal.strip_prefix(b"+").or_else(|| terminal.strip_prefix(b"00")).unwrap_or(terminal);
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let national = digits.len() == 11 && (NATIONAL_START..2 * NATIONAL_START).contains(&number);
    let phone = if national { CHINA + number } else { number };
    (phone > 0).then_some(phone)
}

/// A phone as most Chinese carriers write it: eleven digits at home, all digits abroad.
pub(crate) fn write_phone(phone: u64) -> TerminalId {
    write_international(if (CHINA..CHINA + NATIONAL_END).contains(&phone) { phone - CHINA } else { phone })
}

/// All digits of a phone.
pub(crate) fn write_international(number: u64) -> TerminalId {
    let mut digits = [b'0'; 20];
    let (mut rest, mut start) = (number, digits.len());
    while rest > 0 && start > 0 {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    TerminalId::new(&digits[start..]).expect("at most twenty digits are ASCII and fit 32 octets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_read_in_every_form_and_written_in_one() {
        for text in ["13800138000", "8613800138000", "+8613800138000", "008613800138000"] {
            assert_eq!(read_phone(text.as_bytes()), Some(8_613_800_138_000), "{text}");
        }
        assert_eq!(write_phone(8_613_800_138_000).as_bytes(), b"13800138000");
        assert_eq!(read_phone(b"4915112345678"), Some(4_915_112_345_678));
        assert_eq!(write_phone(4_915_112_345_678).as_bytes(), b"4915112345678");
        for text in ["", "+", "1380013800x", "0", "1234567890123456"] {
            assert_eq!(read_phone(text.as_bytes()), None, "{text}");
        }
    }
}
