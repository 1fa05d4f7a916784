//! Balances, terms, payments, statements, margins.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Carrier, Category, Charge, Moment, Money, PayMode, TransferKind};

/// What an account has, and what it may spend.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "account": "acc_0d4x0k1g00000", "funds": {"micros": 980_000_000, "currency": "CNY"},
    "reserved": {"micros": 20_000_000, "currency": "CNY"}, "credit": {"micros": 0, "currency": "CNY"},
    "available": {"micros": 980_000_000, "currency": "CNY"}, "mode": "bounded",
    "spent_today": {"micros": 12_000_000, "currency": "CNY"}, "spent_this_month": {"micros": 45_000_000, "currency": "CNY"},
    "daily_limit": {"micros": 500_000_000, "currency": "CNY"}
}))]
pub struct AccountBalance {
    pub account: String,
    /// What it may spend; below zero it owes.
    pub funds: Money,
    /// What is set aside: granted for messages that come in, held for campaigns, and of messages whose fate is open.
    pub reserved: Money,
    /// How far its funds may fall below zero.
    pub credit: Money,
    /// Funds and credit; absent when nothing bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<Money>,
    pub mode: PayMode,
    /// What was or may be at any moment accepted today, by the clock of its zone; what is set aside counts.
    pub spent_today: Money,
    /// Likewise, this month.
    pub spent_this_month: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_limit: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_limit: Option<Money>,
}

/// What an account agreed to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "mode": "bounded", "charge": "refunded", "credit": {"micros": 0, "currency": "CNY"},
    "daily_limit": {"micros": 500_000_000, "currency": "CNY"}, "alert_below": {"micros": 100_000_000, "currency": "CNY"},
    "zone": "Asia/Shanghai"
}))]
pub struct AccountTerms {
    /// `open`: nothing bounds it, what it sends is on its bill; `bounded`: it spends what it has, and its credit.
    pub mode: PayMode,
    /// When a message is paid for: `submitted` (what the carrier took), `refunded` (and paid back when a receipt says that it
    /// did not arrive), `delivered` (only what arrived). Messages accepted from now on follow it.
    pub charge: Charge,
    /// How far its funds may fall below zero.
    pub credit: Money,
    /// Most that may be accepted in a day; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_limit: Option<Money>,
    /// Most that may be accepted in a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_limit: Option<Money>,
    /// Below this, funds and credit are told to be low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_below: Option<Money>,
    /// Whose midnight begins its days and months.
    #[serde(default = "shanghai")]
    pub zone: String,
}

fn shanghai() -> String {
    "Asia/Shanghai".to_owned()
}

/// A payment to be booked.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": {"micros": 1_000_000_000, "currency": "CNY"}, "reference": "ICBC 20261128-0001"}))]
pub struct PaymentCreate {
    /// More than nothing.
    pub amount: Money,
    /// The payer's name for it, such as a bank's number; at most 200 characters.
    #[serde(default)]
    pub reference: String,
}

/// A movement of money that was ordered; what messages move is in statements.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "trf_0d4x0k1g00000", "account": "acc_0d4x0k1g00000", "at": "2026-11-28T10:00:00.000+08:00", "kind": "top_up",
    "from": "cash", "to": "funds", "amount": {"micros": 1_000_000_000, "currency": "CNY"}, "reference": "ICBC 20261128-0001"
}))]
pub struct Transfer {
    pub id: String,
    pub account: String,
    pub at: Moment,
    pub kind: TransferKind,
    /// The book that it was taken from: `funds`, `allowance`, `held`, `reserved`, `cash`, `revenue`.
    pub from: String,
    /// The book that it went to.
    pub to: String,
    pub amount: Money,
    /// Whose it is: a campaign's id, a partition's name; absent for payments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Of payments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// The months of which there are statements, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"months": [{"month": "2026-11", "over": false}, {"month": "2026-10", "over": true}]}))]
pub struct StatementMonths {
    pub months: Vec<StatementMonth>,
}

/// A month of which there is a statement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatementMonth {
    pub month: String,
    /// Whether the month has ended. What late receipts change is in the month in which they come.
    pub over: bool,
}

/// What is an account's at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Holdings {
    pub funds: Money,
    pub reserved: Money,
    /// Both together: what only payments and charges change.
    pub total: Money,
}

/// What messages of one category to one carrier came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatementLine {
    pub category: Category,
    pub carrier: Carrier,
    /// Net of those paid back.
    pub messages: i64,
    /// Net of those paid back.
    pub parts: i64,
    pub charged: Money,
    pub refunded: Money,
    /// Charged, less refunded.
    pub amount: Money,
}

/// A month of an account's money.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "account": "acc_0d4x0k1g00000", "month": "2026-11", "over": false, "adds_up": true,
    "opening": {"funds": {"micros": 0, "currency": "CNY"}, "reserved": {"micros": 0, "currency": "CNY"},
        "total": {"micros": 0, "currency": "CNY"}},
    "top_ups": {"micros": 1_000_000, "currency": "CNY"}, "withdrawals": {"micros": 0, "currency": "CNY"},
    "lines": [{"category": "notice", "carrier": "mobile", "messages": 2, "parts": 2, "charged": {"micros": 90_000, "currency": "CNY"},
        "refunded": {"micros": 0, "currency": "CNY"}, "amount": {"micros": 90_000, "currency": "CNY"}}],
    "amount": {"micros": 90_000, "currency": "CNY"},
    "closing": {"funds": {"micros": 910_000, "currency": "CNY"}, "reserved": {"micros": 0, "currency": "CNY"},
        "total": {"micros": 910_000, "currency": "CNY"}}
}))]
pub struct Statement {
    pub account: String,
    pub month: String,
    pub over: bool,
    pub opening: Holdings,
    pub top_ups: Money,
    pub withdrawals: Money,
    /// By category, then carrier.
    pub lines: Vec<StatementLine>,
    /// What all lines come to.
    pub amount: Money,
    pub closing: Holdings,
    /// Whether opening, top-ups, withdrawals and amount come to closing.
    pub adds_up: bool,
}

/// What came in and what it cost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct MarginLine {
    /// A channel's id, an account's id, or a carrier; empty for what no channel had taken.
    pub of: String,
    /// Net of those paid back.
    pub messages: i64,
    pub parts: i64,
    pub revenue: Money,
    pub cost: Money,
    pub margin: Money,
}

/// What the operator earned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "from": "2026-11-01T00:00:00.000+08:00", "until": "2026-12-01T00:00:00.000+08:00",
    "lines": [{"of": "chn_1", "messages": 2, "parts": 2, "revenue": {"micros": 90_000, "currency": "CNY"},
        "cost": {"micros": 60_000, "currency": "CNY"}, "margin": {"micros": 30_000, "currency": "CNY"}}]
}))]
pub struct Margins {
    /// The first hour that is counted.
    pub from: Moment,
    /// The first hour that is not.
    pub until: Moment,
    pub lines: Vec<MarginLine>,
}
