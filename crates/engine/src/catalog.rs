//! What every message needs from the control database, held in memory: entities, prices, routes.
//!
//! Invariants: whoever changes one of these through the engine sees the change at once; another node's change is seen
//! with a heartbeat, which looks at the number of the configuration; what was read before a change is never kept after
//! it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use domain::billing::Terms;
use domain::control::{
    ChannelConfig, Conditions, ControlError, Edit, PriceLine, RouteConfig, Traffic, choose_route,
};
use domain::downstream::Customer;
use domain::ids::{AccountId, EntityId, RouteId};
use domain::message::Category;
use domain::money::Money;
use domain::phone::{Carrier, Country, Phone};
use domain::routing::Reach;
use domain::time::Timestamp;

use crate::Engine;
use crate::numbers::NumberTable;

/// What an account pays per part, by category, carrier, country and time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Prices {
    lines: Vec<PriceLine>,
}

/// What an account pays per part of one category at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriceTable {
    /// In the order of [`Carrier::ALL`].
    by_carrier: [Money; Carrier::ALL.len()],
    /// Of countries that have a price of their own.
    abroad: HashMap<Country, Money>,
}

impl PriceTable {
    /// The price of one part to a phone of this network.
    #[must_use]
    pub fn of(&self, carrier: Carrier, phone: Phone) -> Money {
        // Whose country a number is takes a look into the numbering plans: only where it matters.
        let country = (carrier == Carrier::Foreign && !self.abroad.is_empty()).then(|| phone.country());
        let abroad = country.flatten().and_then(|country| self.abroad.get(&country));
        abroad.copied().unwrap_or_else(|| self.of_carrier(carrier))
    }

    /// The price of one part to phones of this network whose country has no price of its own.
    #[must_use]
    pub fn of_carrier(&self, carrier: Carrier) -> Money {
        let place = Carrier::ALL.iter().position(|known| *known == carrier);
        place.map_or(Money::ZERO, |place| self.by_carrier[place])
    }
}

impl Prices {
    /// Prices from their lines.
    #[must_use]
    pub fn new(lines: Vec<PriceLine>) -> Self {
        Self { lines }
    }

    /// The lowest price of a part that holds at that time and is not nothing.
    #[must_use]
    pub fn cheapest(&self, now: Timestamp) -> Option<Money> {
        let prices = self.lines.iter().filter(|line| line.holds(now)).map(|line| line.per_part);
        prices.filter(|price| *price > Money::ZERO).min()
    }

    /// What holds at that time: of the lines that fit, the most specific ([`PriceLine::rank`]); nothing without a line.
    #[must_use]
    pub fn at(&self, category: Category, now: Timestamp) -> PriceTable {
        let lines = self.lines.iter().filter(|line| line.holds(now));
        let lines = lines.filter(|line| line.category.is_none_or(|of| of == category));
        let lines: Vec<&PriceLine> = lines.collect();
        let price = |carrier: Carrier, country: Option<Country>| {
            let fits = |line: &&&PriceLine| {
                line.carrier.is_none_or(|of| of == carrier)
                    && line.country.is_none_or(|of| Some(of) == country)
            };
            lines.iter().filter(fits).max_by_key(|line| line.rank()).map_or(Money::ZERO, |line| line.per_part)
        };
        let countries = lines.iter().filter_map(|line| line.country);
        PriceTable {
            by_carrier: Carrier::ALL.map(|carrier| price(carrier, None)),
            abroad: countries.map(|country| (country, price(Carrier::Foreign, Some(country)))).collect(),
        }
    }
}

#[derive(Default)]
pub(crate) struct Catalog {
    /// Grows whenever something here is out of date: what was read under an older one is not kept.
    age: AtomicU64,
    entities: RwLock<HashMap<AccountId, EntityId>>,
    prices: RwLock<HashMap<AccountId, Arc<Prices>>>,
    terms: RwLock<HashMap<AccountId, Terms>>,
    routes: RwLock<Option<Arc<[RouteConfig]>>>,
    channels: RwLock<Option<Arc<[ChannelConfig]>>>,
    customers: RwLock<Option<Arc<[Arc<Customer>]>>>,
    numbers: RwLock<Option<NumberTable>>,
}

impl Catalog {
    /// Something was changed: everything is read again when it is next needed.
    pub(crate) fn forget(&self) {
        self.age.fetch_add(1, Ordering::AcqRel);
        write(&self.entities).clear();
        write(&self.prices).clear();
        write(&self.terms).clear();
        *write(&self.routes) = None;
        *write(&self.channels) = None;
        *write(&self.customers) = None;
        *write(&self.numbers) = None;
    }

    pub(crate) fn number_table(&self) -> Option<NumberTable> {
        read(&self.numbers).clone()
    }

    pub(crate) fn keep_number_table(&self, read_at: u64, table: &NumberTable) {
        self.keep(read_at, &self.numbers, |kept| *kept = Some(table.clone()));
    }

    pub(crate) fn terms_of(&self, account: AccountId) -> Option<Terms> {
        read(&self.terms).get(&account).copied()
    }

    pub(crate) fn keep_terms(&self, read_at: u64, account: AccountId, terms: Terms) {
        self.keep(read_at, &self.terms, |all| {
            all.insert(account, terms);
        });
    }

    pub(crate) fn age(&self) -> u64 {
        self.age.load(Ordering::Acquire)
    }

    /// Keeps what was read, unless something was changed since.
    fn keep<T>(&self, read_at: u64, place: &RwLock<T>, keep: impl FnOnce(&mut T)) {
        let mut place = write(place);
        if self.age() == read_at {
            keep(&mut place);
        }
    }
}

impl Engine {
    /// The legal entity of an account.
    ///
    /// # Errors
    /// When the control database refuses, or the account is not there.
    pub(crate) async fn entity_of(&self, account: AccountId) -> Result<EntityId, ControlError> {
        if let Some(entity) = read(&self.catalog.entities).get(&account) {
            return Ok(*entity);
        }
        let age = self.catalog.age();
        let found = self.control.account(account).await?;
        // Whoever asks was let in with a key of this account.
        let found = found.ok_or(ControlError::Inconsistent { table: "account", column: "id" })?;
        self.catalog.keep(age, &self.catalog.entities, |entities| {
            entities.insert(account, found.entity);
        });
        Ok(found.entity)
    }

    /// An account's prices.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn prices(&self, account: AccountId) -> Result<Arc<Prices>, ControlError> {
        if let Some(prices) = read(&self.catalog.prices).get(&account) {
            return Ok(Arc::clone(prices));
        }
        let age = self.catalog.age();
        let prices = Arc::new(Prices::new(self.control.prices(account).await?));
        self.catalog.keep(age, &self.catalog.prices, |all| {
            all.insert(account, Arc::clone(&prices));
        });
        Ok(prices)
    }

    /// Replaces an account's prices; messages accepted from now on pay them.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn set_prices(&self, account: AccountId, lines: &[PriceLine]) -> Result<(), ControlError> {
        self.edit(Edit::Prices(account, lines), Conditions::default()).await.map(|_| ())
    }

    /// Makes a change of what is configured, on the terms of whoever read it before.
    ///
    /// # Errors
    /// As [`domain::control::Edits::edit`].
    pub async fn edit(&self, edit: Edit<'_>, terms: Conditions<'_>) -> Result<bool, ControlError> {
        let done = self.control.edit(edit, terms).await?;
        self.catalog.forget();
        Ok(done)
    }

    /// Something that is held in memory was changed beside the engine: it is read again.
    pub fn configuration_changed(&self) {
        self.catalog.forget();
    }

    /// All routes, in order of id.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn routes(&self) -> Result<Arc<[RouteConfig]>, ControlError> {
        if let Some(routes) = read(&self.catalog.routes).as_ref() {
            return Ok(Arc::clone(routes));
        }
        let age = self.catalog.age();
        let mut routes = self.control.routes().await?;
        routes.sort_by_key(|route| route.id);
        let routes: Arc<[RouteConfig]> = routes.into();
        self.catalog.keep(age, &self.catalog.routes, |kept| *kept = Some(Arc::clone(&routes)));
        Ok(routes)
    }

    /// Adds or replaces a route.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn set_route(&self, route: &RouteConfig) -> Result<(), ControlError> {
        self.edit(Edit::Route(route), Conditions::default()).await.map(|_| ())
    }

    /// All channels as configured, in order of id.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn channels(&self) -> Result<Arc<[ChannelConfig]>, ControlError> {
        if let Some(channels) = read(&self.catalog.channels).as_ref() {
            return Ok(Arc::clone(channels));
        }
        let age = self.catalog.age();
        let mut channels = self.control.channels().await?;
        channels.sort_by_key(|channel| channel.id);
        let channels: Arc<[ChannelConfig]> = channels.into();
        self.catalog.keep(age, &self.catalog.channels, |kept| *kept = Some(Arc::clone(&channels)));
        Ok(channels)
    }

    /// Where a route leads; `None` when there is no such route.
    ///
    /// # Errors
    /// When the control database refuses.
    pub(crate) async fn reach(
        &self,
        route: RouteId,
        category: Category,
    ) -> Result<Option<Reach>, ControlError> {
        let channels = self.channels().await?;
        let routes = self.routes().await?;
        let route = routes.iter().find(|known| known.id == route);
        Ok(route.map(|route| Reach::of(route, &channels, category)))
    }

    /// Adds or replaces a channel's configuration.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn set_channel(&self, channel: &ChannelConfig) -> Result<(), ControlError> {
        self.edit(Edit::Channel(channel), Conditions::default()).await.map(|_| ())
    }

    /// All customers that may connect to us, in order of id.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn all_customers(&self) -> Result<Arc<[Arc<Customer>]>, ControlError> {
        if let Some(customers) = read(&self.catalog.customers).as_ref() {
            return Ok(Arc::clone(customers));
        }
        let age = self.catalog.age();
        let customers: Arc<[Arc<Customer>]> =
            self.control.customers().await?.into_iter().map(Arc::new).collect();
        self.catalog.keep(age, &self.catalog.customers, |kept| *kept = Some(Arc::clone(&customers)));
        Ok(customers)
    }

    /// Adds or replaces a customer. Connections that were begun on other terms close within a second.
    ///
    /// # Errors
    /// When the control database refuses; [`ControlError::Exists`] when another customer has this login,
    /// [`ControlError::Gone`] when one of this number was deleted.
    pub async fn set_customer(&self, customer: &Customer) -> Result<(), ControlError> {
        self.edit(Edit::Customer(customer), Conditions::default()).await.map(|_| ())
    }

    /// The route asked for if it is there, else the first whose scope the traffic fits; `None` when there is no such route.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn route_for(
        &self,
        asked: Option<RouteId>,
        traffic: &Traffic<'_>,
    ) -> Result<Option<RouteId>, ControlError> {
        let routes = self.routes().await?;
        Ok(match asked {
            Some(id) => routes.iter().map(|route| route.id).find(|known| *known == id),
            None => choose_route(&routes, traffic).map(|route| route.id),
        })
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(category: Option<Category>, carrier: Option<Carrier>, micros: i64) -> PriceLine {
        let general = PriceLine::general(AccountId::from_raw(1), Money::from_micros(micros));
        PriceLine { category, carrier, ..general }
    }

    #[test]
    fn the_most_specific_price_wins() {
        let prices = Prices::new(vec![
            line(None, None, 1),
            line(None, Some(Carrier::Unicom), 2),
            line(Some(Category::Marketing), None, 3),
            line(Some(Category::Marketing), Some(Carrier::Mobile), 4),
        ]);
        let now = Timestamp::from_millis(0);
        let price = |category, carrier| prices.at(category, now).of_carrier(carrier).micros();
        assert_eq!(price(Category::Marketing, Carrier::Mobile), 4);
        assert_eq!(price(Category::Marketing, Carrier::Unicom), 3);
        assert_eq!(price(Category::Otp, Carrier::Unicom), 2);
        assert_eq!(price(Category::Otp, Carrier::Telecom), 1);
        assert_eq!(Prices::default().at(Category::Otp, now).of_carrier(Carrier::Mobile), Money::ZERO);
    }

    #[test]
    fn a_country_and_a_time_are_looked_at() {
        let japan = Country::from_code("JP");
        let change = Some(Timestamp::from_millis(100));
        let prices = Prices::new(vec![
            line(None, Some(Carrier::Foreign), 10),
            PriceLine { country: japan, until: change, ..line(None, None, 20) },
            PriceLine { country: japan, from: change, ..line(None, None, 30) },
            line(Some(Category::Otp), None, 40),
        ]);
        let tokyo = Phone::parse("+819012345678", Country::CN).unwrap();
        let london = Phone::parse("+447400123456", Country::CN).unwrap();
        let price = |category, at, phone| {
            prices.at(category, Timestamp::from_millis(at)).of(Carrier::Foreign, phone).micros()
        };
        assert_eq!(price(Category::Notice, 99, tokyo), 20);
        assert_eq!(price(Category::Notice, 100, tokyo), 30);
        assert_eq!(price(Category::Notice, 100, london), 10);
        assert_eq!(price(Category::Otp, 100, tokyo), 40, "the category comes first");
    }
}
