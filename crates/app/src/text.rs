//! `hongyan text plan`: how a text travels over a protocol, part by part.

use clap::{Subcommand, ValueEnum};
use domain::text::{ConcatHeader, Narrow, TextPlan, TextRules, Wide, plan, segment};
use serde_json::json;

use crate::exit::Failure;
use crate::show::Show;

/// 短信内容工具 / text tools
#[derive(Subcommand, Debug)]
pub(crate) enum TextCommand {
    /// 编码、条数、每条的字节 / encoding, parts, bytes of each part
    Plan {
        /// 协议 / protocol
        #[arg(long, value_enum, default_value = "cmpp")]
        protocol: Protocol,
        /// 中文用 GBK（能表示时） / use GBK where it can carry the text
        #[arg(long)]
        gbk: bool,
        /// 全部用 UCS-2 / use UCS-2 for everything
        #[arg(long, conflicts_with = "gbk")]
        ucs2: bool,
        /// 16 位的长短信参考号 / concatenation headers with a 16-bit reference
        #[arg(long)]
        wide_reference: bool,
        /// 输出 JSON / print JSON
        #[arg(long)]
        json: bool,
        /// 完整内容，含签名 / the whole text, signature included
        text: String,
    },
}

/// Whose limits apply.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Protocol {
    Cmpp,
    Sgip,
    Smgp,
    Smpp,
}

impl Protocol {
    fn rules(self) -> TextRules {
        match self {
            Self::Cmpp => TextRules::CMPP,
            Self::Sgip => TextRules::SGIP,
            Self::Smgp => TextRules::SMGP,
            Self::Smpp => TextRules::SMPP,
        }
    }
}

/// The reference that the shown headers carry.
const SHOWN_REFERENCE: u16 = 1;

/// Plans one text.
///
/// # Errors
/// [`Failure::Input`] for a text that is empty or too long.
pub(crate) fn run(command: TextCommand, show: Show) -> Result<(), Failure> {
    let TextCommand::Plan { protocol, gbk, ucs2, wide_reference, json, text } = command;
    let mut rules = protocol.rules();
    if ucs2 {
        rules.narrow = Narrow::Off;
    }
    if gbk {
        rules.wide = Wide::Gbk;
    }
    if wide_reference {
        rules.header = ConcatHeader::Sixteen;
    }
    let failed = |error: domain::text::TextError| {
        let why = error.explain();
        Failure::Input(show.of(&why.zh, &why.en).to_owned())
    };
    let planned = plan(&text, &rules).map_err(failed)?;
    let segments = segment(&text, planned.encoding, &rules, SHOWN_REFERENCE).map_err(failed)?;
    let parts: Vec<Vec<u8>> = segments.iter().map(<[u8]>::to_vec).collect();
    if json {
        crate::show::json(&json!({
            "encoding": planned.encoding.as_str(),
            "coding": planned.encoding.code(),
            "length": planned.length,
            "parts": planned.parts,
            "billed_parts": planned.billed_parts,
            "segments": parts.iter().map(|part| json!({ "bytes": part.len(), "hex": hex(part) })).collect::<Vec<_>>(),
        }))?;
    } else {
        tell(&planned, &parts, show);
    }
    Ok(())
}

fn tell(planned: &TextPlan, parts: &[Vec<u8>], show: Show) {
    let coding = format!("{} ({})", planned.encoding, planned.encoding.code());
    show.row(0, show.of("编码", "encoding"), &coding, "");
    show.count(0, show.of("长度", "length"), planned.length.into());
    show.count(0, show.of("条数", "parts"), planned.parts.into());
    show.count(0, show.of("计费条数", "billed parts"), planned.billed_parts.into());
    for (index, part) in parts.iter().enumerate() {
        let (zh, en) = (format!("第 {} 条", index + 1), format!("part {}", index + 1));
        let bytes = format!("{} {}", part.len(), show.of("字节", "bytes"));
        show.row(1, show.of(&zh, &en), &bytes, &hex(part));
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
