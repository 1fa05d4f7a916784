//! How a text will travel on a channel: encoding, length, parts, and what is billed. Cheap: no allocation unless a
//! channel asks for GBK.

use super::encoding::{ConcatHeader, Encoding};
use super::{Bilingual, gsm};

/// Most parts of one text anywhere: twenty parts are 1,340 Chinese characters, more than any carrier takes.
pub const MAX_PARTS: u8 = 20;
/// Characters of a text that Chinese carriers bill as one message.
const BILLED_SINGLE: usize = 70;
/// Characters per message that they bill when a text is longer.
const BILLED_PER_PART: usize = 67;

/// The encoding a channel may use for texts without Chinese.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Narrow {
    /// None: everything goes as wide text.
    Off,
    /// ASCII without the characters that GSM places elsewhere; what the Chinese protocols mean by code 0.
    Ascii,
    /// GSM 03.38 with its extension table; what SMPP means by code 0.
    Gsm7,
}

/// The encoding a channel uses for everything else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wide {
    /// UTF-16.
    Ucs2,
    /// GBK where every character has a double-byte code, UTF-16 otherwise.
    Gbk,
}

/// Whose count the invoice follows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Billing {
    /// 70 characters, or 67 per part, whatever the encoding (China).
    Characters,
    /// The parts that go over the wire (elsewhere).
    Parts,
}

/// What a channel lets a text be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TextRules {
    /// For texts of Latin letters.
    pub narrow: Narrow,
    /// For all others.
    pub wide: Wide,
    /// Octets of a single ASCII message; SGIP and SMGP frames hold 140, CMPP 159.
    pub ascii_single: u8,
    /// The concatenation header of long texts.
    pub header: ConcatHeader,
    /// Most parts, at most [`MAX_PARTS`].
    pub max_parts: u8,
    /// How the carrier counts.
    pub billing: Billing,
}

impl TextRules {
    /// CMPP as its specification sizes it.
    pub const CMPP: TextRules = TextRules {
        narrow: Narrow::Ascii,
        wide: Wide::Ucs2,
        ascii_single: 159,
        header: ConcatHeader::Eight,
        max_parts: MAX_PARTS,
        billing: Billing::Characters,
    };
    /// What a platform plans with before it knows the channel: mainland carriers' counting, the widest single part.
    pub const MAINLAND: TextRules = TextRules::CMPP;
    /// SGIP.
    pub const SGIP: TextRules = TextRules { ascii_single: 140, ..TextRules::CMPP };
    /// SMGP.
    pub const SMGP: TextRules = TextRules::SGIP;
    /// SMPP abroad.
    pub const SMPP: TextRules =
        TextRules { narrow: Narrow::Gsm7, ascii_single: 160, billing: Billing::Parts, ..TextRules::CMPP };

    fn single(&self, encoding: Encoding) -> usize {
        match encoding {
            Encoding::Ascii => usize::from(self.ascii_single),
            Encoding::Gsm7 => 160,
            Encoding::Ucs2 => 70,
            Encoding::Gbk => 140,
        }
    }

    /// Whether that many units go into a message without a concatenation header.
    pub(super) fn fits_single(&self, encoding: Encoding, units: usize) -> bool {
        units <= self.single(encoding)
    }

    pub(super) fn max_parts(&self) -> u8 {
        self.max_parts.clamp(1, MAX_PARTS)
    }
}

/// What a text comes to on a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextPlan {
    /// How it travels.
    pub encoding: Encoding,
    /// Its length as carriers count: septets in GSM 7-bit, else characters (an emoji counts two).
    pub length: u16,
    /// PDUs on the wire.
    pub parts: u8,
    /// Messages on the invoice.
    pub billed_parts: u8,
}

/// A text with its plan, for showing before anything is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Preview {
    /// The whole text, signature and opt-out words included.
    pub text: String,
    /// How it travels.
    pub encoding: Encoding,
    /// See [`TextPlan::length`].
    pub length: u16,
    /// See [`TextPlan::parts`].
    pub parts: u8,
    /// See [`TextPlan::billed_parts`].
    pub billed_parts: u8,
}

/// Why a text cannot be sent. Always the text's fault; a retry changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextError {
    /// Nothing to send.
    #[error("the text is empty")]
    Empty,
    /// More parts than the channel allows.
    #[error("the text needs {parts} parts, the channel allows {max}")]
    TooLong {
        /// Parts it would need.
        parts: usize,
        /// Parts allowed.
        max: u8,
    },
    /// The encoding that was asked for lacks a character.
    #[error("the text has characters that {encoding} cannot carry")]
    NotRepresentable {
        /// The encoding.
        encoding: Encoding,
    },
}

impl TextError {
    /// What to tell the user.
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            TextError::Empty => "短信内容为空".into(),
            TextError::TooLong { parts, max } => {
                format!("短信太长：需要 {parts} 条，通道最多 {max} 条").into()
            }
            TextError::NotRepresentable { encoding } => format!("含有 {encoding} 编码无法表示的字符").into(),
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}

/// Chooses the encoding for a text and counts it, about a hundred nanoseconds for a usual one.
///
/// # Errors
/// [`TextError::Empty`] and [`TextError::TooLong`].
pub fn plan(text: &str, rules: &TextRules) -> Result<TextPlan, TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    let characters = utf16_units(text);
    let (encoding, units) = match narrow_units(text, rules.narrow) {
        Some(found) => found,
        None => wide_units(text, rules.wide, characters),
    };
    let parts = if rules.fits_single(encoding, units) {
        1
    } else {
        parts_needed(text, encoding, units, rules.header)
    };
    let billed_parts = match rules.billing {
        Billing::Parts => parts,
        Billing::Characters if characters <= BILLED_SINGLE => parts,
        // A pair kept whole at a part's end may cost one PDU more than the characters would.
        Billing::Characters => characters.div_ceil(BILLED_PER_PART).max(parts),
    };
    let max = rules.max_parts();
    if billed_parts > usize::from(max) {
        return Err(TextError::TooLong { parts: billed_parts, max });
    }
    let length = if encoding == Encoding::Gsm7 { units } else { characters };
    // At most MAX_PARTS × 160 units pass the check above, so neither cast cuts anything.
    Ok(TextPlan { encoding, length: length as u16, parts: parts as u8, billed_parts: billed_parts as u8 })
}

/// A text with its plan.
///
/// # Errors
/// As [`plan`].
pub fn preview(text: String, rules: &TextRules) -> Result<Preview, TextError> {
    let TextPlan { encoding, length, parts, billed_parts } = plan(&text, rules)?;
    Ok(Preview { text, encoding, length, parts, billed_parts })
}

impl std::fmt::Debug for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preview")
            .field("encoding", &self.encoding)
            .field("length", &self.length)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// UTF-16 units, counted on bytes so that the compiler can do it in wide registers.
fn utf16_units(text: &str) -> usize {
    let starts = text.bytes().filter(|byte| byte & 0xc0 != 0x80).count();
    starts + astral_characters(text)
}

/// Characters outside the basic plane: each starts with a byte of 0xF0 or more.
fn astral_characters(text: &str) -> usize {
    text.bytes().filter(|byte| *byte >= 0xf0).count()
}

/// Whether the octet means the same in ASCII and in GSM 03.38, so that no handset shows another character.
pub(super) fn is_plain_ascii(byte: u8) -> bool {
    match byte {
        b'\n' | b'\r' => true,
        b'@' | b'$' | b'_' | b'[' | b'\\' | b']' | b'^' | b'{' | b'|' | b'}' | b'~' | b'`' => false,
        byte => (0x20..0x7f).contains(&byte),
    }
}

fn narrow_units(text: &str, narrow: Narrow) -> Option<(Encoding, usize)> {
    match narrow {
        Narrow::Off => None,
        Narrow::Ascii => text.bytes().all(is_plain_ascii).then_some((Encoding::Ascii, text.len())),
        Narrow::Gsm7 => {
            let mut septets = 0;
            for ch in text.chars() {
                septets += gsm::code_of(ch)?.septets();
            }
            Some((Encoding::Gsm7, septets))
        }
    }
}

fn wide_units(text: &str, wide: Wide, characters: usize) -> (Encoding, usize) {
    match wide {
        Wide::Ucs2 => (Encoding::Ucs2, characters),
        Wide::Gbk => gbk(text).map_or((Encoding::Ucs2, characters), |octets| (Encoding::Gbk, octets.len())),
    }
}

/// The text in GBK, `None` when a character has no code of one or two octets: handsets rarely know the four-octet
/// codes of GB 18030.
pub(super) fn gbk(text: &str) -> Option<Vec<u8>> {
    let (octets, _, unmappable) = encoding_rs::GB18030.encode(text);
    let mut rest = &octets[..];
    while let Some(first) = rest.first() {
        let width = gbk_width(*first);
        if rest.get(1).is_some_and(|second| width == 2 && second.is_ascii_digit()) {
            return None;
        }
        rest = rest.get(width..)?;
    }
    (!unmappable).then(|| octets.into_owned())
}

/// Octets of the character that starts with this octet.
pub(super) fn gbk_width(first: u8) -> usize {
    if first < 0x80 { 1 } else { 2 }
}

/// Parts of a text too long for one, packed greedily without splitting a character.
fn parts_needed(text: &str, encoding: Encoding, units: usize, header: ConcatHeader) -> usize {
    let room = encoding.units_per_part(header);
    let widths = |width: fn(char) -> usize| packed(text.chars().map(width), room);
    match encoding {
        Encoding::Ascii => units.div_ceil(room),
        Encoding::Ucs2 if astral_characters(text) == 0 => units.div_ceil(room),
        Encoding::Ucs2 => widths(char::len_utf16),
        Encoding::Gsm7 => widths(|ch| gsm::code_of(ch).map_or(1, gsm::Code::septets)),
        Encoding::Gbk => widths(|ch| if ch.is_ascii() { 1 } else { 2 }),
    }
}

fn packed(widths: impl Iterator<Item = usize>, room: usize) -> usize {
    let (mut parts, mut used) = (1, 0);
    for width in widths {
        if used + width > room {
            parts += 1;
            used = 0;
        }
        used += width;
    }
    parts
}
