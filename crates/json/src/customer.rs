//! Customers that connect to us over a carrier protocol.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::channel::{one, protocol, sixteen, yes};
use super::{Category, Signing};

/// Where reports and messages are delivered when the protocol has us connect to the customer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallBack {
    pub host: String,
    pub port: u16,
}

/// A customer's access, as configured. The password is never shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "cus_1", "name": "银行", "protocol": protocol(), "login": "901234", "networks": ["10.0.0.0/8"],
    "addresses": ["10690001"], "connections": 2, "window": 16, "parts_per_second": 500, "category": "notice",
    "signature": "鸿雁", "signing": "missing", "enabled": true
}))]
pub struct Customer {
    pub id: String,
    pub name: String,
    pub protocol: String,
    pub login: String,
    /// Where it may connect from; empty: anywhere.
    pub networks: Vec<String>,
    /// Numbers that it may send from, each followed by any digits; empty: any.
    pub addresses: Vec<String>,
    /// At once.
    pub connections: u16,
    /// Unanswered submits per connection.
    pub window: u16,
    /// Absent: as fast as it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts_per_second: Option<u32>,
    pub category: Category,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    pub signing: Signing,
    /// Absent: the first route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_back: Option<CallBack>,
}

/// All customers, in order of id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"customers": [{
    "id": "cus_1", "name": "银行", "protocol": protocol(), "login": "901234", "networks": [], "addresses": [],
    "connections": 2, "window": 16, "category": "notice", "signing": "own", "enabled": true
}]}))]
pub struct Customers {
    pub customers: Vec<Customer>,
}

/// A customer to be added or replaced.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "银行", "protocol": protocol(), "login": "901234", "secret": "secret", "networks": ["10.0.0.0/8"],
    "addresses": ["10690001"], "connections": 2, "window": 16, "parts_per_second": 500, "category": "notice",
    "signature": "鸿雁", "signing": "missing"
}))]
pub struct CustomerPut {
    pub name: String,
    pub protocol: String,
    pub login: String,
    /// May be absent when an existing customer is changed: it keeps its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// As `10.0.0.0/8` or `2001:db8::/32`.
    #[serde(default)]
    pub networks: Vec<String>,
    #[serde(default)]
    pub addresses: Vec<String>,
    #[serde(default = "one")]
    pub connections: u16,
    #[serde(default = "sixteen")]
    pub window: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts_per_second: Option<u32>,
    pub category: Category,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    #[serde(default = "own")]
    pub signing: Signing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Needed where the protocol has us connect to the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_back: Option<CallBack>,
}

fn own() -> Signing {
    Signing::Own
}
