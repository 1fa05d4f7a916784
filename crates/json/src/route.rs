//! Routes, and why a message goes over one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Carrier, Category, Money, Pick};

/// A channel's share of a step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedChannel {
    pub channel: String,
    /// Its part of the step's traffic, against the others' weights.
    pub weight: u16,
}

/// These channels share the traffic; the next step is used when none of them can.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteStep {
    pub channels: Vec<WeightedChannel>,
    /// Which of them goes first while it has room: by weight if not given.
    #[serde(default = "by_weight")]
    pub pick: Pick,
    /// Whether this step may use channels dearer than the route's ceiling.
    #[serde(default)]
    pub above_ceiling: bool,
}

fn by_weight() -> Pick {
    Pick::Weight
}

/// Whose traffic a route is for, when a message names none. Each list that is empty admits all.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteScope {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// Networks of the phones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carriers: Vec<Carrier>,
    /// ISO 3166-1 alpha-2, of the phones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<String>,
    /// Without brackets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<String>,
}

/// An ordered, weighted group of channels.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "rte_1", "name": "默认", "steps": [
        {"channels": [{"channel": "chn_1", "weight": 1}], "pick": "weight", "above_ceiling": false},
        {"channels": [{"channel": "chn_2", "weight": 1}], "pick": "weight", "above_ceiling": false}],
    "scope": {}
}))]
pub struct Route {
    pub id: String,
    pub name: String,
    pub steps: Vec<RouteStep>,
    pub scope: RouteScope,
    /// Channels that cost more per part are not used, except by a step that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Money>,
}

/// All routes, in order of id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"routes": [
    {"id": "rte_1", "name": "默认", "scope": {}, "steps": [
        {"channels": [{"channel": "chn_1", "weight": 1}], "pick": "weight", "above_ceiling": false}]}
]}))]
pub struct Routes {
    pub routes: Vec<Route>,
}

/// A route to be added or replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "默认", "steps": [{"channels": [{"channel": "chn_1", "weight": 1}]}],
    "scope": {"categories": ["otp"]}, "ceiling": {"micros": 40000}}))]
pub struct RoutePut {
    pub name: String,
    pub steps: Vec<RouteStep>,
    #[serde(default)]
    pub scope: RouteScope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Money>,
}

/// A message whose way is to be explained. Nothing is sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone": "13800138000", "category": "otp", "signature": "鸿雁商城"}))]
pub struct RouteQuestion {
    /// As written.
    pub phone: String,
    pub category: Category,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The route that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// Where a message would go now, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "carrier": "mobile", "country": "CN", "route": "rte_1",
    "tried": [{"route": "rte_1"}],
    "channels": [{"step": 1, "channel": "chn_1", "verdict": "barred", "why": "no connection is up"},
        {"step": 2, "channel": "chn_2", "verdict": "carries", "why": "may carry it"}]
}))]
pub struct RouteAnswer {
    pub carrier: Carrier,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Absent: no route is for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The routes in the order in which they are tried; empty when the message names one.
    pub tried: Vec<RouteTried>,
    /// The channels of the route, step by step.
    pub channels: Vec<ChannelConsidered>,
}

/// A route that was tried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RouteTried {
    pub route: String,
    /// Why it is not for the message; absent when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misfit: Option<String>,
}

/// What a route makes of one of its channels.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChannelConsidered {
    /// From 1.
    pub step: usize,
    pub channel: String,
    /// `carries`, `waits`, `later_step`, `last_resort` or `barred`.
    pub verdict: String,
    /// In the reader's language.
    pub why: String,
}
