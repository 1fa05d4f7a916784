//! `hongyan channel`, and what it shares with `hongyan route`: documents that are written in files as the API has them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use api::json::{Channel, ChannelEvent, Channels, Page};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::money::amount;
use super::{Connection, codes::escaped};
use crate::exit::Failure;
use crate::show::{Show, json};

/// Largest file that is read as a document: as large as the API takes.
const MOST_BYTES: u64 = 1 << 20;

/// 通道 / channels
#[derive(Subcommand, Debug)]
pub(crate) enum ChannelCommand {
    /// 通道列表 / list channels
    List,
    /// 通道的配置与状态 / how a channel is configured, and how it is
    Show {
        /// 编号 chn_1 / id
        id: String,
    },
    /// 新增或修改通道：用文件（show --json 的输出可直接改用），或用选项改一两项 / add or change a channel: from a file (what show --json
    /// printed may be edited), or a setting or two by options
    Set {
        /// 编号 chn_1 / id
        id: String,
        #[command(flatten)]
        change: Change,
    },
    /// 健康记录：何时断开、为何熔断、何时恢复（重启后仍在） / what happened to it, kept over restarts
    History {
        /// 通道 chn_… / the channel
        channel: String,
        /// 最多多少条 / how many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
}

/// What is to be another.
#[derive(Args, Debug)]
pub(crate) struct Change {
    /// JSON 文件；- 为标准输入；新通道须含 secret / a file with JSON, - for standard input; of a new channel with its secret
    file: Option<PathBuf>,
    /// 启用或停用 true、false / whether it is in use
    #[arg(long)]
    enabled: Option<bool>,
    /// 每秒段数；none 为不限 / parts a second, or none
    #[arg(long, value_name = "PARTS")]
    parts_per_second: Option<String>,
    /// 每段成本，如 0.03 / what the operator pays per part
    #[arg(long)]
    cost: Option<String>,
    /// 存放密码的文件，避免出现在命令行 / a file that holds the password, so that it is in no command line
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

pub(super) async fn run(connection: &Connection, command: ChannelCommand) -> Result<(), Failure> {
    match command {
        ChannelCommand::List => {
            let all: Channels = connection.get("/v1/channels").await?;
            if connection.json {
                return Ok(json(&all)?);
            }
            for channel in &all.channels {
                let show = connection.show;
                let live =
                    channel.live.as_ref().map_or(show.of("未运行", "not running"), |live| &live.condition);
                let remark = format!("{} {} {live}", channel.protocol, channel.name);
                show.row(0, &channel.id, &channel.cost.for_people(), &remark);
            }
            Ok(())
        }
        ChannelCommand::Show { id } => {
            let channel: Channel = connection.get(&path_of(&id)).await?;
            tell(connection, &channel)
        }
        ChannelCommand::Set { id, change } => {
            let path = path_of(&id);
            let (mut document, tag) = match &change.file {
                Some(file) => (read_document(connection.show, file)?, None),
                None => {
                    let (known, tag): (Value, _) = connection.get_tagged(&path).await?;
                    (object(connection.show, known)?, tag)
                }
            };
            apply(connection, &mut document, &change)?;
            // What the platform adds when it shows one.
            document.remove("id");
            document.remove("live");
            let channel: Channel = connection.put(&path, tag.as_deref(), &document).await?;
            tell(connection, &channel)
        }
        ChannelCommand::History { channel, limit } => history(connection, &channel, limit).await,
    }
}

async fn history(connection: &Connection, channel: &str, limit: u32) -> Result<(), Failure> {
    let path = format!("/v1/channels/{}/history?limit={limit}", escaped(channel));
    let page: Page<ChannelEvent> = connection.get(&path).await?;
    if connection.json {
        return Ok(json(&page)?);
    }
    let show = connection.show;
    if page.items.is_empty() {
        show.say("还没有记录", "nothing has happened yet");
    }
    for event in &page.items {
        let what = event
            .because
            .as_ref()
            .map_or_else(|| event.turn.clone(), |because| format!("{} {because}", event.turn));
        show.row(0, &event.at.0, &what, &event.explanation);
    }
    Ok(())
}

fn path_of(id: &str) -> String {
    format!("/v1/channels/{}", escaped(id))
}

fn apply(connection: &Connection, document: &mut Map<String, Value>, change: &Change) -> Result<(), Failure> {
    if let Some(enabled) = change.enabled {
        document.insert("enabled".to_owned(), enabled.into());
    }
    match change.parts_per_second.as_deref() {
        None => {}
        Some("none") => {
            document.remove("parts_per_second");
        }
        Some(parts) => {
            let parts: u32 =
                parts.parse().map_err(|_| Failure::Input("--parts-per-second: 100, none".to_owned()))?;
            document.insert("parts_per_second".to_owned(), parts.into());
        }
    }
    if let Some(cost) = &change.cost {
        let cost = api::json::Money::unsaid(amount(connection, cost)?);
        document.insert("cost".to_owned(), serde_json::to_value(cost).map_err(anyhow::Error::from)?);
    }
    if let Some(file) = &change.secret_file {
        let secret = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        document.insert("secret".to_owned(), secret.trim_end_matches(['\r', '\n']).into());
    }
    Ok(())
}

fn tell(connection: &Connection, channel: &Channel) -> Result<(), Failure> {
    if connection.json {
        return Ok(json(channel)?);
    }
    let show = connection.show;
    show.row(0, &channel.id, &channel.protocol, &channel.name);
    show.row(0, show.of("地址", "address"), &format!("{}:{}", channel.host, channel.port), "");
    show.row(0, show.of("登录名", "login"), &channel.login, "");
    show.row(0, show.of("接入号", "access code"), &channel.access_code, "");
    let rate = channel.parts_per_second.map_or(show.of("不限", "none").to_owned(), |rate| rate.to_string());
    show.row(0, show.of("每秒段数", "parts a second"), &rate, "");
    show.row(
        0,
        show.of("连接 × 窗口", "connections × window"),
        &format!("{} × {}", channel.connections, channel.window),
        "",
    );
    show.row(0, show.of("每段成本", "cost of a part"), &channel.cost.for_people(), "");
    let enabled = if channel.enabled { show.of("启用", "in use") } else { show.of("停用", "not in use") };
    show.row(0, show.of("状态", "state"), enabled, channel.live.as_ref().map_or("", |live| &live.condition));
    if let Some(trouble) = channel.live.as_ref().and_then(|live| live.trouble.as_deref()) {
        show.line(&format!("  ✗ {trouble}"));
    }
    Ok(())
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("{}: {error}", file.display()))
}

/// A document as the API takes it, from a file or standard input.
pub(super) fn read_document(show: Show, file: &Path) -> Result<Map<String, Value>, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(MOST_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(MOST_BYTES).read_to_string(&mut text))
    };
    read.map_err(|error| unreadable(file, &error))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let name = file.display();
        let (zh, en) = (
            format!("{name} 第 {line} 行第 {column} 列不是 JSON"),
            format!("{name} is not JSON at line {line}, column {column}"),
        );
        Failure::Input(show.of(&zh, &en).to_owned())
    })?;
    object(show, value)
}

/// The fields of a document.
pub(super) fn object(show: Show, value: Value) -> Result<Map<String, Value>, Failure> {
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(Failure::Input(show.of("应为 JSON 对象", "a JSON object is expected").to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_an_object_and_what_is_none_is_told_with_its_place() {
        let show = Show { chinese: false, quiet: true };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("route.json");
        std::fs::write(&file, "{\"name\": \"main\"}").unwrap();
        assert_eq!(read_document(show, &file).unwrap()["name"], "main");
        for (text, told) in [("[1]", "object"), ("{\n \"a\": }", "line 2")] {
            std::fs::write(&file, text).unwrap();
            let failure = read_document(show, &file).unwrap_err();
            assert!(matches!(&failure, Failure::Input(text) if text.contains(told)), "{failure}");
        }
        let missing = read_document(show, &folder.path().join("none.json"));
        assert!(matches!(missing, Err(Failure::Input(_))));
    }
}
