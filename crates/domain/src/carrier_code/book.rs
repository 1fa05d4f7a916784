//! The built-in tables with an operator's own lines over them: for all, for a protocol, or for one gateway.
//!
//! Codes differ between provinces and gateway makers, so what the tables say can be wrong for one gateway and right for all
//! others. The most particular line decides: gateway before protocol before all; an exact code before a stretch of numbers
//! before a beginning.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reason;
use crate::channel::CarrierCode;
use crate::control::Protocol;
use crate::ids::GatewayId;
use crate::message::Reason;
use text::Bilingual;

/// Lines of an operator's file, at most.
const MAX_ENTRIES: usize = 10_000;
/// Longest explanation or advice, in bytes.
const MAX_WORDS_BYTES: usize = 600;

/// Whose codes a line is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CodeScope {
    All,
    /// A word of [`family`].
    Protocol(&'static str),
    Gateway(GatewayId),
}

/// Which codes a line is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CodePattern {
    /// `MK:0012`
    Exact(String),
    /// `XA:0100-0199`: a beginning, and numbers from and to, both inside.
    Numbers(String, u32, u32),
    /// `XA:*`
    Beginning(String),
}

/// One line of an operator's file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeEntry {
    pub scope: CodeScope,
    pub pattern: CodePattern,
    pub reason: Reason,
    /// What it means, where the reason's own words do not say enough.
    pub said: Option<Bilingual>,
    pub advice: Option<Bilingual>,
}

/// What is wrong with a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeTrouble {
    Scope,
    Pattern,
    /// Not a word of the closed list, or one that no carrier gives.
    Reason,
    /// One language without the other, or too long.
    Words,
    /// The same scope and code stand there twice.
    Twice,
    TooMany,
    /// A row that could not be read as such.
    Row,
}

/// What codes mean here. Cheap to clone; the default holds nothing but the built-in tables.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CodeBook {
    entries: Arc<[CodeEntry]>,
    protocols: Arc<BTreeMap<GatewayId, &'static str>>,
}

/// The word of a protocol's family, as scopes name it.
#[must_use]
pub const fn family(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Cmpp20 | Protocol::Cmpp30 => "cmpp",
        Protocol::Sgip12 => "sgip",
        Protocol::Smgp30 | Protocol::Smgp13 => "smgp",
        Protocol::Smpp34 | Protocol::Smpp50 => "smpp",
        Protocol::Aliyun => "aliyun",
        Protocol::Tencent => "tencent",
        Protocol::Twilio => "twilio",
        Protocol::Http => "http",
    }
}

impl CodeTrouble {
    /// For a person, with what to do about it.
    #[must_use]
    pub fn explain(self) -> Bilingual {
        let (zh, en) = match self {
            Self::Scope => (
                "scope 应为空、协议名（cmpp、sgip、smgp、smpp、aliyun、tencent、twilio、http）或网关编号 gwy_N",
                "scope is empty, a protocol (cmpp, sgip, smgp, smpp, aliyun, tencent, twilio, http) or a gateway gwy_N",
            ),
            Self::Pattern => (
                "code 应为 15 字节以内的可见字符，如 MK:0012、XA:0100-0199 或 XA:*",
                "a code has up to 15 visible characters: MK:0012, XA:0100-0199 or XA:*",
            ),
            Self::Reason => (
                "reason 应为运营商原因之一，如 unknown_number、number_suspended、unreachable、carrier_content",
                "reason is one of the carriers': unknown_number, number_suspended, unreachable, carrier_content …",
            ),
            Self::Words => (
                "说明和建议要么中英文都写，要么都不写，且不超过 600 字节",
                "explanations and advice are in both languages or in none, up to 600 bytes",
            ),
            Self::Twice => ("同一范围的同一错误码出现两次", "the same code of the same scope is there twice"),
            Self::TooMany => ("超过 10000 行", "more than 10,000 lines"),
            Self::Row => {
                ("这一行无法读取（引号、编码或列数）", "the row cannot be read (quotes, encoding or cells)")
            }
        };
        Bilingual { zh: zh.into(), en: en.into() }
    }
}

impl CodeScope {
    /// From a file: empty, a protocol's word, or a gateway's id.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        if word.is_empty() || word == "*" {
            return Some(Self::All);
        }
        let family = Protocol::ALL.iter().map(|protocol| family(*protocol)).find(|known| *known == word);
        family.map(Self::Protocol).or_else(|| word.parse().ok().map(Self::Gateway))
    }
}

impl CodePattern {
    /// From a file.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let fits = |code: &str| code.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(beginning) = text.strip_suffix('*') {
            let fine = !beginning.is_empty() && beginning.len() <= CarrierCode::MOST && fits(beginning);
            return fine.then(|| Self::Beginning(beginning.to_ascii_uppercase()));
        }
        if text.is_empty() || !fits(text) {
            return None;
        }
        if let Some((first, last)) = text.rsplit_once('-')
            && let Ok(to) = last.parse::<u32>()
        {
            let digits = first.len() - first.bytes().rev().take_while(u8::is_ascii_digit).count();
            let (beginning, from) = first.split_at(digits);
            let from = from.parse::<u32>().ok().filter(|from| *from <= to)?;
            return Some(Self::Numbers(beginning.to_ascii_uppercase(), from, to));
        }
        (text.len() <= CarrierCode::MOST).then(|| Self::Exact(text.to_ascii_uppercase()))
    }

    /// How particular it is; none when it is not about this code, which is in capitals.
    fn fits(&self, code: &str) -> Option<u8> {
        match self {
            Self::Exact(known) => (known == code).then_some(2),
            Self::Numbers(beginning, from, to) => {
                let number: u32 = code.strip_prefix(beginning.as_str())?.parse().ok()?;
                (*from..=*to).contains(&number).then_some(1)
            }
            Self::Beginning(beginning) => code.starts_with(beginning.as_str()).then_some(0),
        }
    }
}

impl CodeEntry {
    /// Checks what a file says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn checked(self) -> Result<Self, CodeTrouble> {
        let words = [&self.said, &self.advice].into_iter().flatten();
        let fits = |words: &Bilingual| {
            [&words.zh, &words.en].iter().all(|text| !text.is_empty() && text.len() <= MAX_WORDS_BYTES)
        };
        if !self.reason.is_carriers() {
            return Err(CodeTrouble::Reason);
        }
        if words.into_iter().all(fits) { Ok(self) } else { Err(CodeTrouble::Words) }
    }
}

impl CodeBook {
    /// The built-in tables with these lines over them.
    ///
    /// # Errors
    /// The place, from 0, of the first entry that is there twice, or is one too many.
    pub fn new(entries: Vec<CodeEntry>) -> Result<Self, (usize, CodeTrouble)> {
        if entries.len() > MAX_ENTRIES {
            return Err((MAX_ENTRIES, CodeTrouble::TooMany));
        }
        for (place, entry) in entries.iter().enumerate() {
            let same = |other: &CodeEntry| other.scope == entry.scope && other.pattern == entry.pattern;
            if entries.get(..place).is_some_and(|before| before.iter().any(same)) {
                return Err((place, CodeTrouble::Twice));
            }
        }
        Ok(Self { entries: entries.into(), protocols: Arc::default() })
    }

    /// The same lines, for these gateways.
    #[must_use]
    pub fn for_gateways(&self, gateways: impl IntoIterator<Item = (GatewayId, Protocol)>) -> Self {
        let protocols = gateways.into_iter().map(|(gateway, protocol)| (gateway, family(protocol)));
        Self { entries: Arc::clone(&self.entries), protocols: Arc::new(protocols.collect()) }
    }

    /// What a code of a gateway means; [`Reason::CarrierUnknown`] when it is in no table.
    #[must_use]
    pub fn reason(&self, gateway: Option<GatewayId>, code: CarrierCode) -> Reason {
        self.own_reason(gateway, code).unwrap_or_else(|| code.reason())
    }

    /// What the operator's lines say of it.
    #[must_use]
    pub fn own_reason(&self, gateway: Option<GatewayId>, code: CarrierCode) -> Option<Reason> {
        if self.entries.is_empty() {
            return None;
        }
        let protocol = gateway.and_then(|gateway| self.protocols.get(&gateway).copied());
        self.entry(gateway, protocol, code.as_str()).map(|entry| entry.reason)
    }

    /// The operator's line for a code.
    #[must_use]
    pub fn entry(
        &self,
        gateway: Option<GatewayId>,
        protocol: Option<&str>,
        code: &str,
    ) -> Option<&CodeEntry> {
        let code = code.trim_matches(|ch: char| ch.is_whitespace() || ch == '\0' || ch == '?');
        let code = code.to_ascii_uppercase();
        let scope = |entry: &CodeEntry| match entry.scope {
            CodeScope::All => Some(0u8),
            CodeScope::Protocol(of) => (protocol == Some(of)).then_some(1),
            CodeScope::Gateway(of) => (gateway == Some(of)).then_some(2),
        };
        let fitting = self
            .entries
            .iter()
            .filter_map(|entry| Some(((scope(entry)?, entry.pattern.fits(&code)?), entry)));
        fitting.max_by_key(|(rank, _)| *rank).map(|(_, entry)| entry)
    }

    /// The protocol of a gateway, as far as it is known.
    #[must_use]
    pub fn protocol_of(&self, gateway: GatewayId) -> Option<&'static str> {
        self.protocols.get(&gateway).copied()
    }

    /// The operator's lines, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[CodeEntry] {
        &self.entries
    }
}

impl Reason {
    /// Whether it is one that a carrier's code may stand for.
    #[must_use]
    pub fn is_carriers(self) -> bool {
        (Self::UnknownNumber.code()..=Self::CarrierUnknown.code()).contains(&self.code())
            || matches!(self, Self::Throttled | Self::None)
    }
}

/// As [`CarrierCode::reason`], for texts of any length.
pub(super) fn built_in(code: &str) -> Reason {
    reason(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(scope: &str, code: &str, reason: Reason) -> CodeEntry {
        let scope = CodeScope::from_word(scope).unwrap();
        CodeEntry { scope, pattern: CodePattern::from_text(code).unwrap(), reason, said: None, advice: None }
    }

    fn book(entries: Vec<CodeEntry>) -> CodeBook {
        let gateways = [(GatewayId(1), Protocol::Cmpp20), (GatewayId(2), Protocol::Smpp34)];
        CodeBook::new(entries).unwrap().for_gateways(gateways)
    }

    #[test]
    fn the_most_particular_line_decides() {
        let book = book(vec![
            entry("", "MK:*", Reason::Unreachable),
            entry("", "MK:0010-0020", Reason::HandsetFault),
            entry("", "mk:0012", Reason::NumberSuspended),
            entry("smpp", "MK:0012", Reason::CarrierContent),
            entry("gwy_1", "MK:*", Reason::CarrierRate),
        ]);
        let says = |gateway, code: &str| book.reason(gateway, CarrierCode::new(code.as_bytes()));
        assert_eq!(says(None, "MK:0012"), Reason::NumberSuspended);
        assert_eq!(says(None, "MK:0013"), Reason::HandsetFault);
        assert_eq!(says(None, "mk:0099??"), Reason::Unreachable);
        assert_eq!(says(Some(GatewayId(2)), "MK:0012"), Reason::CarrierContent);
        assert_eq!(says(Some(GatewayId(1)), "MK:0012"), Reason::CarrierRate, "one gateway's own comes first");
        assert_eq!(
            says(Some(GatewayId(2)), "ID:0013"),
            Reason::NumberPorted,
            "the built-in tables say the rest"
        );
        let plain = CodeBook::default();
        assert_eq!(plain.reason(None, CarrierCode::new(b"MK:0012")), Reason::UnknownNumber);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(CodeScope::from_word("cmp"), None);
        for bad in ["", "*", "a b", "XA:0200-0100", "a-code-that-is-far-too-long"] {
            assert_eq!(CodePattern::from_text(bad), None, "{bad}");
        }
        let twice = vec![entry("", "A:1", Reason::Unreachable), entry("", "a:1", Reason::HandsetFault)];
        assert_eq!(CodeBook::new(twice), Err((1, CodeTrouble::Twice)));
        let ours = entry("", "A:1", Reason::Capped);
        assert_eq!(ours.checked(), Err(CodeTrouble::Reason));
    }

    proptest! {
        #[test]
        fn any_pattern_is_read_or_refused_and_any_code_is_answered(text in ".{0,24}", code in "[ -~]{0,16}") {
            let pattern = CodePattern::from_text(&text);
            let entries = pattern.map(|pattern| CodeEntry {
                scope: CodeScope::All, pattern, reason: Reason::Unreachable, said: None, advice: None,
            });
            let book = CodeBook::new(entries.into_iter().collect()).unwrap();
            let reason = book.reason(None, CarrierCode::new(code.as_bytes()));
            prop_assert!(Reason::ALL.contains(&reason));
        }
    }
}
