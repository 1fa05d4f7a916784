//! What became of a campaign.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CampaignState, Carrier, Moment, Money, Reason, RouteAmount};

/// So many messages, their parts and their price.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Amount {
    pub messages: i64,
    pub parts: i64,
    pub price: Money,
}

/// So many messages, for one reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReasonAmount {
    pub reason: Reason,
    /// The reason for a person, in the language asked for.
    pub explanation: String,
    #[serde(flatten)]
    pub amount: Amount,
}

/// So many messages of one carrier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CarrierAmount {
    pub carrier: Carrier,
    #[serde(flatten)]
    pub amount: Amount,
}

/// Every message counted exactly once by where it is now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Funnel {
    /// Rows of the audience before anything was left out.
    pub audience: i64,
    /// Rows that became no message: invalid or duplicate.
    pub left_out: i64,
    /// Messages in the ledger.
    pub accepted: Amount,
    /// Accepted, less those that policy refused or that were cancelled.
    pub eligible: Amount,
    /// A carrier has them.
    pub submitted: Amount,
    pub delivered: Amount,
    pub undelivered: Amount,
    pub expired: Amount,
    pub failed: Amount,
    /// Undelivered, expired and failed by reason, most first.
    pub failures: Vec<ReasonAmount>,
    pub rejected: Amount,
    /// Rejected by reason, most first.
    pub rejections: Vec<ReasonAmount>,
    pub cancelled: Amount,
    /// No receipt for 72 hours.
    pub unknown: Amount,
    pub uncertain: Amount,
    pub in_flight: Amount,
    pub awaiting_receipt: Amount,
    pub queued: Amount,
    /// What the account pays.
    pub cost: Money,
    pub parts: i64,
    pub opted_out: i64,
}

/// What became of a campaign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!(example()))]
pub struct CampaignReport {
    pub campaign: String,
    pub name: String,
    pub state: CampaignState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Moment>,
    /// The audience, without test numbers.
    pub funnel: Funnel,
    /// The test numbers.
    pub tests: Funnel,
    /// What carriers have (or may have), without test numbers.
    pub by_carrier: Vec<CarrierAmount>,
    /// The same by route, with what arrived.
    #[serde(default)]
    pub by_route: Vec<RouteAmount>,
    /// What is queued for carriers that no channel of their route reaches any more, without test numbers: it waits for
    /// such a channel until its validity ends.
    #[serde(default)]
    pub stranded: Vec<CarrierAmount>,
}

/// What a row of a report stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportBy {
    Day,
    Hour,
    Carrier,
    Channel,
    Category,
    Campaign,
    Reason,
}

/// What happened to messages. Of a time that begins after a message was accepted, a number may be below zero: more
/// messages left the state than came into it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReportRow {
    /// A day, an hour, a word or an id; empty where there is none (no channel yet, sent without a campaign).
    pub key: String,
    /// Of a reason, for a person, in the language asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    pub accepted: Amount,
    /// A carrier took them: those that arrived, those that did not, and those that wait for their receipt.
    pub submitted: Amount,
    pub delivered: Amount,
    pub undelivered: Amount,
    pub expired: Amount,
    pub failed: Amount,
    pub rejected: Amount,
    pub cancelled: Amount,
    /// No receipt for 72 hours.
    pub unknown: Amount,
    pub uncertain: Amount,
    /// Queued or being sent.
    pub under_way: Amount,
}

/// Sums over messages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!(report_example()))]
pub struct MessageReport {
    pub by: ReportBy,
    /// In order of their keys.
    pub rows: Vec<ReportRow>,
    pub total: ReportRow,
}

/// Four messages of one day, three of which arrived.
fn report_example() -> serde_json::Value {
    let amount = |messages: i64| {
        serde_json::json!({
            "messages": messages, "parts": messages, "price": {"micros": 45_000 * messages, "currency": "CNY"}
        })
    };
    let row = |key: &str| {
        serde_json::json!({
            "key": key, "accepted": amount(4), "submitted": amount(4), "delivered": amount(3),
            "undelivered": amount(1), "expired": amount(0), "failed": amount(0), "rejected": amount(0),
            "cancelled": amount(0), "unknown": amount(0), "uncertain": amount(0), "under_way": amount(0)
        })
    };
    serde_json::json!({"by": "day", "rows": [row("2026-11-25")], "total": row("")})
}

/// A small campaign that has ended: four people, of whom one refused before and one was switched off.
fn example() -> serde_json::Value {
    let amount = |messages: i64| {
        serde_json::json!({
            "messages": messages, "parts": messages, "price": {"micros": 45_000 * messages, "currency": "CNY"}
        })
    };
    let because = |reason: &str, explanation: &str| {
        let mut counted = amount(1);
        counted["reason"] = reason.into();
        counted["explanation"] = explanation.into();
        counted
    };
    let funnel = |people: i64, failures: Vec<serde_json::Value>, rejections: Vec<serde_json::Value>| {
        let (failed, rejected) = (failures.len() as i64, rejections.len() as i64);
        let sent = people - rejected;
        serde_json::json!({
            "audience": people, "left_out": 0, "accepted": amount(people), "eligible": amount(sent),
            "submitted": amount(sent), "delivered": amount(sent - failed), "undelivered": amount(failed),
            "expired": amount(0), "failed": amount(0), "failures": failures, "rejected": amount(rejected),
            "rejections": rejections, "cancelled": amount(0), "unknown": amount(0), "uncertain": amount(0),
            "in_flight": amount(0), "awaiting_receipt": amount(0), "queued": amount(0),
            "cost": {"micros": 45_000 * sent, "currency": "CNY"}, "parts": sent, "opted_out": 0
        })
    };
    let mut mobile = amount(3);
    mobile["carrier"] = "mobile".into();
    serde_json::json!({
        "campaign": "cmp_0d4x0k1g00000", "name": "双十一会员日", "state": "finished",
        "started_at": "2026-11-25T10:00:00.000+08:00", "finished_at": "2026-11-25T10:00:09.000+08:00",
        "funnel": funnel(
            4,
            vec![because("unreachable", "关机或不在服务区")],
            vec![because("suppressed", "已退订或在黑名单中")],
        ),
        "tests": funnel(0, Vec::new(), Vec::new()),
        "by_carrier": [mobile], "by_route": [], "stranded": []
    })
}
