//! Channels and prices as an operator configures them, and the port to them and to routes.

use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

use super::{ControlError, Provider, Quirks, RouteConfig};
use crate::ids::{AccountId, ChannelId, GatewayId};
use crate::message::{Category, coded_enum};
use crate::money::Money;
use crate::phone::{Carrier, CarrierSet};

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

/// What an account pays per part. The most specific line wins: category and carrier, category, carrier, neither.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriceLine {
    pub account: AccountId,
    pub category: Option<Category>,
    pub carrier: Option<Carrier>,
    pub per_part: Money,
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
