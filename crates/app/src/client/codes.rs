//! `hongyan codes`: what carriers' codes mean.

use std::path::{Path, PathBuf};

use api::json::{CodeMeaning, Codes, UnknownCodes};
use clap::Subcommand;

use super::Connection;
use crate::exit::Failure;
use crate::show::{Show, json};

/// 错误码 / codes
#[derive(Subcommand, Debug)]
pub(crate) enum CodesCommand {
    /// 解释一个错误码 / explain a code
    Explain {
        /// 错误码，如 MK:0012 / the code
        code: String,
        /// 协议：cmpp、sgip、smgp、smpp、aliyun、tencent、twilio、http / protocol
        #[arg(long)]
        protocol: Option<String>,
        /// 网关 gwy_… / gateway
        #[arg(long)]
        gateway: Option<String>,
    },
    /// 全部码表 / the whole catalogue
    List,
    /// 未知错误码及次数 / codes that nobody knows, with how often they came
    Unknown,
    /// 检查自定义码表文件（不需要平台在运行） / check a file of own codes, without a running platform
    Check {
        /// CSV 或 XLSX，表头 scope,code,reason,zh,en,advice_zh,advice_en / the file
        file: PathBuf,
    },
}

pub(super) async fn run(connection: &Connection, command: CodesCommand) -> Result<(), Failure> {
    match command {
        CodesCommand::Explain { code, protocol, gateway } => {
            let mut path = format!("/v1/codes/explain?code={}", escaped(&code));
            for (name, value) in [("protocol", protocol), ("gateway", gateway)] {
                if let Some(value) = value {
                    path.push_str(&format!("&{name}={}", escaped(&value)));
                }
            }
            explain(connection, &path).await
        }
        CodesCommand::List => list(connection).await,
        CodesCommand::Unknown => unknown(connection).await,
        CodesCommand::Check { file } => check(connection.show, &file),
    }
}

/// Reads a file of own codes and says what is in it.
pub(super) fn check(show: Show, path: &Path) -> Result<(), Failure> {
    let bytes =
        std::fs::read(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    let book = engine::codes::read_codes(bytes).map_err(|error| {
        let told = error.explain();
        Failure::Input(format!("{}: {}", path.display(), show.of(&told.zh, &told.en)))
    })?;
    let count = i64::try_from(book.entries().len()).unwrap_or(i64::MAX);
    show.count(0, show.of("码表有效，条数", "the file is good; lines"), count);
    Ok(())
}

async fn explain(connection: &Connection, path: &str) -> Result<(), Failure> {
    let told: CodeMeaning = connection.get(path).await?;
    if connection.json {
        return Ok(json(&told)?);
    }
    let show = connection.show;
    show.row(0, &told.code, domain::message::Reason::from(told.reason).word(), &told.meaning);
    if let Some(said_by) = &told.said_by {
        show.row(0, show.of("出自", "said by"), "", said_by);
    }
    show.row(0, show.of("建议", "advice"), "", &told.advice);
    if told.own {
        show.say("  （自定义码表）", "  (from your own file)");
    }
    Ok(())
}

async fn list(connection: &Connection) -> Result<(), Failure> {
    let codes: Codes = connection.get("/v1/codes").await?;
    if connection.json {
        return Ok(json(&codes)?);
    }
    for line in &codes.codes {
        let code =
            if line.scope.is_empty() { line.code.clone() } else { format!("{} {}", line.scope, line.code) };
        connection.show.row(0, &code, domain::message::Reason::from(line.reason).word(), &line.meaning);
    }
    Ok(())
}

async fn unknown(connection: &Connection) -> Result<(), Failure> {
    let codes: UnknownCodes = connection.get("/v1/codes/unknown").await?;
    if connection.json {
        return Ok(json(&codes)?);
    }
    let show = connection.show;
    if codes.codes.is_empty() {
        show.say("没有未知错误码", "no unknown codes");
    }
    for code in &codes.codes {
        let times = crate::show::grouped(i64::try_from(code.times).unwrap_or(i64::MAX));
        let known = code.known_now.map(|reason| domain::message::Reason::from(reason).word());
        let remark = format!("{}  {}", code.last_at.0, known.unwrap_or(""));
        show.row(0, &format!("{} {}", code.gateway, code.code), &times, remark.trim_end());
    }
    Ok(())
}

/// Percent-encoded, whatever it is.
pub(super) fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
