//! Amounts of money.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The currency of this version's accounts.
const CURRENCY: &str = "CNY";

fn currency() -> String {
    CURRENCY.to_owned()
}

/// An amount in millionths of the currency's unit: 45,000 micros of CNY are 0.045 yuan. Never a fraction, so nothing
/// is ever rounded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"micros": 45000, "currency": "CNY"}))]
pub struct Money {
    /// Millionths of the unit.
    pub micros: i64,
    /// ISO 4217; `CNY`.
    #[serde(default = "currency")]
    pub currency: String,
}

impl Money {
    /// Whether it is of the currency that everything here is counted in.
    pub fn is_known(&self) -> bool {
        self.currency == CURRENCY
    }
}

impl From<domain::money::Money> for Money {
    fn from(money: domain::money::Money) -> Self {
        Self { micros: money.micros(), currency: currency() }
    }
}

impl From<&Money> for domain::money::Money {
    fn from(money: &Money) -> Self {
        Self::from_micros(money.micros)
    }
}
