//! What happened.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Moment, Money, Reason};

/// One thing that happened. It holds no phone and no text: these are to be read by its message or inbound message.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "evn_0300000000000004d200000000000004d201", "type": "message.undelivered", "at": "2026-11-25T10:00:00.000+08:00", "message": "msg_0d4x0k1g00000",
    "campaign": "cmp_0d4x0k1g00000", "channel": "chn_1", "reason": "unreachable", "code": "MK:0012", "attempts": 1
}))]
pub struct Event {
    /// The same wherever and how often it is told: a webhook has it in `webhook-id`.
    pub id: String,
    /// `message.` and the state that the message is in now, `inbound.received`, `inbound.opted_out`, or what happened to a
    /// campaign, a balance, a channel or a webhook. More may come.
    pub r#type: String,
    pub at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The message from a phone. A refusal may be of a message that another account received: then it is not shown to you.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound: Option<String>,
    /// Of what is about a webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// Of what is about a balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The carrier's last code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the balance is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Tries so far.
    pub attempts: u8,
}

/// Events, and where to go on.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "events": [{
        "id": "evn_0200000000000004d200000000000004d201", "type": "message.delivered", "at": "2026-11-25T10:00:00.000+08:00", "message": "msg_0d4x0k1g00000",
        "channel": "chn_1", "code": "DELIVRD", "attempts": 1
    }],
    "next": "evt_05000700"
}))]
pub struct Events {
    pub events: Vec<Event>,
    /// The `cursor` of the next question. It holds its place also when nothing happened.
    pub next: String,
}

/// Whether events of the account are recorded.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on": true}))]
pub struct EventRecording {
    pub on: bool,
}

/// One event of the stream, as a reader of `text/event-stream` gives it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "evt_05000700", "data": "{\"events\":[],\"next\":\"evt_05000700\"}"}))]
pub struct Streamed {
    /// Where to go on: for `Last-Event-ID`.
    pub id: String,
    /// An object as `GET /v1/events` answers.
    pub data: String,
}
