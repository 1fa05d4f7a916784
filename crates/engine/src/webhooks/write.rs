//! What a call says: one event as JSON, or what Alibaba Cloud pushes.

use std::sync::Arc;
use std::time::Duration;

use domain::currency::Currency;
use domain::events::{Event, EventKind, EventSubject};
use domain::ids::{InboundId, MessageId};
use domain::ledger::{LedgerError, MessageRecord};
use domain::message::Reason;
use domain::time::Timestamp;
use domain::webhooks::{Call, Webhook, WebhookFormat};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::sign::Signer;
use crate::Engine;

/// How long one call may take, with everything.
pub(super) const CALL_WITHIN: Duration = Duration::from_secs(15);

/// The event as a receiver reads it: as `GET /v1/events` has it, with what it is about in `data`.
pub(super) fn document(event: &Event, zone: &TimeZone) -> Value {
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| {
        data.insert(name.to_owned(), value);
    };
    match event.subject {
        EventSubject::Message(id) => put("message", id.to_string().into()),
        EventSubject::Inbound(id) => put("inbound", id.to_string().into()),
        EventSubject::Campaign(id) => put("campaign", id.to_string().into()),
        EventSubject::Account(id) => put("account", id.to_string().into()),
        EventSubject::Channel(id) => put("channel", id.to_string().into()),
        EventSubject::Webhook(id) => put("webhook", id.to_string().into()),
    }
    if let Some(campaign) = event.campaign {
        put("campaign", campaign.to_string().into());
    }
    if let Some(channel) = event.channel {
        put("channel", channel.to_string().into());
    }
    if event.reason != Reason::None {
        put("reason", event.reason.word().into());
    }
    if !event.code.as_str().is_empty() {
        put("code", event.code.as_str().into());
    }
    if matches!(event.subject, EventSubject::Message(_)) {
        put("attempts", event.attempts.into());
    }
    if let Some(amount) = event.amount {
        put("amount", json!({"currency": Currency::installed().code(), "micros": amount.micros()}));
    }
    json!({"type": event.kind.word(), "timestamp": event.at.rfc3339(zone), "data": data})
}

impl Engine {
    /// The call that tells a webhook of an event; none when its format has no words for it.
    pub(super) async fn write_call(
        &self,
        webhook: &Webhook,
        (url, signer): (&Arc<str>, &Signer),
        event: &Event,
        now: Timestamp,
    ) -> Result<Option<Call>, LedgerError> {
        let body = match webhook.format {
            WebhookFormat::Aliyun => match self.aliyun(webhook, event).await? {
                Some(body) => body,
                None => return Ok(None),
            },
            WebhookFormat::Standard | WebhookFormat::Callbacks => document(event, &self.settings.zone),
        };
        let body = body.to_string().into_bytes();
        let (id, seconds) = (event.id().to_string(), now.millis().div_euclid(1_000));
        let signature = signer.sign(&id, seconds, &body);
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", "Hongyan-Webhooks/1".to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
            ("webhook-id", id),
        ];
        Ok(Some(Call { url: Arc::clone(url), headers, body, within: CALL_WITHIN }))
    }

    /// An array of one receipt, or of one message from a phone. Both hold the phone: that is what this format is for.
    async fn aliyun(&self, webhook: &Webhook, event: &Event) -> Result<Option<Value>, LedgerError> {
        match event.subject {
            EventSubject::Message(id) if is_end(event.kind) => {
                let record = self.ledger.message(webhook.account, id).await?;
                Ok(record.map(|record| receipt(event, &record, &self.settings.zone)))
            }
            EventSubject::Inbound(id) if event.kind == EventKind::Inbound => {
                let behind = InboundId::from_raw(id.raw() + 1);
                let found = self.ledger.inbounds(webhook.account, Some(behind), 1).await?;
                let record = found.into_iter().next().filter(|record| record.id == id);
                Ok(record.map(|record| {
                    json!([{
                        "phone_number": record.from.national_cn().unwrap_or_else(|| record.from.digits()).to_string(),
                        "send_time": local(record.received_at, &self.settings.zone),
                        "content": record.text,
                        "dest_code": record.to,
                        "sequence_id": record.id.raw(),
                    }])
                }))
            }
            _ => Ok(None),
        }
    }
}

fn is_end(kind: EventKind) -> bool {
    use EventKind as K;
    matches!(kind, K::Delivered | K::Undelivered | K::Failed | K::Rejected | K::Expired)
}

fn receipt(event: &Event, record: &MessageRecord, zone: &TimeZone) -> Value {
    let arrived = event.kind == EventKind::Delivered;
    let code = match (arrived, event.code.as_str()) {
        (true, _) => "DELIVERED",
        (false, "") => event.reason.word(),
        (false, code) => code,
    };
    json!([{
        "phone_number": record.phone.national_cn().unwrap_or_else(|| record.phone.digits()).to_string(),
        "send_time": local(record.id.made_at(), zone),
        "report_time": local(event.at, zone),
        "success": arrived,
        "err_code": code,
        "err_msg": if arrived { "用户接收成功" } else { event.reason.explain().0 },
        "sms_size": record.parts.to_string(),
        "biz_id": biz_id(record.id),
        "out_id": "",
    }])
}

/// A message's number as that interface gave it out.
fn biz_id(id: MessageId) -> String {
    format!("{}^0", id.raw())
}

/// As that interface writes a time.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(at.to_jiff()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
