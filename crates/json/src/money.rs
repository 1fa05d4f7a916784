//! Amounts of money.

use domain::currency::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

fn currency() -> String {
    Currency::installed().to_string()
}

/// An amount in millionths of the currency's unit: 45,000 micros of CNY are 0.045 yuan. Never a fraction, so nothing
/// is ever rounded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"micros": 45000, "currency": "CNY"}))]
pub struct Money {
    /// Millionths of the unit.
    pub micros: i64,
    /// ISO 4217: the one in which this installation counts, `CNY` unless set otherwise. May be left out of requests.
    #[serde(default = "currency", skip_serializing_if = "String::is_empty")]
    pub currency: String,
}

impl Money {
    /// An amount in whatever the platform counts in, for requests: it is written without its currency.
    #[must_use]
    pub fn unsaid(amount: domain::money::Money) -> Self {
        Self { micros: amount.micros(), currency: String::new() }
    }

    /// Whether it is of the currency that everything here is counted in.
    pub fn is_known(&self) -> bool {
        self.currency == Currency::installed().code()
    }

    /// For people: with the sign of its own currency, whatever this process counts in.
    pub fn for_people(&self) -> String {
        let amount = domain::money::Money::from(self);
        match self.currency.parse::<Currency>() {
            Ok(currency) => format!("{}{amount}", currency.sign()),
            Err(_) => format!("{} {amount}", self.currency),
        }
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
