//! A code in words: which box said it, what it means, what to do; and the whole catalogue as lines.

use super::book::{CodeBook, CodePattern, CodeScope, built_in};
use super::providers;
use super::{Source, WORDS, sources, submit_result_reason};
use crate::channel::CarrierCode;
use crate::ids::GatewayId;
use crate::message::Reason;
use text::Bilingual;

/// What is to be said of a code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeMeaning {
    /// As it was looked up: with the protocol in front, where bare numbers mean other things elsewhere.
    pub code: String,
    pub reason: Reason,
    /// Which box on the way said it.
    pub said_by: Option<Bilingual>,
    pub meaning: Bilingual,
    pub advice: Bilingual,
    /// The operator's own line decides, not the built-in tables.
    pub own: bool,
}

/// A line of the catalogue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeLine {
    /// `MK:0001`, or `MK:0004-0005` for a stretch.
    pub code: String,
    /// The scope of an operator's own line; empty is all.
    pub scope: String,
    pub reason: Reason,
    pub own: bool,
    pub meaning: Bilingual,
    pub advice: Bilingual,
}

/// Which box wrote a code, by its beginning (CMPP gateways and providers).
const BOXES: &[(&[&str], &str, &str)] = &[
    (
        &["MK", "MI", "MJ", "ML", "MM", "MN", "MH"],
        "短信网关转述的短信中心原因",
        "the destination's message centre, told by the gateway",
    ),
    (&["MA"], "目的短信中心无应答", "no answer from the destination's message centre"),
    (&["MB"], "目的短信中心", "the destination's message centre"),
    (&["MC"], "目的短信中心未回状态", "the destination's message centre took it and never reported"),
    (&["CA", "CB"], "预付费系统", "the prepaid system"),
    (&["DA", "DB"], "业务管理平台（DSMP、MISC）", "the service-management platform (DSMP, MISC)"),
    (&["IA", "IB", "IC"], "下一跳网关", "the next gateway on the way"),
    (&["ID"], "本网关自身", "the gateway itself"),
    (&["NP"], "携号转网查询", "the look-up of ported numbers"),
    (&["SA", "SB"], "我方到网关的一侧", "our own side, towards the gateway"),
    (&["SGIP"], "联通状态报告", "a report of China Unicom"),
    (&["SGIPERR"], "联通提交应答", "an answer of China Unicom's gateway"),
    (&["SMGPERR"], "电信提交应答", "an answer of China Telecom's gateway"),
    (&["SMPPERR"], "SMPP 提交应答", "an answer over SMPP"),
    (&["TWI"], "Twilio", "Twilio"),
];

impl CodeBook {
    /// Everything that is to be said of a code, whether it is known or not.
    #[must_use]
    pub fn explain(&self, gateway: Option<GatewayId>, protocol: Option<&str>, code: &str) -> CodeMeaning {
        let protocol = protocol.or_else(|| gateway.and_then(|gateway| self.protocol_of(gateway)));
        let code = qualified(protocol, code);
        let entry = self.entry(gateway, protocol, &code);
        let reason = entry.map_or_else(|| built_in(&code), |entry| entry.reason);
        let provided = providers::advice(&code);
        let said = |words: &Option<Bilingual>| words.clone();
        CodeMeaning {
            said_by: said_by(&code),
            meaning: entry.and_then(|entry| said(&entry.said)).unwrap_or_else(|| meaning(reason)),
            advice: entry
                .and_then(|entry| said(&entry.advice))
                .or_else(|| provided.filter(|_| entry.is_none()).map(|(_, advice)| advice))
                .unwrap_or_else(|| advise(reason)),
            own: entry.is_some(),
            code,
            reason,
        }
    }

    /// The whole catalogue: the operator's own lines in the order of the file, then the built-in tables.
    #[must_use]
    pub fn lines(&self) -> Vec<CodeLine> {
        let own = self.entries().iter().map(|entry| CodeLine {
            code: match &entry.pattern {
                CodePattern::Exact(code) => code.clone(),
                CodePattern::Numbers(beginning, from, to) => format!("{beginning}{from:04}-{to:04}"),
                CodePattern::Beginning(beginning) => format!("{beginning}*"),
            },
            scope: match entry.scope {
                CodeScope::All => String::new(),
                CodeScope::Protocol(protocol) => protocol.to_owned(),
                CodeScope::Gateway(gateway) => gateway.to_string(),
            },
            reason: entry.reason,
            own: true,
            meaning: entry.said.clone().unwrap_or_else(|| meaning(entry.reason)),
            advice: entry.advice.clone().unwrap_or_else(|| advise(entry.reason)),
        });
        own.chain(catalogue()).collect()
    }
}

/// The built-in tables.
pub fn catalogue() -> impl Iterator<Item = CodeLine> {
    let line = |code: String, reason| CodeLine {
        code,
        scope: String::new(),
        reason,
        own: false,
        meaning: meaning(reason),
        advice: advise(reason),
    };
    let words =
        WORDS.iter().chain(providers::WORDS).map(move |(word, reason)| line((*word).to_owned(), *reason));
    let results = (0..=13).map(move |result| line(result.to_string(), submit_result_reason(result)));
    let of_source = move |source: &'static Source| {
        source.prefixes.iter().flat_map(move |prefix| {
            let codes = source.codes.iter().map(move |(from, to, reason)| {
                let code = if from == to {
                    format!("{prefix}:{from:04}")
                } else {
                    format!("{prefix}:{from:04}-{to:04}")
                };
                line(code, *reason)
            });
            codes.chain([line(format!("{prefix}:*"), source.otherwise)])
        })
    };
    let provided = providers::lines()
        .map(move |(short, reason, advice)| CodeLine { advice, ..line(short.to_owned(), reason) });
    words.chain(results).chain(sources().flat_map(of_source)).chain(provided)
}

/// A code as it is kept with a message: bare numbers of protocols other than CMPP get their protocol in front.
#[must_use]
pub fn qualified(protocol: Option<&str>, code: &str) -> String {
    let code = code.trim();
    let bare = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    match protocol {
        Some("sgip") if bare => format!("SGIP:{code}"),
        Some("smgp") if bare => format!("UNDELIV:{code}"),
        Some("smpp") if bare => format!("SMPPERR:{code}"),
        Some("twilio") if bare => format!("TWI:{code}"),
        Some("aliyun") => super::shortened(Some(super::Provider::Aliyun), code).as_str().to_owned(),
        Some("tencent") => super::shortened(Some(super::Provider::Tencent), code).as_str().to_owned(),
        _ => code.chars().take(4 * CarrierCode::MOST).collect(),
    }
}

fn said_by(code: &str) -> Option<Bilingual> {
    let letters = code.bytes().take_while(u8::is_ascii_alphabetic).count();
    let prefix = code.get(..letters)?.to_ascii_uppercase();
    let (_, zh, en) = BOXES.iter().find(|(prefixes, ..)| prefixes.contains(&prefix.as_str()))?;
    Some(Bilingual { zh: (*zh).into(), en: (*en).into() })
}

fn meaning(reason: Reason) -> Bilingual {
    let (zh, en) = match reason {
        Reason::None => ("成功", "success"),
        other => other.explain(),
    };
    Bilingual { zh: zh.into(), en: en.into() }
}

/// What to do about a carrier's reason.
#[must_use]
pub fn advise(reason: Reason) -> Bilingual {
    let (zh, en) = match reason {
        Reason::None => ("无需处理", "nothing to do"),
        Reason::UnknownNumber => (
            "核对号码；多次出现会自动停发",
            "check the number; after several days of this it is left out by itself",
        ),
        Reason::NumberSuspended => {
            ("机主停机或欠费，恢复后可再发", "the line is suspended; it can be sent to again when it is back")
        }
        Reason::Unreachable => ("关机或无信号，可稍后重发", "off or out of coverage: send again later"),
        Reason::HandsetFault => ("请机主清理短信收件箱", "ask the person to make room on the phone"),
        Reason::NotSubscribed => {
            ("用户未开通或拒收此类短信，不要重发", "the person takes no such messages: do not repeat")
        }
        Reason::CarrierBlacklist => (
            "在运营商黑名单中：不要重发，误列请联系通道方",
            "on the carrier's black list: do not repeat; ask the channel's provider if it is a mistake",
        ),
        Reason::CarrierContent => {
            ("修改内容后再发，或请通道方报备", "change the text, or have it filed by the channel's provider")
        }
        Reason::CarrierSignature => ("请先报备签名", "file the signature first"),
        Reason::CarrierRate => ("降低速度或频次", "send more slowly, or less often to this number"),
        Reason::CarrierAccount => {
            ("核对通道账号、余额和参数", "check the channel's account, balance and parameters")
        }
        Reason::CarrierSystem => (
            "运营商系统问题，平台会换通道重试",
            "a fault between systems; another channel is tried by itself",
        ),
        Reason::NumberPorted => {
            ("号码已转网，平台会改走其他运营商", "the number has moved; another network is tried by itself")
        }
        Reason::Throttled => ("平台已自动放慢", "it is slowed down by itself"),
        _ => (
            "不在码表中：请向通道方询问，并写入自定义码表",
            "in no table: ask the channel's provider, and add it to your own file of codes",
        ),
    };
    Bilingual { zh: zh.into(), en: en.into() }
}

#[cfg(test)]
mod tests {
    use super::super::book::{CodeEntry, CodePattern};
    use super::*;

    #[test]
    fn codes_are_explained_with_box_meaning_and_advice() {
        let book = CodeBook::default();
        let known = book.explain(None, Some("cmpp"), "MK:0012");
        assert_eq!((known.reason, known.own), (Reason::UnknownNumber, false));
        assert!(known.said_by.is_some_and(|by| by.en.contains("message centre")));
        assert_eq!(book.explain(None, Some("sgip"), "1").code, "SGIP:1");
        assert_eq!(book.explain(None, Some("sgip"), "1").reason, Reason::UnknownNumber);
        assert_eq!(book.explain(None, Some("smgp"), "601").reason, CarrierCode::new(b"UNDELIV:601").reason());
        let unknown = book.explain(None, None, "ZZ:9");
        assert_eq!((unknown.reason, unknown.said_by), (Reason::CarrierUnknown, None));
        assert!(unknown.advice.zh.contains("码表") && unknown.advice.en.contains("file of codes"));
        let provider = book.explain(None, Some("aliyun"), "isv.AMOUNT_NOT_ENOUGH");
        assert_eq!(provider.reason, Reason::CarrierAccount);
        assert!(provider.advice.en.contains("top the account up"));
    }

    #[test]
    fn an_own_line_speaks_for_itself() {
        let words = |zh: &str, en: &str| Bilingual { zh: zh.to_owned().into(), en: en.to_owned().into() };
        let entry = CodeEntry {
            scope: CodeScope::All,
            pattern: CodePattern::Exact("ZZ:9".to_owned()),
            reason: Reason::CarrierRate,
            said: Some(words("夜间限速", "slow at night")),
            advice: None,
        };
        let book = CodeBook::new(vec![entry]).unwrap();
        let told = book.explain(None, None, "zz:9");
        assert_eq!(
            (told.reason, told.own, told.meaning.en.as_ref()),
            (Reason::CarrierRate, true, "slow at night")
        );
        assert_eq!(told.advice, advise(Reason::CarrierRate));
        assert_eq!(book.lines().first().map(|line| (line.code.as_str(), line.own)), Some(("ZZ:9", true)));
    }

    #[test]
    fn every_line_of_the_catalogue_is_what_the_tables_say() {
        let lines: Vec<CodeLine> = catalogue().collect();
        assert!(lines.len() > 500, "{}", lines.len());
        for line in &lines {
            assert!(!line.meaning.zh.is_empty() && line.advice.en.is_ascii(), "{}", line.code);
            let single = !line.code.contains(['*', '-']) || line.code.starts_with("HTTP");
            if single {
                assert!(Reason::ALL.contains(&built_in(&line.code)), "{}", line.code);
            }
        }
        let says = |code: &str| lines.iter().find(|line| line.code == code).map(|line| line.reason);
        assert_eq!(says("MK:0001"), None, "it is in a stretch");
        assert_eq!(says("MK:0000-0001"), Some(Reason::UnknownNumber));
        assert_eq!(says("ID:0013"), Some(Reason::NumberPorted));
    }
}
