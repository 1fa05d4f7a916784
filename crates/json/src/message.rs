//! Messages: sending them, and what became of each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Carrier, Category, Encoding, MessageState, Moment, Money, Priority, Reason, TrailEvent};

/// A message to be sent: a text as it is, or a stored template with values.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "phone": "138 0013 8000", "category": "otp", "signature": "鸿雁", "text": "您的验证码是 246810，5 分钟内有效。"
}))]
pub struct MessageSend {
    /// As people write it.
    pub phone: String,
    /// The text itself, without signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A stored template, instead of `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Values of the template's variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// With or without 【】; may be left out when the text begins with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The template's, or `notice`, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Who is sent first; the category's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Not before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Moment>,
    /// How long it is of use, in seconds; 300 for an `otp`, a day otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_for_seconds: Option<u32>,
}

/// Up to 1,000 messages.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"messages": [{
    "phone": "138 0013 8000", "category": "otp", "signature": "鸿雁", "text": "您的验证码是 246810，5 分钟内有效。"
}]}))]
pub struct MessagesSend {
    pub messages: Vec<MessageSend>,
    /// The way out; the first route when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// Why one message of a batch was not accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SendRefusal {
    /// A stable word.
    pub reason: String,
    /// For a person, in the language asked for.
    pub detail: String,
    /// JSON pointer to the field.
    pub pointer: String,
}

/// What became of one message of a batch: an id, or a refusal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct MessageResult {
    /// Accepted and durable under this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Messages that it is cut into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u8>,
    /// What the account pays for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<SendRefusal>,
}

/// What became of the messages, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"accepted": 1, "results": [{
    "id": "msg_0d4x0k1g00000", "parts": 1, "price": {"micros": 45000, "currency": "CNY"}}]}))]
pub struct MessagesAccepted {
    pub accepted: usize,
    pub results: Vec<MessageResult>,
}

/// One step of a message's life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TrailEntry {
    pub at: Moment,
    pub event: TrailEvent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    pub reason: Reason,
    /// The rule that decided, such as `CN-R09`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// A message and what became of it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "msg_0d4x0k1g00000", "category": "otp", "state": "delivered", "reason": "none", "attempts": 1,
    "phone": "+86138****8000", "text": "【鸿雁】您的验证码是 246810，5 分钟内有效。", "encoding": "ucs2", "parts": 1,
    "price": {"micros": 45000, "currency": "CNY"}, "carrier": "mobile", "channel": "chn_1", "test": false,
    "possible_duplicate": false, "accepted_at": "2026-11-25T10:00:00.000+08:00",
    "valid_until": "2026-11-25T10:05:00.000+08:00",
    "trail": [{"at": "2026-11-25T10:00:00.000+08:00", "event": "accepted", "reason": "none"}]
}))]
pub struct Message {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    pub category: Category,
    pub state: MessageState,
    /// Why it is in this state.
    pub reason: Reason,
    /// The reason for a person, in the language asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub explanation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The carrier's last code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    pub attempts: u8,
    /// Masked unless asked for with `reveal=true`.
    pub phone: String,
    /// Empty once it is forgotten.
    pub text: String,
    /// Since when the text is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted_at: Option<Moment>,
    pub encoding: Encoding,
    pub parts: u8,
    pub price: Money,
    pub carrier: Carrier,
    /// Where the phone's range was sold; left out when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub province: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// A test number: exempt from caps, not from opt-out.
    pub test: bool,
    /// An earlier attempt may have reached the carrier too.
    pub possible_duplicate: bool,
    pub accepted_at: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Moment>,
    pub valid_until: Moment,
    /// Oldest first. Listings leave it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trail: Vec<TrailEntry>,
}
