//! `hongyan send` and `hongyan message …`.

use std::collections::BTreeMap;

use api::json::{Category, Message, MessageSend, MessagesAccepted, MessagesSend};
use clap::{Args, Subcommand};

use super::Connection;
use crate::exit::Failure;
use crate::show::json;

/// 发送一条短信 / send one message
#[derive(Args, Debug)]
pub(crate) struct SendArgs {
    /// 手机号 / phone
    #[arg(long)]
    to: String,
    /// 正文，不含签名 / the text, without signature
    #[arg(long)]
    text: String,
    /// 签名 / signature
    #[arg(long)]
    signature: Option<String>,
    /// 类别：otp、notice、marketing / category
    #[arg(long, default_value = "notice")]
    category: String,
    /// 幂等键：重复执行不会重复发送 / idempotency key: repeating the command sends nothing twice
    #[arg(long)]
    idempotency_key: Option<String>,
}

/// 短信 / messages
#[derive(Subcommand, Debug)]
pub(crate) enum MessageCommand {
    /// 一条短信的全部经过 / what happened to a message
    Show {
        /// 编号 msg_… / id
        id: String,
        /// 显示完整号码 / show the whole phone
        #[arg(long)]
        reveal: bool,
    },
    /// 撤销一条还在排队的短信 / cancel a message that still waits
    Cancel {
        /// 编号 msg_… / id
        id: String,
    },
    /// 抹去一条已结束短信的正文 / forget the text of a message that has ended
    Redact {
        /// 编号 msg_… / id
        id: String,
    },
}

pub(super) async fn send(connection: &Connection, args: SendArgs) -> Result<(), Failure> {
    let category = domain::message::Category::from_word(&args.category)
        .map(Category::from)
        .ok_or_else(|| Failure::Input("--category: otp, notice, marketing".to_owned()))?;
    let message = MessageSend {
        phone: args.to,
        text: Some(args.text),
        template: None,
        values: BTreeMap::new(),
        signature: args.signature,
        category: Some(category),
        priority: None,
        send_at: None,
        valid_for_seconds: None,
    };
    let body = MessagesSend { messages: vec![message], route: None };
    let accepted: MessagesAccepted = match &args.idempotency_key {
        Some(key) => connection.post_once("/v1/messages", key, &body).await?,
        None => connection.post("/v1/messages", &body).await?,
    };
    if connection.json {
        json(&accepted)?;
    }
    let result = accepted.results.into_iter().next();
    match result.map(|result| (result.id, result.refused)) {
        Some((_, Some(refused))) => {
            Err(Failure::Refused(format!("{} ({}, {})", refused.detail, refused.reason, refused.pointer)))
        }
        Some((Some(id), None)) => {
            if !connection.json {
                println!("{id}");
            }
            Ok(())
        }
        _ => Err(Failure::Other(anyhow::anyhow!("the answer names no message"))),
    }
}

pub(super) async fn show(connection: &Connection, command: MessageCommand) -> Result<(), Failure> {
    let message: Message = match command {
        MessageCommand::Show { id, reveal } => {
            connection.get(&format!("/v1/messages/{id}?reveal={reveal}")).await?
        }
        MessageCommand::Cancel { id } => {
            connection.post(&format!("/v1/messages/{id}/cancel"), &serde_json::json!({})).await?
        }
        MessageCommand::Redact { id } => {
            connection.post(&format!("/v1/messages/{id}/redact"), &serde_json::json!({})).await?
        }
    };
    if connection.json {
        return Ok(json(&message)?);
    }
    let show = connection.show;
    show.head(&message.id, &message.id);
    show.line(&format!("  {}  {}", message.phone, domain::message::MessageState::from(message.state)));
    match &message.redacted_at {
        Some(since) => {
            show.line(&format!("  ({} {})", show.of("正文已抹去于", "text forgotten since"), since.0));
        }
        None => show.line(&format!("  {}", message.text)),
    }
    if !message.explanation.is_empty() {
        show.line(&format!("  {} {}", message.explanation, message.code));
    }
    show.head("经过", "Trail");
    for entry in &message.trail {
        let event = domain::ledger::TrailEvent::from(entry.event);
        let reason = domain::message::Reason::from(entry.reason);
        let why = if reason == domain::message::Reason::None {
            String::new()
        } else {
            let (zh, en) = reason.explain();
            show.of(zh, en).to_owned()
        };
        let channel = entry.channel.clone().unwrap_or_default();
        let rule = entry.rule.clone().unwrap_or_default();
        show.line(&format!("  {}  {event:<12} {channel:<8} {why} {rule}", entry.at.0));
    }
    Ok(())
}
