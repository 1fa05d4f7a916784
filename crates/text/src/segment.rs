//! Cutting a text into the octets of its parts.

use super::encoding::{ConcatHeader, Encoding};
use super::gsm::{self, Code};
use super::plan::{MAX_PARTS, TextError, TextRules, gbk, gbk_width, is_plain_ascii};

/// The user data of each part, in order, headers included. One buffer holds them all.
#[derive(Clone, PartialEq, Eq)]
pub struct Segments {
    octets: Vec<u8>,
    /// Where each part ends in `octets`; the first `len` places count.
    ends: [u16; MAX_PARTS as usize],
    len: u8,
}

impl Segments {
    /// Number of parts, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a text always has at least one part")]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether each part begins with a concatenation header (TP-UDHI).
    pub fn has_header(&self) -> bool {
        self.len > 1
    }

    /// The octets of part `index` (from 0), header included.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(..self.len())?.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        self.octets.get(usize::from(start)..usize::from(end))
    }

    /// The octets of every part in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl std::fmt::Debug for Segments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Segments({} parts, {} octets)", self.len, self.octets.len())
    }
}

/// Cuts a text in the encoding that [`super::plan`] chose; `reference` should count up per sender and receiver, the
/// 8-bit header takes its low octet.
///
/// # Errors
/// [`TextError`]: empty, more parts than the rules allow, or a character that the encoding lacks.
pub fn segment(
    text: &str,
    encoding: Encoding,
    rules: &TextRules,
    reference: u16,
) -> Result<Segments, TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    let octets = encode(text, encoding).ok_or(TextError::NotRepresentable { encoding })?;
    let octets_per_unit = if encoding == Encoding::Ucs2 { 2 } else { 1 };
    if rules.fits_single(encoding, octets.len() / octets_per_unit) {
        let mut ends = [0; MAX_PARTS as usize];
        ends[0] = octets.len() as u16;
        return Ok(Segments { octets, ends, len: 1 });
    }
    let room = encoding.units_per_part(rules.header) * octets_per_unit;
    let mut cuts = [0u16; MAX_PARTS as usize];
    let mut count = 0;
    let mut start = 0;
    while start < octets.len() {
        start = cut_before(&octets, start, room, encoding);
        if let Some(place) = cuts.get_mut(count) {
            *place = start as u16;
        }
        count += 1;
    }
    let max = rules.max_parts();
    if count > usize::from(max) {
        return Err(TextError::TooLong { parts: count, max });
    }
    Ok(with_headers(&octets, &cuts[..count], rules.header, reference))
}

fn with_headers(body: &[u8], cuts: &[u16], header: ConcatHeader, reference: u16) -> Segments {
    let mut octets = Vec::with_capacity(body.len() + cuts.len() * header.octets());
    let mut ends = [0; MAX_PARTS as usize];
    let mut start = 0;
    for (index, &cut) in cuts.iter().enumerate() {
        header.write(&mut octets, reference, cuts.len() as u8, index as u8 + 1);
        octets.extend_from_slice(&body[start..usize::from(cut)]);
        ends[index] = octets.len() as u16;
        start = usize::from(cut);
    }
    Segments { octets, ends, len: cuts.len() as u8 }
}

/// Where the part that starts at `start` ends: as far as `room` octets go, never inside a character.
fn cut_before(octets: &[u8], start: usize, room: usize, encoding: Encoding) -> usize {
    let limit = start + room;
    if limit >= octets.len() {
        return octets.len();
    }
    match encoding {
        Encoding::Ascii => limit,
        // A low surrogate first in the next part means its pair would be split.
        Encoding::Ucs2 if octets[limit] & 0xfc == 0xdc => limit - 2,
        Encoding::Ucs2 => limit,
        // No extension code is the escape itself, so an escape last always has its partner in the next part.
        Encoding::Gsm7 if octets[limit - 1] == gsm::ESCAPE => limit - 1,
        Encoding::Gsm7 => limit,
        // Second octets look like first ones, so the characters have to be walked.
        Encoding::Gbk => {
            let mut at = start;
            while at + gbk_width(octets[at]) <= limit {
                at += gbk_width(octets[at]);
            }
            at
        }
    }
}

fn encode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Ascii => text.bytes().all(is_plain_ascii).then(|| text.as_bytes().to_vec()),
        Encoding::Ucs2 => {
            let mut octets = Vec::with_capacity(text.len());
            octets.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            Some(octets)
        }
        Encoding::Gsm7 => {
            let mut octets = Vec::with_capacity(text.len());
            for ch in text.chars() {
                match gsm::code_of(ch)? {
                    Code::One(septet) => octets.push(septet),
                    Code::Escaped(septet) => octets.extend([gsm::ESCAPE, septet]),
                }
            }
            Some(octets)
        }
        Encoding::Gbk => gbk(text),
    }
}
