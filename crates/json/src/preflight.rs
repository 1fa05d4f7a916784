//! What a preflight found.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Carrier, Encoding, Moment, Money, Reason, RouteShare, Unrouted};

/// So many people, for one reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReasonCount {
    pub reason: Reason,
    /// The reason for a person, in the language asked for.
    pub explanation: String,
    pub people: u64,
}

/// A message as one person would get it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    /// Masked.
    pub phone: String,
    pub text: String,
    pub encoding: Encoding,
    pub length: u32,
    pub parts: u8,
    pub price: Money,
}

/// A word that stopped a text, where it stands.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct HeldWord {
    /// The word as it stands in the text.
    pub word: String,
    /// Byte offsets in the text, in UTF-8; half-open.
    pub start: u32,
    pub end: u32,
    pub class: String,
    pub severity: String,
}

/// A text with held or blocked words.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct HeldText {
    pub text: String,
    pub words: Vec<HeldWord>,
    /// How many people get a text with the same words.
    pub people: u64,
}

/// Parts and cost of one carrier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CarrierShare {
    pub carrier: Carrier,
    pub parts: u64,
    pub cost: Money,
}

/// People of one province.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProvinceShare {
    /// Empty: of ranges that are not in the table.
    pub province: String,
    pub people: u64,
}

/// How a campaign that has not begun is paid for, where something bounds its account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"needed": {"micros": 445000000, "currency": "CNY"}, "held": false,
    "lacking": {"micros": 45000000, "currency": "CNY"}, "reason": "insufficient_balance",
    "detail": "余额不足：可用 ¥400.00，请充值或提高信用额度", "waits": false}))]
pub struct CampaignFunding {
    /// What is held for it when it is started: of all its messages, those to test numbers and those that will be refused included.
    pub needed: Money,
    /// It is held already.
    pub held: bool,
    /// How much more the account would need at this moment; absent: it can pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacking: Option<Money>,
    /// `insufficient_balance` or `limit_reached`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is left and how to mend it, in the language asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Its time has come, and it waits until the account can pay for it.
    pub waits: bool,
}

/// Who will get a campaign, who will not and why, and what it costs.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Preflight {
    /// When it was made.
    pub at: Moment,
    /// The instant it decided for.
    pub decided_for: Moment,
    /// Rows of the file, or contacts that the tags matched.
    pub rows: u64,
    pub invalid: u64,
    pub duplicate: u64,
    /// People in the frozen audience.
    pub people: u64,
    /// Test numbers among them.
    pub tests: u64,
    /// Who will get it.
    pub eligible: u64,
    pub parts: u64,
    pub cost: Money,
    /// As things are now, not as they were when it was counted. Absent in lists, when nothing bounds the account, and once it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funding: Option<CampaignFunding>,
    /// Who will not, most first.
    pub rejected: Vec<ReasonCount>,
    /// Who will get it later, because of quiet hours.
    pub deferred: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred_until: Option<Moment>,
    pub held: Vec<HeldText>,
    pub samples: Vec<Sample>,
    /// When the last message will have been handed over at the channels' speed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Moment>,
    pub by_carrier: Vec<CarrierShare>,
    /// Who will get it, by province, most first. Empty without imported number ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_province: Vec<ProvinceShare>,
    /// Of each route that carries some, in the order in which they are tried.
    #[serde(default)]
    pub by_route: Vec<RouteShare>,
    /// Whom no route leads to, most first.
    #[serde(default)]
    pub unrouted: Vec<Unrouted>,
    /// Of the frozen audience, in hexadecimal.
    pub audience_checksum: String,
}
