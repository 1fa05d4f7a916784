//! Channels and prices as an operator configures them, and the port to them and to routes.

use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

use super::{ControlError, Provider, Quirks, RouteConfig};
use crate::ids::{AccountId, ChannelId, GatewayId};
use crate::message::{Category, coded_enum};
use crate::money::Money;
use crate::phone::{Carrier, CarrierSet, Country};
use crate::time::Timestamp;

coded_enum! {
    /// How a channel speaks.
    Protocol {
        Cmpp20 = 1, "cmpp20";
        Cmpp30 = 2, "cmpp30";
        /// SGIP 1.2.
        Sgip12 = 3, "sgip12";
        /// SMGP 3.0.3.
        Smgp30 = 4, "smgp30";
        /// SMGP with the layouts of version 1.3 (0x13), still in use.
        Smgp13 = 5, "smgp13";
        /// SMPP 3.4.
        Smpp34 = 6, "smpp34";
        /// SMPP 5.0.
        Smpp50 = 7, "smpp50";
        /// Alibaba Cloud, Dysmsapi 2017-05-25.
        Aliyun = 8, "aliyun";
        /// Tencent Cloud SMS 2021-01-11.
        Tencent = 9, "tencent";
        /// Twilio, 2010-04-01.
        Twilio = 10, "twilio";
        /// Any provider whose HTTP interface [`super::HttpForm`] describes.
        Http = 11, "http";
    }
}

impl Protocol {
    /// Whether it is spoken to a provider over HTTP, rather than in sessions with a carrier: such a channel has
    /// [`Provider`] settings.
    #[must_use]
    pub const fn is_provider(self) -> bool {
        matches!(self, Self::Aliyun | Self::Tencent | Self::Twilio | Self::Http)
    }

    /// Whether its sessions with a carrier may be enciphered (`tls`).
    #[must_use]
    pub const fn enciphers(self) -> bool {
        matches!(self, Self::Smpp34 | Self::Smpp50)
    }

    /// The host that everybody reaches the provider at, where there is one.
    #[must_use]
    pub const fn usual_host(self) -> Option<&'static str> {
        match self {
            Self::Aliyun => Some("dysmsapi.aliyuncs.com"),
            Self::Tencent => Some("sms.tencentcloudapi.com"),
            Self::Twilio => Some("api.twilio.com"),
            _ => None,
        }
    }
}

/// A password. Never shown, never logged, sealed at rest.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelConfig {
    pub id: ChannelId,
    pub gateway: GatewayId,
    pub name: String,
    pub protocol: Protocol,
    pub host: String,
    pub port: u16,
    /// The carrier's name for us (CMPP `Source_Addr`, `SP_Id`).
    pub login: String,
    pub secret: Secret,
    /// The number that messages come from; extensions are appended.
    pub access_code: String,
    pub service_id: String,
    pub connections: u16,
    /// Unanswered submits per connection.
    pub window: u16,
    /// Parts per second over all connections; none is as fast as the window allows.
    pub parts_per_second: Option<u32>,
    /// Empty: all.
    pub carriers: Vec<Carrier>,
    /// Empty: all.
    pub categories: Vec<Category>,
    /// What the operator pays per part.
    pub cost: Money,
    pub enabled: bool,
    /// Where the carrier's practice differs from the usual.
    pub quirks: Quirks,
    /// Settings of a channel over a provider; carriers have none.
    pub provider: Option<Arc<Provider>>,
}

impl ChannelConfig {
    /// Whether it may carry messages to phones of this network.
    #[must_use]
    pub fn reaches(&self, carrier: Carrier) -> bool {
        self.reached().contains(carrier)
    }

    /// The networks to whose phones it may carry messages.
    #[must_use]
    pub fn reached(&self) -> CarrierSet {
        if self.carriers.is_empty() { CarrierSet::ALL } else { self.carriers.iter().copied().collect() }
    }

    /// Whether it may carry messages of this category.
    #[must_use]
    pub fn serves(&self, category: Category) -> bool {
        self.categories.is_empty() || self.categories.contains(&category)
    }
}

/// What an account pays per part, from a time until another. Of the lines that hold at a time, the most specific wins: first
/// those that name the category, among them those that name a country, then those that name a carrier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriceLine {
    pub account: AccountId,
    pub category: Option<Category>,
    pub carrier: Option<Carrier>,
    /// Of numbers outside mainland China.
    pub country: Option<Country>,
    /// From then on; none: always.
    pub from: Option<Timestamp>,
    /// Before then; none: for ever.
    pub until: Option<Timestamp>,
    pub per_part: Money,
}

/// Why price lines cannot stand together; each names places in the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PriceFault {
    /// Below nothing, or more than anybody pays for a part.
    Amount { line: usize },
    /// A country of mainland China's numbers, or together with a carrier that has none abroad.
    Country { line: usize },
    /// It ends before it begins.
    Empty { line: usize },
    /// Both are for the same messages at the same time.
    Overlap { line: usize, earlier: usize },
}

impl PriceLine {
    /// Most that a part may cost, in units: above it a line is taken for a slip.
    pub const MOST: Money = Money::from_micros(1_000_000_000);

    /// A line for everything that is not said otherwise, at any time.
    #[must_use]
    pub const fn general(account: AccountId, per_part: Money) -> Self {
        Self { account, category: None, carrier: None, country: None, from: None, until: None, per_part }
    }

    /// Whether it holds at that time.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// How specific it is: more is greater.
    #[must_use]
    pub const fn rank(&self) -> (bool, bool, bool) {
        (self.category.is_some(), self.country.is_some(), self.carrier.is_some())
    }

    /// Whether lines can stand together: at no time two of them are for the same.
    ///
    /// # Errors
    /// The first fault, by place.
    pub fn check(lines: &[Self]) -> Result<(), PriceFault> {
        for (line, price) in lines.iter().enumerate() {
            if price.per_part < Money::ZERO || price.per_part > Self::MOST {
                return Err(PriceFault::Amount { line });
            }
            let at_home = price.carrier.is_some_and(|carrier| carrier != Carrier::Foreign);
            if price.country.is_some_and(|country| country == Country::CN || at_home) {
                return Err(PriceFault::Country { line });
            }
            if let (Some(from), Some(until)) = (price.from, price.until)
                && until <= from
            {
                return Err(PriceFault::Empty { line });
            }
            let begins_before = |a: &Self, b: &Self| match (a.from, b.until) {
                (Some(from), Some(until)) => from < until,
                _ => true,
            };
            let overlaps = |other: &Self| {
                let same = (other.category, other.carrier, other.country);
                same == (price.category, price.carrier, price.country)
                    && begins_before(price, other)
                    && begins_before(other, price)
            };
            if let Some(earlier) = lines[..line].iter().position(overlaps) {
                return Err(PriceFault::Overlap { line, earlier });
            }
        }
        Ok(())
    }
}

/// Channels, routes, prices and named settings.
#[async_trait]
pub trait Channels: Send + Sync {
    async fn channels(&self) -> Result<Vec<ChannelConfig>, ControlError>;
    /// Adds or replaces.
    async fn put_channel(&self, channel: &ChannelConfig) -> Result<(), ControlError>;
    async fn routes(&self) -> Result<Vec<RouteConfig>, ControlError>;
    async fn put_route(&self, route: &RouteConfig) -> Result<(), ControlError>;
    async fn prices(&self, account: AccountId) -> Result<Vec<PriceLine>, ControlError>;
    /// Replaces all of an account's prices.
    async fn put_prices(&self, account: AccountId, lines: &[PriceLine]) -> Result<(), ControlError>;
    /// A document that an operator stored under a name (word lists, policy overrides), as text.
    async fn setting(&self, name: &str) -> Result<Option<String>, ControlError>;
    async fn put_setting(&self, name: &str, value: &str) -> Result<(), ControlError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(category: Option<Category>, from: Option<i64>, until: Option<i64>) -> PriceLine {
        let account = AccountId::from_raw(1);
        PriceLine {
            category,
            from: from.map(Timestamp::from_millis),
            until: until.map(Timestamp::from_millis),
            ..PriceLine::general(account, Money::from_micros(1))
        }
    }

    #[test]
    fn lines_for_the_same_at_the_same_time_are_refused() {
        let follow = [line(None, None, Some(5)), line(None, Some(5), Some(9)), line(None, Some(9), None)];
        assert_eq!(PriceLine::check(&follow), Ok(()));
        let other = [line(None, None, None), line(Some(Category::Otp), None, None)];
        assert_eq!(PriceLine::check(&other), Ok(()));
        for (a, b) in [
            ((None, Some(6)), (Some(5), None)),
            ((Some(5), None), (None, None)),
            ((None, None), (None, None)),
        ] {
            let lines = [line(None, a.0, a.1), line(None, b.0, b.1)];
            assert_eq!(PriceLine::check(&lines), Err(PriceFault::Overlap { line: 1, earlier: 0 }));
        }
        assert_eq!(PriceLine::check(&[line(None, Some(5), Some(5))]), Err(PriceFault::Empty { line: 0 }));
    }

    #[test]
    fn countries_are_of_numbers_abroad() {
        let general = line(None, None, None);
        let japan = PriceLine { country: Country::from_code("JP"), ..general.clone() };
        assert_eq!(PriceLine::check(std::slice::from_ref(&japan)), Ok(()));
        let odd = PriceLine { carrier: Some(Carrier::Mobile), ..japan };
        assert_eq!(PriceLine::check(&[odd]), Err(PriceFault::Country { line: 0 }));
        let home = PriceLine { country: Some(Country::CN), ..general.clone() };
        assert_eq!(PriceLine::check(&[home]), Err(PriceFault::Country { line: 0 }));
        let dear = PriceLine { per_part: PriceLine::MOST + Money::from_micros(1), ..general };
        assert_eq!(PriceLine::check(&[dear]), Err(PriceFault::Amount { line: 0 }));
    }
}
