//! Numbers: ranges, what is known of one, and what leaving dead ones out saved.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Carrier, Moment, Money};

/// The table of number ranges in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "source": "phone.dat 2312", "version": 3, "ranges": 498552, "places": 377, "memory_bytes": 1180000,
    "checksum": "9f86d081884c7d65", "imported_at": "2026-11-25T10:00:00.000+08:00"}))]
pub struct NumberTable {
    /// What the file calls itself; empty before the first import.
    pub source: String,
    /// Raised by every import; 0 before the first.
    pub version: i64,
    pub ranges: usize,
    /// Different pairs of province and city.
    pub places: usize,
    pub memory_bytes: usize,
    /// The beginning of the SHA-256 of what is stored.
    pub checksum: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_at: Option<Moment>,
}

/// What an import of number ranges did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "table": {"source": "phone.dat 2312", "version": 3, "ranges": 498552, "places": 377, "memory_bytes": 1180000,
        "checksum": "9f86d081884c7d65", "imported_at": "2026-11-25T10:00:00.000+08:00"},
    "stored_bytes": 390000, "outside": 975, "differing": 1439}))]
pub struct NumbersImported {
    pub table: NumberTable,
    pub stored_bytes: usize,
    /// Ranges that the numbering plan gives to no person's phone, left out.
    pub outside: u64,
    /// Ranges whose carrier differs from the numbering plan's. In a CSV the file decides, in `phone.dat` the plan.
    pub differing: u64,
}

/// Which phone.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone": "138 0013 8000"}))]
pub struct NumberQuestion {
    /// As people write it.
    pub phone: String,
}

/// A network that said that a number is not its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotOf {
    pub carrier: Carrier,
    pub at: Moment,
}

/// What is known of one phone.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "phone": "+86138****8000", "country": "CN", "kind": "normal", "carrier": "mobile", "heading": "unicom",
    "province": "北京", "city": "北京", "not_of": [{"carrier": "mobile", "at": "2026-11-25T10:00:00.000+08:00"}],
    "called_dead": []}))]
pub struct NumberShown {
    /// Masked.
    pub phone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// `normal`, or `virtual` for a resold range.
    pub kind: String,
    /// By its range.
    pub carrier: Carrier,
    /// Over whose channels a message to it goes now: another one when the number was ported.
    pub heading: Carrier,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub province: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    pub not_of: Vec<NotOf>,
    /// Once for each day on which a carrier called it unknown or suspended, and it has not shown life since.
    pub called_dead: Vec<Moment>,
    /// It counts as dead: notices and marketing are not sent to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_since: Option<Moment>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_until: Option<Moment>,
}

/// Messages that were not sent to dead numbers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Saved {
    pub messages: u64,
    pub parts: u64,
    /// What they would have cost.
    pub saved: Money,
}

/// What one campaign saved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SkippedCampaign {
    /// Left out for what was sent by the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    #[serde(flatten)]
    pub saved: Saved,
}

/// What leaving dead numbers out saved the account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "total": {"messages": 120, "parts": 120, "saved": {"micros": 5400000, "currency": "CNY"}},
    "campaigns": [{"campaign": "cmp_0d4x0k1g00000", "messages": 120, "parts": 120,
        "saved": {"micros": 5400000, "currency": "CNY"}}]}))]
pub struct CleaningReport {
    pub total: Saved,
    /// The newest first.
    pub campaigns: Vec<SkippedCampaign>,
}
