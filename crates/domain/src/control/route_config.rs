//! Routes: whose traffic they are for, and in what order their channels carry it.

use std::fmt;

use crate::control::ChannelConfig;
use crate::ids::{AccountId, ChannelId, RouteId};
use crate::message::{Category, coded_enum};
use crate::money::Money;
use crate::phone::{Carrier, Country, Phone};

coded_enum! {
    /// How the channels of one step share its traffic.
    Pick {
        /// By their weights, while all have room.
        Weight = 1, "weight";
        /// The cheapest that has room.
        Cost = 2, "cost";
        /// The one whose receipts say delivered most often, of those that have room.
        Quality = 3, "quality";
    }
}

/// One step of a route: these channels share its traffic; the next step is used when none of them can.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteStep {
    /// With their weights.
    pub channels: Vec<(ChannelId, u16)>,
    pub pick: Pick,
    /// Whether it may use channels dearer than the route's ceiling.
    pub above_ceiling: bool,
}

impl RouteStep {
    /// Whether a channel is one of its own.
    #[must_use]
    pub fn has(&self, channel: ChannelId) -> bool {
        self.channels.iter().any(|(id, _)| *id == channel)
    }

    /// Channels that share by weight.
    #[must_use]
    pub fn by_weight(channels: Vec<(ChannelId, u16)>) -> Self {
        Self { channels, pick: Pick::Weight, above_ceiling: false }
    }
}

/// Whose traffic a route is for. Each list that is empty admits all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteScope {
    pub accounts: Vec<AccountId>,
    pub categories: Vec<Category>,
    /// Networks of the phones.
    pub carriers: Vec<Carrier>,
    /// Countries of the phones.
    pub countries: Vec<Country>,
    /// Without brackets.
    pub signatures: Vec<String>,
}

/// What a route is chosen by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Traffic<'a> {
    pub account: AccountId,
    pub category: Category,
    /// Without brackets.
    pub signature: Option<&'a str>,
    /// None when it is chosen for many phones at once: only routes for all phones will do.
    pub phone: Option<Phone>,
    /// The phone's network, as far as it is known.
    pub carrier: Option<Carrier>,
}

/// The first point at which traffic does not fit a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misfit {
    Account,
    Category,
    Signature,
    Carrier,
    Country,
}

impl Misfit {
    /// For a person, in Chinese and English.
    #[must_use]
    pub const fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::Account => ("不用于此账户", "not for this account"),
            Self::Category => ("不用于此类消息", "not for this category"),
            Self::Signature => ("不用于此签名", "not for this signature"),
            Self::Carrier => ("不用于此运营商的号码", "not for phones of this carrier"),
            Self::Country => ("不用于此国家或地区的号码", "not for phones of this country"),
        }
    }
}

impl RouteScope {
    /// Where this traffic does not fit; none when it does.
    #[must_use]
    pub fn misfit(&self, traffic: &Traffic<'_>) -> Option<Misfit> {
        fn admits<T: PartialEq>(list: &[T], value: Option<&T>) -> bool {
            list.is_empty() || value.is_some_and(|value| list.contains(value))
        }
        let signs = |signature: &&str| self.signatures.iter().any(|known| known == signature);
        // Looked up only where it matters: it costs a parse.
        let country = || traffic.phone.and_then(Phone::country);
        if !admits(&self.accounts, Some(&traffic.account)) {
            Some(Misfit::Account)
        } else if !admits(&self.categories, Some(&traffic.category)) {
            Some(Misfit::Category)
        } else if !self.signatures.is_empty() && traffic.signature.filter(signs).is_none() {
            Some(Misfit::Signature)
        } else if !admits(&self.carriers, traffic.carrier.as_ref()) {
            Some(Misfit::Carrier)
        } else if !self.countries.is_empty() && !admits(&self.countries, country().as_ref()) {
            Some(Misfit::Country)
        } else {
            None
        }
    }
}

/// An ordered, weighted group of channels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteConfig {
    pub id: RouteId,
    pub name: String,
    pub steps: Vec<RouteStep>,
    /// What names no route goes over the first, in order of id, whose scope it fits.
    pub scope: RouteScope,
    /// A channel that costs more per part is not used, except by a step that says so.
    pub ceiling: Option<Money>,
}

impl RouteConfig {
    /// A route for all traffic, at any cost.
    #[must_use]
    pub fn for_all(id: RouteId, name: impl Into<String>, steps: Vec<RouteStep>) -> Self {
        Self { id, name: name.into(), steps, scope: RouteScope::default(), ceiling: None }
    }

    /// Its channels, in the order of its steps.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> {
        self.steps.iter().flat_map(|step| &step.channels).map(|(id, _)| *id)
    }

    /// Whether a channel costs too much for this step.
    #[must_use]
    pub fn is_too_dear(&self, step: &RouteStep, channel: &ChannelConfig) -> bool {
        !step.above_ceiling && self.ceiling.is_some_and(|ceiling| channel.cost > ceiling)
    }

    /// Whether a channel may ever carry something over this route: it is in a step that can afford it.
    #[must_use]
    pub fn includes(&self, channel: &ChannelConfig) -> bool {
        self.steps.iter().any(|step| step.has(channel.id) && !self.is_too_dear(step, channel))
    }
}

/// The first route, in the order given, whose scope the traffic fits.
#[must_use]
pub fn choose_route<'a>(routes: &'a [RouteConfig], traffic: &Traffic<'_>) -> Option<&'a RouteConfig> {
    routes.iter().find(|route| route.scope.misfit(traffic).is_none())
}
