//! Webhooks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Event, Moment};

/// How a webhook does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"waiting": 0, "failures": 0, "taken_at": "2026-11-25T10:00:00.000+08:00"}))]
pub struct WebhookHealth {
    /// Events that wait to be tried again.
    pub waiting: u32,
    /// Calls that failed since the last one that did not.
    pub failures: u32,
    /// When something was taken last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Moment>,
    /// Since when every call has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Moment>,
    /// While it is taken for down: when it is called next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Moment>,
    /// When events were dropped last because it was too far behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lagged_at: Option<Moment>,
}

/// An address that is called with what happens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "whk_0d4x0k1g00000", "name": "CRM", "url": "https://example.com/hooks", "types": ["message.delivered"],
    "format": "standard", "signing": "hmac", "enabled": true, "created_at": "2026-11-25T10:00:00.000+08:00"
}))]
pub struct Webhook {
    pub id: String,
    pub name: String,
    pub url: String,
    /// What it is told; empty: everything.
    pub types: Vec<String>,
    /// `standard`, or `aliyun` for what Alibaba Cloud pushes.
    pub format: String,
    /// `hmac` (`v1`) or `ed25519` (`v1a`).
    pub signing: String,
    /// What to check `v1a` with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    pub enabled: bool,
    /// `by_hand`, `failing` (for days) or `gone` (it answered 410).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Moment>,
    pub created_at: Moment,
    /// Where one is shown alone; not part of its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<WebhookHealth>,
}

/// All webhooks of the account, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"webhooks": []}))]
pub struct Webhooks {
    pub webhooks: Vec<Webhook>,
}

/// A webhook to be added.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "CRM", "url": "https://example.com/hooks", "types": ["message.delivered"]}))]
pub struct WebhookCreate {
    #[serde(default)]
    pub name: String,
    pub url: String,
    /// As in `GET /v1/events`; empty: everything.
    #[serde(default)]
    pub types: Vec<String>,
    #[serde(default = "standard")]
    pub format: String,
    #[serde(default = "hmac")]
    pub signing: String,
}

/// Changes of a webhook; what is left out stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"enabled": true}))]
pub struct WebhookEdit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// `true` forgets failures: what waits is tried at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// A webhook with its secret, which is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "webhook": {
        "id": "whk_0d4x0k1g00000", "name": "CRM", "url": "https://example.com/hooks", "types": [], "format": "standard",
        "signing": "hmac", "enabled": true, "created_at": "2026-11-25T10:00:00.000+08:00"
    },
    "secret": "whsec_…"
}))]
pub struct WebhookGranted {
    pub webhook: Webhook,
    /// `whsec_…`; of Ed25519 the private key is kept here, and this is its public key, `whpk_…`.
    pub secret: String,
}

/// A new secret.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct WebhookRotate {
    /// `hmac` or `ed25519`; left out: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<String>,
}

/// What is told again: one event, or everything since then.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"since": "2026-11-25T10:00:00+08:00"}))]
pub struct WebhookReplay {
    /// `evn_…`, as in `webhook-id` and in the log of calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
}

/// One call that was made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "event": {"id": "evn_…", "type": "message.delivered", "at": "2026-11-25T10:00:00.000+08:00", "attempts": 1},
    "at": "2026-11-25T10:00:00.100+08:00", "tries": 1, "millis": 12, "taken": true, "given_up": false,
    "request": {"webhook-id": "evn_…", "webhook-timestamp": "1795572000"}, "status": 204, "response": {}, "body": ""
}))]
pub struct WebhookDelivery {
    pub event: Event,
    pub at: Moment,
    /// How often it was tried, this time included.
    pub tries: u8,
    /// How long it took.
    pub millis: u32,
    /// The answer was 2xx.
    pub taken: bool,
    /// Nothing more is tried.
    pub given_up: bool,
    /// Headers that were sent, without the signature.
    pub request: BTreeMap<String, String>,
    /// What was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer: `forbidden_address`, `malformed_address`, `not_connected`, `timed_out`, `broken`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Headers of the answer.
    pub response: BTreeMap<String, String>,
    /// The first kilobyte of the answer.
    pub body: String,
}

fn standard() -> String {
    "standard".to_owned()
}

fn hmac() -> String {
    "hmac".to_owned()
}
