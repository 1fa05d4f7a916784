//! Channels, routes, prices and settings.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::control::{
    ChannelConfig, Channels, Conditions, ControlError, Edit, Edits as _, PriceLine, Protocol, Provider,
    Quirks, RouteConfig, Secret,
};
use domain::ids::{AccountId, ChannelId, GatewayId, RouteId};
use domain::message::Category;
use domain::money::Money;
use domain::phone::Carrier;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, EntityTrait, IntoActiveModel, Iterable, QueryOrder};
use serde::{Deserialize, Serialize};

use super::ControlDb;
use super::document::{Attributes, RouteDocument};
use super::error::of_database;
use super::nodes::configuration_changed;
use super::reading::{Reading, json, seal};
use super::row::{channel, channel_settings, route, setting};

#[async_trait]
impl Channels for ControlDb {
    async fn channels(&self) -> Result<Vec<ChannelConfig>, ControlError> {
        let rows = channel::Entity::find().order_by_asc(channel::Column::Id).all(&self.db).await;
        let rows = rows.map_err(|e| of_database(&e, "channel"))?;
        let mut settings: HashMap<i64, String> = channel_settings::Entity::find()
            .all(&self.db)
            .await
            .map_err(|e| of_database(&e, "channel_settings"))?
            .into_iter()
            .map(|row| (row.id, row.settings))
            .collect();
        rows.into_iter()
            .map(|row| {
                let quirks = settings.remove(&row.id);
                self.channel_of(row, quirks.as_deref())
            })
            .collect()
    }

    async fn put_channel(&self, channel: &ChannelConfig) -> Result<(), ControlError> {
        self.edit(Edit::Channel(channel), Conditions::default()).await.map(|_| ())
    }

    async fn routes(&self) -> Result<Vec<RouteConfig>, ControlError> {
        let rows = route::Entity::find().order_by_asc(route::Column::Id).all(&self.db).await;
        let reading = Reading("route");
        let route = |row: route::Model| {
            let id = RouteId(reading.number("id", row.id)?);
            reading.json::<RouteDocument>("steps", &row.steps)?.read(id, row.name, reading)
        };
        rows.map_err(|e| of_database(&e, "route"))?.into_iter().map(route).collect()
    }

    async fn put_route(&self, route: &RouteConfig) -> Result<(), ControlError> {
        self.edit(Edit::Route(route), Conditions::default()).await.map(|_| ())
    }

    async fn prices(&self, account: AccountId) -> Result<Vec<PriceLine>, ControlError> {
        self.all_prices(account).await
    }

    async fn put_prices(&self, account: AccountId, lines: &[PriceLine]) -> Result<(), ControlError> {
        self.edit(Edit::Prices(account, lines), Conditions::default()).await.map(|_| ())
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, ControlError> {
        let row = setting::Entity::find_by_id(name.to_owned()).one(&self.db).await;
        Ok(row.map_err(|e| of_database(&e, "setting"))?.map(|row| row.content))
    }

    async fn put_setting(&self, name: &str, value: &str) -> Result<(), ControlError> {
        let row = setting::Model { name: name.to_owned(), content: value.to_owned() };
        let replace =
            OnConflict::column(setting::Column::Name).update_column(setting::Column::Content).to_owned();
        let write = self.write().await?;
        let put = setting::Entity::insert(row.into_active_model()).on_conflict(replace);
        put.exec_without_returning(&write.transaction).await.map_err(|e| of_database(&e, "setting"))?;
        configuration_changed(&write.transaction).await?;
        write.commit().await
    }
}

impl ControlDb {
    pub(super) async fn replace_channel(
        &self,
        channel: &ChannelConfig,
        on: &DatabaseTransaction,
    ) -> Result<(), ControlError> {
        let row = self.channel_row(channel).into_active_model();
        let replace =
            OnConflict::column(channel::Column::Id).update_columns(channel::Column::iter()).to_owned();
        let put = channel::Entity::insert(row).on_conflict(replace);
        put.exec_without_returning(on).await.map_err(|e| of_database(&e, "channel"))?;
        let settings = channel.quirks.settings().into_iter().map(|(name, value)| (name.to_owned(), value));
        let row = channel_settings::Model {
            id: channel.id.0.into(),
            settings: json(&Attributes(settings.collect())),
        };
        let replace = OnConflict::column(channel_settings::Column::Id)
            .update_column(channel_settings::Column::Settings)
            .to_owned();
        let put = channel_settings::Entity::insert(row.into_active_model()).on_conflict(replace);
        let done = put.exec_without_returning(on).await;
        done.map(|_| ()).map_err(|e| of_database(&e, "channel_settings"))
    }

    fn channel_row(&self, channel: &ChannelConfig) -> channel::Model {
        let id = i64::from(channel.id.0);
        let carriers: Vec<&str> = channel.carriers.iter().map(|carrier| carrier.as_str()).collect();
        let categories: Vec<&str> = channel.categories.iter().map(|category| category.word()).collect();
        channel::Model {
            id,
            gateway: channel.gateway.0.into(),
            name: channel.name.clone(),
            protocol: channel.protocol.code().into(),
            host: channel.host.clone(),
            port: channel.port.into(),
            login: channel.login.clone(),
            sealed: seal(&self.sealer, "channel", id, &SealedChannel::of(channel)),
            access_code: channel.access_code.clone(),
            service_id: channel.service_id.clone(),
            connections: channel.connections.into(),
            window_size: channel.window.into(),
            parts_per_second: channel.parts_per_second.map(i64::from),
            carriers: json(&carriers),
            categories: json(&categories),
            cost: channel.cost.micros(),
            enabled: channel.enabled,
        }
    }

    /// `settings` is absent for a channel that an earlier version stored.
    fn channel_of(&self, row: channel::Model, settings: Option<&str>) -> Result<ChannelConfig, ControlError> {
        let reading = Reading("channel");
        let carriers: Vec<String> = reading.json("carriers", &row.carriers)?;
        let carrier = |word: &String| reading.word("carriers", word, Carrier::from_word);
        let categories: Vec<String> = reading.json("categories", &row.categories)?;
        let category = |word: &String| reading.word("categories", word, Category::from_word);
        let (secret, provider) =
            reading.open::<SealedChannel<String, Provider>>(&self.sealer, row.id, &row.sealed)?.parts();
        let pace = row.parts_per_second.map(|pace| reading.number("parts_per_second", pace));
        Ok(ChannelConfig {
            id: ChannelId(reading.number("id", row.id)?),
            gateway: GatewayId(reading.number("gateway", row.gateway)?),
            name: row.name,
            protocol: reading.code("protocol", row.protocol, Protocol::from_code)?,
            host: row.host,
            port: reading.number("port", row.port)?,
            login: row.login,
            secret: Secret(secret),
            access_code: row.access_code,
            service_id: row.service_id,
            connections: reading.number("connections", row.connections)?,
            window: reading.number("window_size", row.window_size)?,
            parts_per_second: pace.transpose()?,
            carriers: carriers.iter().map(carrier).collect::<Result<_, _>>()?,
            categories: categories.iter().map(category).collect::<Result<_, _>>()?,
            cost: Money::from_micros(row.cost),
            enabled: row.enabled,
            quirks: settings.map(quirks_of).transpose()?.unwrap_or_default(),
            provider: provider.map(Arc::new),
        })
    }
}

pub(super) async fn replace_route(route: &RouteConfig, on: &DatabaseTransaction) -> Result<(), ControlError> {
    let row = route::Model {
        id: route.id.0.into(),
        name: route.name.clone(),
        steps: json(&RouteDocument::of(route)),
    };
    let replace = OnConflict::column(route::Column::Id).update_columns(route::Column::iter()).to_owned();
    let put = route::Entity::insert(row.into_active_model()).on_conflict(replace);
    put.exec_without_returning(on).await.map(|_| ()).map_err(|e| of_database(&e, "route"))
}

/// What of a channel is sealed: its password; with a provider's channel, also that one's settings.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SealedChannel<S, P> {
    Password(S),
    Provider { secret: S, provider: P },
}

impl<'c> SealedChannel<&'c str, &'c Provider> {
    fn of(channel: &'c ChannelConfig) -> Self {
        let secret = channel.secret.0.as_str();
        channel
            .provider
            .as_deref()
            .map_or(Self::Password(secret), |provider| Self::Provider { secret, provider })
    }
}

impl SealedChannel<String, Provider> {
    fn parts(self) -> (String, Option<Provider>) {
        match self {
            Self::Password(secret) => (secret, None),
            Self::Provider { secret, provider } => (secret, Some(provider)),
        }
    }
}

fn quirks_of(settings: &str) -> Result<Quirks, ControlError> {
    let reading = Reading("channel_settings");
    let Attributes(settings) = reading.json("settings", settings)?;
    let pairs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Quirks::read(pairs).map_err(|_| reading.odd("settings"))
}
