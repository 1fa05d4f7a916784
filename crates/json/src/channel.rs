//! Channels and prices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Carrier, Category, Moment, Money};

/// The protocol of the examples: the domain knows which there are.
pub(super) fn protocol() -> &'static str {
    domain::control::Protocol::ALL[0].word()
}

/// One way out, as configured. The password is never shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "chn_1", "gateway": "gwy_1", "name": "移动主通道", "protocol": protocol(), "host": "10.0.0.8", "port": 7890,
    "login": "901234", "access_code": "1069012345", "service_id": "SMS", "connections": 4, "window": 16,
    "parts_per_second": 2000, "carriers": ["mobile"], "categories": [], "cost": {"micros": 30000, "currency": "CNY"},
    "enabled": true, "quirks": {},
    "live": {"connections_up": 4, "condition": "up", "submit_percent": 100, "unthrottled_percent": 100,
        "answer_ms": 12, "delivered_percent": 97, "history": [{"seconds_ago": 60, "turn": "connected"}], "free_parts": 60, "claimed": 10, "submitted": 10, "throttled": 0,
        "refused": 0, "uncertain": 0, "receipts": 9, "inbound": 1}
}))]
pub struct Channel {
    pub id: String,
    /// Channels of one gateway share its receipts.
    pub gateway: String,
    pub name: String,
    pub protocol: String,
    pub host: String,
    pub port: u16,
    pub login: String,
    pub access_code: String,
    pub service_id: String,
    pub connections: u16,
    /// Unanswered submits per connection.
    pub window: u16,
    /// Absent: as fast as the window allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts_per_second: Option<u32>,
    /// Empty: all.
    pub carriers: Vec<Carrier>,
    /// Empty: all.
    pub categories: Vec<Category>,
    /// What the operator pays per part.
    pub cost: Money,
    pub enabled: bool,
    /// Where the carrier differs from the usual, by name and value: `receipt_ids` (`decimal_of_hex`,
    /// `hex_of_decimal`), `numbers` (`national`, `international`), `receipts` (`first_part`), `ask_receipts` (`no`),
    /// `headers` (`unflagged`), `binds` (`separate`), `sender_extension` (`no`), `default_alphabet` (`latin1`),
    /// `septets` (`packed`), `system_type`, `corporation`, `node`, `listen`, `source_type`, `throttle_codes`, `long_text`
    /// (SMPP: `sar`, `payload`), and `tls` (SMPP: `yes`) with `tls_name` (the name in the carrier's certificate, else
    /// `host`) and `tls_ca` (certificates in PEM that may have signed it, else the usual authorities).
    pub quirks: BTreeMap<String, String>,
    /// Settings of a channel over a provider, but for `callback_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub provider: Option<domain::control::Provider>,
    /// Absent when the channel is not running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<ChannelLive>,
}

/// What a channel is doing. Counters run since the process started.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChannelLive {
    pub connections_up: u16,
    /// `up`, `recovering` (it has come back, and carries more from second to second), `probing` or `down`.
    pub condition: String,
    /// Why it is down: `disconnected`, `submit_errors` or `undelivered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_because: Option<String>,
    /// When it is tried again, in seconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_for_seconds: Option<u64>,
    /// Of a hundred submits of the last ten seconds, those that the carrier dealt with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submit_percent: Option<u8>,
    /// Of a hundred submits of the last ten seconds, those that were not throttled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unthrottled_percent: Option<u8>,
    /// The mean time of an answer in the last ten seconds, from hand-over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_ms: Option<u64>,
    /// Of a hundred receipts of the last ten minutes, those that say delivered; absent while there are few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_percent: Option<u8>,
    /// What happened to it since it was started, oldest first; at most 32.
    pub history: Vec<ChannelTurn>,
    /// What a person must look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Parts that it could take now.
    pub free_parts: u32,
    /// Messages handed over.
    pub claimed: u64,
    /// Messages that the carrier took.
    pub submitted: u64,
    pub throttled: u64,
    pub refused: u64,
    pub uncertain: u64,
    pub receipts: u64,
    pub inbound: u64,
}

/// A turn in a channel's health.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"seconds_ago": 12, "turn": "down", "because": "submit_errors"}))]
pub struct ChannelTurn {
    pub seconds_ago: u64,
    /// `connected`, `down`, `probing`, `recovering` or `up`.
    pub turn: String,
    /// As `down_because`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Something that happened to a channel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "trn_0d4x0k1g00000", "at": "2026-11-25T10:00:00.000+08:00", "turn": "down",
    "because": "submit_errors", "explanation": "too many submits failed", "node": 0}))]
pub struct ChannelEvent {
    pub id: String,
    pub at: Moment,
    /// `connected`, `down`, `probing`, `recovering` or `up`.
    pub turn: String,
    /// Why it went down: `disconnected`, `submit_errors` or `undelivered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    pub explanation: String,
    /// The number of the node that saw it; 0 where there is one only.
    pub node: u8,
}

/// All channels, in order of id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"channels": [{
    "id": "chn_1", "gateway": "gwy_1", "name": "移动主通道", "protocol": protocol(), "host": "10.0.0.8", "port": 7890,
    "login": "901234", "access_code": "1069012345", "service_id": "SMS", "connections": 4, "window": 16,
    "carriers": ["mobile"], "categories": [], "cost": {"micros": 30000, "currency": "CNY"}, "enabled": true,
    "quirks": {}
}]}))]
pub struct Channels {
    pub channels: Vec<Channel>,
}

/// A channel to be added or replaced.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "gateway": "gwy_1", "name": "移动主通道", "protocol": protocol(), "host": "10.0.0.8", "port": 7890,
    "login": "901234",
    "secret": "…", "access_code": "1069012345", "service_id": "SMS", "connections": 4, "window": 16,
    "carriers": ["mobile"], "cost": {"micros": 30000}, "quirks": {"numbers": "international"}
}))]
pub struct ChannelPut {
    pub gateway: String,
    pub name: String,
    pub protocol: String,
    /// May be left out where a provider has a host that everybody uses.
    #[serde(default)]
    pub host: String,
    /// May be left out with a provider.
    #[serde(default)]
    pub port: u16,
    pub login: String,
    /// Left out: the password stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    pub access_code: String,
    #[serde(default)]
    pub service_id: String,
    #[serde(default = "one")]
    pub connections: u16,
    #[serde(default = "sixteen")]
    pub window: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts_per_second: Option<u32>,
    #[serde(default)]
    pub carriers: Vec<Carrier>,
    #[serde(default)]
    pub categories: Vec<Category>,
    pub cost: Money,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Where the carrier differs from the usual; see the channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quirks: BTreeMap<String, String>,
    /// Settings of a channel over a provider's HTTP interface, by name (docs/channels-http.md): `tls` (`true`), `region`,
    /// `app_id`, `sign`, `templates` (a list of `code`, `text` as approved with places `${name}` or `{1}`, and `sign`),
    /// `callback_token` (16 to 64 letters, digits, `-` and `_`; left out, it stays as it is), `public_url`,
    /// `poll_seconds` and `http` (how a provider is spoken to that is not built in). The provider calls
    /// `/callbacks/{id}/{callback_token}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub provider: Option<domain::control::Provider>,
}

pub(super) fn one() -> u16 {
    1
}

/// The window that the carriers' specifications recommend.
pub(super) fn sixteen() -> u16 {
    16
}

pub(super) fn yes() -> bool {
    true
}

/// What an account pays per part. Of the lines that hold at a time, the most specific wins: first those that name the category,
/// among them those that name a country, then those that name a carrier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// Of numbers outside mainland China, such as `JP` (ISO 3166-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// From then on, in RFC 3339; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// Before then; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    pub per_part: Money,
}

/// All prices of an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"prices": [{"per_part": {"micros": 45000, "currency": "CNY"}},
    {"category": "marketing", "carrier": "mobile", "per_part": {"micros": 48000, "currency": "CNY"}},
    {"country": "JP", "from": "2027-01-01T00:00:00+08:00", "per_part": {"micros": 320000, "currency": "CNY"}}]}))]
pub struct Prices {
    pub prices: Vec<Price>,
}
