//! Folding characters to what a reader takes them for: width, case, traditional and simplified, numbers in circles
//! and in words; and what a reader overlooks is dropped.
//!
//! Both words and texts are folded before they are compared, so the fold may be coarse but must be the same for both.

use std::sync::OnceLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Traditional characters and their simplified forms, as pairs; see the head of the file for its source.
const TRADITIONAL: &str = include_str!("../data/traditional_simplified.txt");
/// The block of common Chinese characters, which the table covers.
const FIRST_HAN: u32 = 0x4e00;
const LAST_HAN: u32 = 0x9fff;
/// Chinese numerals, plain and financial, by the digit they stand for.
const NUMERALS: [&str; 10] = ["零", "一壹弌", "二贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"];
const HAN_COUNT: usize = (LAST_HAN - FIRST_HAN + 1) as usize;

/// The fold as a table for the characters that nearly all text consists of.
pub struct Folder {
    han: Box<[u16; HAN_COUNT]>,
}

impl Folder {
    /// The one table, built on first use.
    pub fn get() -> &'static Folder {
        static FOLDER: OnceLock<Folder> = OnceLock::new();
        FOLDER.get_or_init(Folder::build)
    }

    fn build() -> Folder {
        let mut han = Box::new([0; HAN_COUNT]);
        for (place, code) in han.iter_mut().zip(FIRST_HAN..) {
            *place = code as u16;
        }
        for line in TRADITIONAL.lines().filter(|line| !line.starts_with('#')) {
            let mut chars = line.chars();
            while let (Some(from), Some(to)) = (chars.next(), chars.next()) {
                if let Some(place) = index_of(from).and_then(|index| han.get_mut(index)) {
                    *place = u32::from(to) as u16;
                }
            }
        }
        // After simplification, so that every form of a numeral becomes its digit.
        for place in han.iter_mut() {
            let simplified = char::from_u32(u32::from(*place)).unwrap_or_default();
            if let Some(digit) = NUMERALS.iter().position(|forms| forms.contains(simplified)) {
                *place = u16::from(b'0') + digit as u16;
            }
        }
        Folder { han }
    }

    /// Hands the folded form of a character to `put`: nothing for what a reader overlooks, several characters for the
    /// few that stand for several.
    #[inline]
    pub fn fold(&self, ch: char, mut put: impl FnMut(char)) {
        if ch.is_ascii() {
            // The per cent sign carries meaning of its own: 100% is not 100.
            if ch.is_ascii_alphanumeric() || ch == '%' {
                put(ch.to_ascii_lowercase());
            }
        } else if let Some(code) = index_of(ch).and_then(|index| self.han.get(index)) {
            put(char::from_u32(u32::from(*code)).unwrap_or(ch));
        } else {
            self.fold_rare(ch, put);
        }
    }

    #[cold]
    #[inline(never)]
    fn fold_rare(&self, ch: char, mut put: impl FnMut(char)) {
        match ch {
            '！'..='～' => self.fold_ascii(u32::from(ch) - 0xfee0, put),
            '\u{3000}'..='\u{3006}' | '\u{3008}'..='\u{3020}' | '\u{2000}'..='\u{206f}' => {}
            '〇' => put('0'),
            // Circled, negative and squared numbers and letters that compatibility forms leave alone.
            '❶'..='❿' => number(ch, '❶', put),
            '➀'..='➉' => number(ch, '➀', put),
            '➊'..='➓' => number(ch, '➊', put),
            '⓵'..='⓾' => number(ch, '⓵', put),
            '⓿' => put('0'),
            '\u{1f150}'..='\u{1f169}' => letter(ch, '\u{1f150}', put),
            '\u{1f170}'..='\u{1f189}' => letter(ch, '\u{1f170}', put),
            '\u{1f1e6}'..='\u{1f1ff}' => letter(ch, '\u{1f1e6}', put),
            _ => {
                for part in std::iter::once(ch).nfkc().flat_map(char::to_lowercase) {
                    if part.is_ascii_alphanumeric() {
                        put(part);
                    } else if let Some(code) = index_of(part).and_then(|index| self.han.get(index)) {
                        put(char::from_u32(u32::from(*code)).unwrap_or(part));
                    } else if part.is_alphanumeric() && !is_combining_mark(part) {
                        put(part);
                    }
                }
            }
        }
    }

    fn fold_ascii(&self, code: u32, put: impl FnMut(char)) {
        if let Some(ch) = char::from_u32(code).filter(char::is_ascii) {
            self.fold(ch, put);
        }
    }

    /// The whole of a short text, folded.
    pub fn folded(&self, text: &str) -> String {
        let mut folded = String::with_capacity(text.len());
        text.chars().for_each(|ch| self.fold(ch, |part| folded.push(part)));
        folded
    }
}

#[inline]
fn index_of(ch: char) -> Option<usize> {
    u32::from(ch).checked_sub(FIRST_HAN).map(|index| index as usize)
}

fn number(ch: char, first: char, mut put: impl FnMut(char)) {
    let value = u32::from(ch) - u32::from(first) + 1;
    if value >= 10 {
        put('1');
    }
    put(char::from_digit(value % 10, 10).unwrap_or('0'));
}

fn letter(ch: char, first: char, mut put: impl FnMut(char)) {
    put(char::from_u32(u32::from('a') + u32::from(ch) - u32::from(first)).unwrap_or('a'));
}

#[cfg(test)]
mod tests {
    use super::Folder;

    #[test]
    fn folds_to_what_a_reader_sees() {
        let folder = Folder::get();
        let cases = [
            ("ＡＢＣ１２", "abc12"),
            ("退訂回覆", "退订回复"),
            ("第①名", "第1名"),
            ("壹貳叁〇", "1230"),
            ("㈠⑩❶➓⓪", "1101100"),
            ("赌 \u{200b}-。😀博", "赌博"),
            ("𝐕𝐈𝐏", "vip"),
            ("🅰🅱", "ab"),
            ("１００％", "100%"),
            ("e\u{301}", "e"),
            ("ﬁ㎏", "fikg"),
            ("ÀÉ", "àé"),
        ];
        for (text, folded) in cases {
            assert_eq!(folder.folded(text), folded, "{text}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        let folder = Folder::get();
        for ch in (0..=0x2_ffff).filter_map(char::from_u32) {
            let once = folder.folded(&ch.to_string());
            assert_eq!(folder.folded(&once), once, "{ch:?}");
        }
    }
}
