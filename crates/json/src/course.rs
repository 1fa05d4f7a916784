//! The course of a campaign: which routes carry it, who gets it first, when it stops itself, and what is sent again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CanaryPhase, CanaryThen, Carrier, MessageState, Moment, Money, Preflight, Reason, StopRule};

/// Some people get a campaign first, and what becomes of them decides about the rest. Give `percent` or `people`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"percent": 5, "wait_seconds": 600, "then": "go_on"}))]
pub struct CanaryPlan {
    /// Of a hundred people so many, 1 to 99, drawn by chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// So many people, 1 to 10,000; each carrier has its share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u32>,
    /// From the last message of the canary to the verdict; 600 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u64>,
    /// What follows a canary that went well; `go_on` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<CanaryThen>,
}

/// A canary and how far it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Canary {
    #[serde(flatten)]
    pub plan: CanaryPlan,
    /// How many get it first, as the preflight counted.
    pub counted: u64,
    pub phase: CanaryPhase,
    /// When all of it was with the carriers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Moment>,
    /// When the rest was let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Moment>,
}

/// A share that must not be passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopLimit {
    /// Of ten thousand.
    pub per_10_000: u16,
    /// So many must have been judged before.
    pub at_least: u32,
}

/// When a campaign stops itself; what is left out is not watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"failures": {"per_10_000": 3000, "at_least": 200}}))]
pub struct StopLimits {
    /// Messages that did not arrive, of those that came to an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<StopLimit>,
    /// Refusals, of the messages that carriers took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_outs: Option<StopLimit>,
    /// Replies that complain, of the messages that carriers took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaints: Option<StopLimit>,
}

/// Why a campaign stopped itself, with the numbers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Stopped {
    pub at: Moment,
    pub rule: StopRule,
    /// The rule for a person, in the language asked for.
    pub explanation: String,
    pub bad: u64,
    pub of: u64,
    /// The limit, of ten thousand; 0 where a person is to look without one.
    pub per_10_000: u16,
    /// When a person let it go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Moment>,
}

/// A route that carries part of a campaign, as its preflight has decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CampaignRoute {
    pub route: String,
    /// Networks of the phones that go over it; none: all.
    pub carriers: Vec<Carrier>,
    /// Countries of the phones that go over it; none: all.
    pub countries: Vec<String>,
}

/// What of a campaign goes over one route.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RouteShare {
    pub route: String,
    pub people: u64,
    pub parts: u64,
    pub cost: Money,
}

/// What a route has carried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RouteAmount {
    pub route: String,
    /// Messages that a carrier has (or may have).
    pub messages: i64,
    pub parts: i64,
    pub price: Money,
    pub delivered: i64,
}

/// People whom no route leads to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Unrouted {
    pub carrier: Carrier,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The route that is for them and does not reach them; left out: none is for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    pub people: u64,
    /// One of the phones, masked.
    pub sample: String,
    /// What is wrong and how to mend it, in the language asked for.
    pub explanation: String,
}

/// Which failures of a campaign are to be sent again.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"states": ["undelivered"], "reasons": ["carrier_system"], "dry_run": true}))]
pub struct ResendOrder {
    /// `undelivered`, `expired` and `failed` if left out. `unknown` and `uncertain` only when named: their people may
    /// get the message twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<MessageState>,
    /// Any if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// Another route; that of the campaign if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// 1 to 30 characters; the campaign's with a mark if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only count.
    #[serde(default)]
    pub dry_run: bool,
}

/// Messages that ended so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct EndCount {
    pub state: MessageState,
    pub reason: Reason,
    /// The reason for a person, in the language asked for.
    pub explanation: String,
    pub messages: u64,
}

/// What is sent again, or would be.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "messages": 12, "possible_duplicates": 0, "delivered": 3, "under_way": 1, "unmatched": 0,
    "by_end": [{"state": "undelivered", "reason": "carrier_system", "explanation": "运营商系统故障", "messages": 12}]
}))]
pub struct Resent {
    pub messages: u64,
    /// The same by how they ended, most first.
    pub by_end: Vec<EndCount>,
    /// Those of them that may have arrived: their people may get the message twice.
    pub possible_duplicates: u64,
    /// Left out because the person got the message after all.
    pub delivered: u64,
    /// Left out because another message to the person is on its way, or may have arrived.
    pub under_way: u64,
    /// Left out because their row of the audience is not certain any more.
    pub unmatched: u64,
    /// What the second campaign comes to: suppressions and caps may leave out more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Preflight>,
    /// The new campaign, running; left out of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
}

/// Of what a campaign sends failures again, and who asked for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResendOf {
    /// The campaign whose failures they are.
    pub of: String,
    /// The first of the family.
    pub root: String,
    pub states: Vec<MessageState>,
    pub reasons: Vec<Reason>,
    /// The id of the key.
    pub asked_by: String,
}
