//! Reading texts that others encoded: liberal, never failing, saying when something was lost.
//!
//! Parts of one message may come in different codings, so each part is decoded by itself and the texts are joined.

use super::encoding::Encoding;
use super::gsm;

/// Whose meaning of code 0 applies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dialect {
    /// CMPP, SGIP, SMGP: ASCII.
    China,
    /// SMPP: GSM 03.38.
    Smpp,
}

/// Place of a part in a long text, from its header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Concat {
    /// Shared by the parts of one text.
    pub reference: u16,
    /// Number of parts, at least 1.
    pub total: u8,
    /// From 1 to `total`.
    pub number: u8,
}

/// A decoded part.
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text, without its header.
    pub text: String,
    /// Present when the part carries a usable concatenation header.
    pub concat: Option<Concat>,
    /// Some octets had no meaning and were replaced or dropped.
    pub lossy: bool,
}

impl std::fmt::Debug for Decoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("concat", &self.concat)
            .field("lossy", &self.lossy)
            .finish_non_exhaustive()
    }
}

/// Decodes the user data of one inbound part.
///
/// `code` is the protocol's coding octet; an unknown one is guessed, never refused. `has_header` is TP-UDHI. Trailing
/// NULs are padding with some gateways and are dropped for text of one octet per character.
pub fn decode(octets: &[u8], code: u8, has_header: bool, dialect: Dialect) -> Decoded {
    let (concat, body, broken) = if has_header { split_header(octets) } else { (None, octets, false) };
    let (text, lossy) = match meaning(code, dialect) {
        Some(Encoding::Ucs2) => utf16(body),
        Some(Encoding::Gbk) => gb18030(body),
        Some(Encoding::Ascii) if body.is_ascii() => (ascii(body), false),
        Some(Encoding::Ascii) => gb18030(body),
        Some(Encoding::Gsm7) if body.is_ascii() => gsm::decode(body),
        Some(Encoding::Gsm7) => latin1(body),
        None if code == LATIN1 && dialect == Dialect::Smpp => latin1(body),
        None => guess(body),
    };
    Decoded { text, concat, lossy: lossy || broken }
}

/// SMPP `data_coding` of ISO-8859-1.
const LATIN1: u8 = 3;
/// SMPP `data_coding` of IA5, that is ASCII.
const IA5: u8 = 1;

fn meaning(code: u8, dialect: Dialect) -> Option<Encoding> {
    let narrow = if dialect == Dialect::China { Encoding::Ascii } else { Encoding::Gsm7 };
    match code {
        IA5 => Some(Encoding::Ascii),
        // Message classes: 16–19 and 0xF0–0xF3 in the default alphabet, 24–27 in UCS-2 (3GPP TS 23.038 §4).
        0 | 0x10..=0x13 | 0xf0..=0xf3 => Some(narrow),
        // Some gateways say 9 and mean UCS-2.
        8 | 9 | 0x18..=0x1b => Some(Encoding::Ucs2),
        15 => Some(Encoding::Gbk),
        _ => None,
    }
}

/// Splits the user-data header off and looks for a concatenation element among its elements. A header that does not
/// fit its octets is taken for text and marked.
fn split_header(octets: &[u8]) -> (Option<Concat>, &[u8], bool) {
    let Some((&length, rest)) = octets.split_first() else { return (None, octets, true) };
    let Some((mut header, body)) = rest.split_at_checked(usize::from(length)) else {
        return (None, octets, true);
    };
    let mut concat = None;
    while let [id, size, after @ ..] = header {
        let Some((data, next)) = after.split_at_checked(usize::from(*size)) else {
            return (concat, body, true);
        };
        let found = match (id, data) {
            (0, &[reference, total, number]) => Some((u16::from(reference), total, number)),
            (8, &[high, low, total, number]) => Some((u16::from_be_bytes([high, low]), total, number)),
            _ => None,
        };
        if let Some((reference, total, number)) =
            found.filter(|(_, total, number)| (1..=*total).contains(number))
        {
            concat = Some(Concat { reference, total, number });
        }
        header = next;
    }
    (concat, body, !header.is_empty())
}

fn without_padding(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    &octets[..end]
}

fn ascii(octets: &[u8]) -> String {
    without_padding(octets).iter().map(|octet| char::from(*octet)).collect()
}

fn latin1(octets: &[u8]) -> (String, bool) {
    (octets.iter().map(|octet| char::from(*octet)).collect(), false)
}

fn gb18030(octets: &[u8]) -> (String, bool) {
    let (text, lossy) = encoding_rs::GB18030.decode_without_bom_handling(without_padding(octets));
    (text.into_owned(), lossy)
}

fn utf16(octets: &[u8]) -> (String, bool) {
    let (pairs, odd) = octets.as_chunks::<2>();
    let mut lossy = !odd.is_empty();
    let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    let mut text = String::with_capacity(octets.len() / 2 * 3);
    for unit in char::decode_utf16(units) {
        lossy |= unit.is_err();
        text.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    (text, lossy)
}

/// For codes that no table names: the reading that makes sense, most telling first.
fn guess(octets: &[u8]) -> (String, bool) {
    if without_padding(octets).iter().all(|octet| matches!(octet, b'\n' | b'\r' | b'\t' | 0x20..=0x7e)) {
        return (ascii(octets), false);
    }
    if octets.len().is_multiple_of(2) {
        let (text, lossy) = utf16(octets);
        if !lossy && text.chars().all(is_everyday) {
            return (text, false);
        }
    }
    match std::str::from_utf8(without_padding(octets)) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => gb18030(octets),
    }
}

/// Characters that people text with: Latin, general punctuation, CJK, full-width forms, emoji.
fn is_everyday(ch: char) -> bool {
    matches!(ch, '\n' | '\r' | '\t' | ' '..='~' | '\u{a0}'..='\u{24f}' | '\u{2010}'..='\u{206f}'
        | '\u{2190}'..='\u{27bf}' | '\u{3000}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{fe0f}'
        | '\u{ff00}'..='\u{ffef}' | '\u{1f000}'..='\u{1faff}')
}
