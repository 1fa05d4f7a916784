//! GSM 03.38 default alphabet and its extension table (3GPP TS 23.038 §6.2.1).

/// The octet that announces a character of the extension table.
pub(super) const ESCAPE: u8 = 0x1b;

/// The default alphabet by septet; the escape's place holds a no-break space, which decoding never asks for.
const ALPHABET: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{a0}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// How a character is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    One(u8),
    /// Follows an [`ESCAPE`].
    Escaped(u8),
}

impl Code {
    pub(super) fn septets(self) -> usize {
        match self {
            Code::One(_) => 1,
            Code::Escaped(_) => 2,
        }
    }
}

const NONE: u8 = 0xff;
const ESCAPED: u8 = 0x80;

/// Latin-1 to septet; [`ESCAPED`] set for the extension table, [`NONE`] when absent. Built once, by the compiler.
const BY_LATIN1: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut septet = 0;
    while septet < 128 {
        let ch = ALPHABET[septet] as usize;
        if septet != ESCAPE as usize && ch < 256 {
            table[ch] = septet as u8;
        }
        septet += 1;
    }
    let mut at = 0;
    while at < EXTENSION.len() {
        let ch = EXTENSION[at].1 as usize;
        if ch < 256 {
            table[ch] = EXTENSION[at].0 | ESCAPED;
        }
        at += 1;
    }
    table
};

/// The code of a character, `None` when the alphabet lacks it.
pub(super) fn code_of(ch: char) -> Option<Code> {
    if let Some(&entry) = BY_LATIN1.get(ch as usize) {
        return match entry {
            NONE => None,
            entry if entry & ESCAPED != 0 => Some(Code::Escaped(entry & !ESCAPED)),
            entry => Some(Code::One(entry)),
        };
    }
    match ch {
        '€' => Some(Code::Escaped(0x65)),
        'Α'..='ω' => (0x10..0x1b).find(|&septet| ALPHABET[septet as usize] == ch).map(Code::One),
        _ => None,
    }
}

/// Reads unpacked septets (high bit ignored). An unknown escape shows the plain character, as the standard asks; an
/// escape at the very end is dropped. The flag says whether that happened.
pub(super) fn decode(octets: &[u8]) -> (String, bool) {
    let mut text = String::with_capacity(octets.len());
    let mut lossy = false;
    let mut rest = octets.iter().map(|octet| octet & 0x7f);
    while let Some(septet) = rest.next() {
        if septet != ESCAPE {
            text.push(ALPHABET[usize::from(septet)]);
            continue;
        }
        let Some(second) = rest.next() else { return (text, true) };
        match EXTENSION.iter().find(|(code, _)| *code == second) {
            Some((_, ch)) => text.push(*ch),
            None => {
                lossy = true;
                text.push(if second == ESCAPE { ' ' } else { ALPHABET[usize::from(second)] });
            }
        }
    }
    (text, lossy)
}
