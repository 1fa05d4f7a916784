//! Messages from phones to us.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Moment;

/// A message from a phone (上行).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "inb_0d4x0k1g00000", "from": "+86138****8000", "to": "1069012345", "text": "TD", "channel": "chn_1",
    "answers": "msg_0d4x0k1g00000", "campaign": "cmp_0d4x0k1g00000", "opted_out": true,
    "received_at": "2026-11-25T10:00:00.000+08:00"
}))]
pub struct Inbound {
    pub id: String,
    /// Masked unless asked for with `reveal=true`.
    pub from: String,
    /// The number that the phone wrote to.
    pub to: String,
    pub text: String,
    pub channel: String,
    /// The message that it probably answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// Whether it was understood as a refusal.
    pub opted_out: bool,
    pub received_at: Moment,
}
