//! `hongyan webhook`: addresses that are called with what happens.

use api::json::{
    Moment, Page, Webhook, WebhookCreate, WebhookDelivery, WebhookEdit, WebhookGranted, WebhookReplay,
    WebhookRotate, Webhooks,
};
use clap::Subcommand;

use super::Connection;
use crate::exit::Failure;
use crate::show::json;

/// 回调 / webhooks
#[derive(Subcommand, Debug)]
pub(crate) enum WebhookCommand {
    /// 新建回调；密钥只显示一次 / add one; its secret is shown once
    Create {
        /// 地址 / the address that is called
        url: String,
        /// 名称 / name
        #[arg(long, default_value = "")]
        name: String,
        /// 事件类型，如 message.delivered，可多次；省略则全部 / an event type; may be repeated; all when left out
        #[arg(long = "type")]
        types: Vec<String>,
        /// standard 或 aliyun / what a call looks like
        #[arg(long, default_value = "standard")]
        format: String,
        /// hmac 或 ed25519 / how calls are signed
        #[arg(long, default_value = "hmac")]
        signing: String,
    },
    /// 回调列表 / list them
    List,
    /// 回调详情与状态 / show one, and how it does
    Show {
        /// 编号 whk_… / id
        id: String,
    },
    /// 启用：等待中的事件立即重试 / switch one on: what waits is tried at once
    Enable {
        /// 编号 whk_… / id
        id: String,
    },
    /// 停用 / switch one off
    Disable {
        /// 编号 whk_… / id
        id: String,
    },
    /// 更换密钥，旧密钥 24 小时内仍签名 / a new secret; the old one signs for 24 hours still
    Rotate {
        /// 编号 whk_… / id
        id: String,
    },
    /// 测试一次 / call it once
    Test {
        /// 编号 whk_… / id
        id: String,
    },
    /// 重放一个事件，或某时刻以来的全部 / tell one event again, or everything since a moment
    Replay {
        /// 编号 whk_… / id
        id: String,
        /// 事件 evn_… / the event
        #[arg(long, required_unless_present = "since", conflicts_with = "since")]
        event: Option<String>,
        /// 起始时刻，RFC 3339 / since when
        #[arg(long)]
        since: Option<String>,
    },
    /// 最近的调用及应答 / the last calls and what was answered
    Deliveries {
        /// 编号 whk_… / id
        id: String,
        /// 条数 / how many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
}

pub(super) async fn run(connection: &Connection, command: WebhookCommand) -> Result<(), Failure> {
    let place = |id: &str, more: &str| format!("/v1/webhooks/{id}{more}");
    match command {
        WebhookCommand::Create { url, name, types, format, signing } => {
            let body = WebhookCreate { name, url, types, format, signing };
            granted(connection, &connection.post("/v1/webhooks", &body).await?)
        }
        WebhookCommand::Rotate { id } => {
            let body = WebhookRotate::default();
            granted(connection, &connection.post(&place(&id, "/rotate"), &body).await?)
        }
        WebhookCommand::List => {
            let all: Webhooks = connection.get("/v1/webhooks").await?;
            if connection.json {
                return Ok(json(&all)?);
            }
            all.webhooks.iter().for_each(|webhook| tell(connection, webhook));
            Ok(())
        }
        WebhookCommand::Show { id } => show(connection, &connection.get(&place(&id, "")).await?),
        WebhookCommand::Enable { id } => {
            let edit = WebhookEdit { enabled: Some(true), ..WebhookEdit::default() };
            show(connection, &connection.patch(&place(&id, ""), &edit).await?)
        }
        WebhookCommand::Disable { id } => {
            let edit = WebhookEdit { enabled: Some(false), ..WebhookEdit::default() };
            show(connection, &connection.patch(&place(&id, ""), &edit).await?)
        }
        WebhookCommand::Test { id } => {
            let made: WebhookDelivery = connection.act(&place(&id, "/test")).await?;
            if connection.json {
                return Ok(json(&made)?);
            }
            line(connection, &made);
            Ok(())
        }
        WebhookCommand::Replay { id, event, since } => {
            let body = WebhookReplay { event, since: since.map(Moment) };
            connection.post_silent(&place(&id, "/replay"), &body).await?;
            connection.show.say("已安排重放", "it is told again");
            Ok(())
        }
        WebhookCommand::Deliveries { id, limit } => {
            let path = place(&id, &format!("/deliveries?limit={limit}"));
            let page: Page<WebhookDelivery> = connection.get(&path).await?;
            if connection.json {
                return Ok(json(&page)?);
            }
            page.items.iter().take(limit as usize).for_each(|made| line(connection, made));
            Ok(())
        }
    }
}

fn granted(connection: &Connection, granted: &WebhookGranted) -> Result<(), Failure> {
    if connection.json {
        return Ok(json(granted)?);
    }
    tell(connection, &granted.webhook);
    connection.show.say("密钥只显示这一次：", "The secret is shown this once:");
    connection.show.line(&granted.secret);
    Ok(())
}

fn show(connection: &Connection, webhook: &Webhook) -> Result<(), Failure> {
    if connection.json {
        return Ok(json(webhook)?);
    }
    tell(connection, webhook);
    let show = connection.show;
    if let Some(health) = &webhook.health {
        show.count(1, show.of("等待重试", "waiting to be tried again"), health.waiting.into());
        show.count(1, show.of("连续失败", "failures since the last success"), health.failures.into());
        let moments = [
            (show.of("最近成功", "last success"), &health.taken_at),
            (show.of("开始失败", "failing since"), &health.failing_since),
            (show.of("下次尝试", "next try"), &health.held_until),
            (show.of("曾丢弃过期事件", "events were dropped"), &health.lagged_at),
        ];
        for (label, at) in moments {
            if let Some(at) = at {
                show.row(1, label, &at.0, "");
            }
        }
    }
    Ok(())
}

fn tell(connection: &Connection, webhook: &Webhook) {
    let show = connection.show;
    let off = match webhook.disabled_why.as_deref() {
        None => "",
        Some("by_hand") => show.of("已停用", "switched off"),
        Some("gone") => show.of("对方答复 410，已停用", "disabled: it answered 410"),
        Some(_) => show.of("连续失败 5 天，已停用", "disabled after five days of failures"),
    };
    show.row(0, &webhook.id, &webhook.url, &format!("{} {off}", webhook.types.join(" ")));
}

fn line(connection: &Connection, made: &WebhookDelivery) {
    let answer = match (&made.status, &made.fault) {
        (Some(status), _) => status.to_string(),
        (None, fault) => fault.clone().unwrap_or_default(),
    };
    let remark = format!("{answer}  {} ms  {}  {}", made.millis, made.at.0, made.event.id);
    connection.show.row(0, &made.event.r#type, &format!("#{}", made.tries), &remark);
}
