//! What became of a campaign.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CampaignState, Carrier, Moment, Money, Reason};

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
}
