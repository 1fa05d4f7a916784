//! Customers that connect to us.

use async_trait::async_trait;
use domain::control::{Conditions, ControlError, Customers, Edit, Edits as _, Protocol, Secret};
use domain::downstream::{CallBack, Customer, Signing};
use domain::ids::{AccountId, CustomerId, RouteId};
use domain::message::Category;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, Iterable, QueryOrder};
use serde::{Deserialize, Serialize};

use super::ControlDb;
use super::error::of_database;
use super::reading::{Reading, json, seal};
use super::row::customer;

/// What is kept as one document.
#[derive(Serialize, Deserialize)]
struct Settings {
    networks: Vec<String>,
    addresses: Vec<String>,
    connections: u16,
    window: u16,
    #[serde(default)]
    parts_per_second: Option<u32>,
    category: String,
    #[serde(default)]
    signature: Option<String>,
    signing: String,
    #[serde(default)]
    route: Option<u16>,
    #[serde(default)]
    call_back: Option<(String, u16)>,
    /// Only its number is kept, so that nobody else takes it.
    #[serde(default, skip_serializing_if = "is_not")]
    deleted: bool,
}

fn is_not(flag: &bool) -> bool {
    !flag
}

#[async_trait]
impl Customers for ControlDb {
    async fn customers(&self) -> Result<Vec<Customer>, ControlError> {
        let rows = customer::Entity::find().order_by_asc(customer::Column::Id).all(&self.db).await;
        let rows = rows.map_err(|error| of_database(&error, "customer"))?;
        let all = rows.into_iter().map(|row| self.customer_of(row));
        all.filter_map(Result::transpose).collect()
    }

    async fn put_customer(&self, customer: &Customer) -> Result<(), ControlError> {
        self.edit(Edit::Customer(customer), Conditions::default()).await.map(|_| ())
    }

    async fn delete_customer(&self, id: CustomerId) -> Result<bool, ControlError> {
        self.edit(Edit::DeleteCustomer(id), Conditions::default()).await
    }
}

impl ControlDb {
    pub(super) async fn replace_customer(
        &self,
        customer: &Customer,
        on: &DatabaseTransaction,
    ) -> Result<(), ControlError> {
        let row = self.customer_row(customer).into_active_model();
        let replace =
            OnConflict::column(customer::Column::Id).update_columns(customer::Column::iter()).to_owned();
        let known = customer::Entity::find_by_id(i64::from(customer.id.0)).one(on).await;
        if let Some(known) = known.map_err(|error| of_database(&error, "customer"))?
            && self.customer_of(known)?.is_none()
        {
            return Err(ControlError::Gone("customer"));
        }
        let put = customer::Entity::insert(row).on_conflict(replace);
        put.exec_without_returning(on).await.map(|_| ()).map_err(|e| of_database(&e, "customer"))
    }

    /// `false`: there is none.
    pub(super) async fn remove_customer(
        &self,
        id: CustomerId,
        on: &DatabaseTransaction,
    ) -> Result<bool, ControlError> {
        let failed = |error| of_database(&error, "customer");
        let known = customer::Entity::find_by_id(i64::from(id.0)).one(on).await;
        let Some(known) = known.map_err(failed)? else { return Ok(false) };
        let Some(customer) = self.customer_of(known)? else { return Ok(false) };
        // A blank, which no login has, keeps this one apart from all that may come.
        let gone = Customer {
            name: String::new(),
            login: format!("deleted {}", id.0),
            secret: Secret(String::new()),
            networks: Vec::new(),
            addresses: Vec::new(),
            signature: None,
            enabled: false,
            call_back: None,
            ..customer
        };
        let mut row = self.customer_row(&gone);
        row.settings = json(&Settings { deleted: true, ..settings(&gone) });
        let row = row.into_active_model().reset_all();
        row.update(on).await.map_err(failed)?;
        Ok(true)
    }

    fn customer_row(&self, customer: &Customer) -> customer::Model {
        let id = i64::from(customer.id.0);
        customer::Model {
            id,
            account: customer.account.raw(),
            name: customer.name.clone(),
            protocol: customer.protocol.code().into(),
            login: customer.login.clone(),
            sealed: seal(&self.sealer, "customer", id, &customer.secret.0),
            settings: json(&settings(customer)),
            enabled: customer.enabled,
        }
    }

    /// `None`: it was deleted.
    fn customer_of(&self, row: customer::Model) -> Result<Option<Customer>, ControlError> {
        let reading = Reading("customer");
        let settings: Settings = reading.json("settings", &row.settings)?;
        if settings.deleted {
            return Ok(None);
        }
        let network = |text: &String| text.parse().map_err(|_| reading.odd("settings"));
        Ok(Some(Customer {
            id: CustomerId(reading.number("id", row.id)?),
            account: AccountId::from_raw(row.account),
            name: row.name,
            protocol: reading.code("protocol", row.protocol, Protocol::from_code)?,
            login: row.login,
            secret: Secret(reading.open(&self.sealer, row.id, &row.sealed)?),
            networks: settings.networks.iter().map(network).collect::<Result<_, _>>()?,
            addresses: settings.addresses,
            connections: settings.connections,
            window: settings.window,
            parts_per_second: settings.parts_per_second,
            category: reading.word("settings", &settings.category, Category::from_word)?,
            signature: settings.signature,
            signing: reading.word("settings", &settings.signing, Signing::from_word)?,
            route: settings.route.map(RouteId),
            enabled: row.enabled,
            call_back: settings.call_back.map(|(host, port)| CallBack { host, port }),
        }))
    }
}

fn settings(customer: &Customer) -> Settings {
    let call_back = customer.call_back.as_ref().map(|CallBack { host, port }| (host.clone(), *port));
    Settings {
        networks: customer.networks.iter().map(ToString::to_string).collect(),
        addresses: customer.addresses.clone(),
        connections: customer.connections,
        window: customer.window,
        parts_per_second: customer.parts_per_second,
        category: customer.category.word().to_owned(),
        signature: customer.signature.clone(),
        signing: customer.signing.word().to_owned(),
        route: customer.route.map(|route| route.0),
        call_back,
        deleted: false,
    }
}
