//! The whole text of a message: signature at the head, body, opt-out words at the end.

use std::fmt;
use std::sync::Arc;

use super::Bilingual;

/// The opt-out words appended when none are given: the form that every Chinese carrier accepts.
pub const DEFAULT_OPT_OUT: &str = "拒收请回复R";
/// Carriers file signatures from 2 characters on; the longest any of them takes is 20.
const SIGNATURE_CHARS: std::ops::RangeInclusive<usize> = 2..=20;

/// A sender's signature, the 【…】 at the head of a text. Public by nature.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(Arc<str>);

/// Why a signature was refused; the input's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// Not 2 to 20 characters.
    #[error("a signature has 2 to 20 characters, this one has {chars}")]
    Length {
        /// How many it has.
        chars: usize,
    },
    /// Brackets inside the brackets.
    #[error("a signature contains no brackets")]
    Brackets,
    /// Digits only: carriers file none.
    #[error("a signature cannot be digits only")]
    OnlyDigits,
    /// Line breaks, control or invisible characters.
    #[error("a signature contains no control or invisible characters")]
    Invisible,
}

impl SignatureError {
    /// What to tell the user.
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            SignatureError::Length { chars } => format!("签名应为 2 到 20 个字符，现有 {chars} 个").into(),
            SignatureError::Brackets => "签名内不能再有括号".into(),
            SignatureError::OnlyDigits => "签名不能全是数字".into(),
            SignatureError::Invisible => "签名不能含有控制字符或不可见字符".into(),
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}

impl Signature {
    /// Reads a signature with or without its brackets.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn parse(raw: &str) -> Result<Signature, SignatureError> {
        let raw = raw.trim();
        let inner = raw.strip_prefix('【').and_then(|rest| rest.strip_suffix('】')).unwrap_or(raw).trim();
        if inner.contains(['【', '】', '[', ']', '［', '］', '〔', '〕', '「', '」', '《', '》']) {
            return Err(SignatureError::Brackets);
        }
        if inner.chars().any(|ch| {
            ch.is_control()
                || matches!(ch, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
        }) {
            return Err(SignatureError::Invisible);
        }
        let chars = inner.chars().count();
        if !SIGNATURE_CHARS.contains(&chars) {
            return Err(SignatureError::Length { chars });
        }
        if inner.chars().all(char::is_numeric) {
            return Err(SignatureError::OnlyDigits);
        }
        Ok(Signature(format!("【{inner}】").into()))
    }

    /// `【鸿雁】`: as it stands in a text.
    pub fn bracketed(&self) -> &str {
        &self.0
    }

    /// `鸿雁`: without the brackets.
    pub fn inner(&self) -> &str {
        &self.0['【'.len_utf8()..self.0.len() - '】'.len_utf8()]
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Puts the signature at the head exactly once and the opt-out words at the end if they are asked for and missing.
///
/// A body that already starts with the same signature, even repeatedly, does not get it again.
pub fn compose(signature: Option<&Signature>, body: &str, opt_out_suffix: Option<&str>) -> String {
    let mut body = body.trim();
    let head = signature.map_or("", Signature::bracketed);
    if !head.is_empty() {
        while let Some(rest) = body.strip_prefix(head) {
            body = rest.trim_start();
        }
    }
    let suffix = opt_out_suffix.filter(|_| !ends_with_opt_out(body)).unwrap_or("");
    let mut text = String::with_capacity(head.len() + body.len() + suffix.len());
    text.push_str(head);
    text.push_str(body);
    text.push_str(suffix);
    text
}

/// A text divided into the signature that names its sender, and the rest.
#[must_use]
pub fn divide(text: &str) -> (Option<&str>, &str) {
    let text = text.trim();
    match text.strip_prefix('【').and_then(|rest| rest.split_once('】')) {
        Some((signature, body)) => (Some(signature), body.trim()),
        None => (None, text),
    }
}

/// Characters at the end that the search for opt-out words looks at; the longest form is shorter.
const TAIL_CHARS: usize = 24;

/// Whether a text ends with words that tell the reader how to refuse, in any of the forms in use: `拒收请回复R`,
/// `回T退订`, `回复TD退订`, `退订回N`, `Reply STOP to opt out` …; a signature or punctuation after them is ignored.
pub fn ends_with_opt_out(text: &str) -> bool {
    let text = match text.trim_end().strip_suffix('】').and_then(|rest| rest.rfind('【')) {
        Some(at) => &text[..at],
        None => text,
    };
    let mut tail = ['\0'; TAIL_CHARS];
    let mut from = TAIL_CHARS;
    // Looking at a bounded number of characters keeps a text that ends in a thousand blanks cheap.
    for ch in text.chars().rev().take(2 * TAIL_CHARS).filter_map(fold_tail) {
        if from == 0 {
            break;
        }
        from -= 1;
        tail[from] = ch;
    }
    tail_says_how_to_refuse(&tail[from..])
}

/// Capital letters, half width, simplified; `None` for what may stand between the words.
fn fold_tail(ch: char) -> Option<char> {
    match ch {
        'a'..='z' => Some(ch.to_ascii_uppercase()),
        'A'..='Z' | '0'..='9' => Some(ch),
        '！'..='～' => char::from_u32(u32::from(ch) - 0xfee0).and_then(fold_tail),
        '訂' | '定' => Some('订'),
        '覆' | '復' => Some('复'),
        '請' => Some('请'),
        '發' => Some('发'),
        '\u{4e00}'..='\u{9fff}' => Some(ch),
        _ => None,
    }
}

const REFUSALS: [&str; 5] = ["退订", "拒收", "取消", "屏蔽", "拒绝"];
const REPLIES: [&str; 5] = ["回复", "发送", "回", "复", "发"];
/// Before a bare refusal only the long forms count: 退回取消 is no instruction.
const LONG_REPLIES: [&str; 2] = ["回复", "发送"];
const WORDS: [&str; 9] = ["TD", "QX", "TT", "R", "T", "N", "D", "0000", "00000"];
const ENGLISH: [&str; 9] = [
    "STOPTOOPTOUT",
    "STOPTOUNSUBSCRIBE",
    "STOPTOUNSUB",
    "STOPTOEND",
    "STOPTOCANCEL",
    "STOPTOSTOP",
    "REPLYSTOP",
    "TEXTSTOP",
    "STOP2END",
];

fn tail_says_how_to_refuse(tail: &[char]) -> bool {
    // 回复 TD 退订; also 回复退订, where the word itself is to be sent.
    let reply_first = strip_any(tail, &REFUSALS).any(|rest| {
        strip_any(rest, &LONG_REPLIES).next().is_some()
            || strip_any(rest, &WORDS).any(|rest| strip_any(rest, &REPLIES).next().is_some())
    });
    // 拒收请回复 R
    let refusal_first = || {
        strip_any(tail, &WORDS).any(|rest| {
            strip_any(rest, &REPLIES).any(|rest| {
                let rest = rest.strip_suffix(&['请']).unwrap_or(rest);
                strip_any(rest, &REFUSALS).next().is_some()
            })
        })
    };
    reply_first || refusal_first() || strip_any(tail, &ENGLISH).next().is_some()
}

/// What is left of `tail` before each of the words that it ends with.
fn strip_any<'a>(tail: &'a [char], words: &'static [&'static str]) -> impl Iterator<Item = &'a [char]> {
    words.iter().filter_map(move |word| {
        let mut rest = tail;
        for ch in word.chars().rev() {
            match rest.split_last() {
                Some((last, before)) if *last == ch => rest = before,
                _ => return None,
            }
        }
        Some(rest)
    })
}
