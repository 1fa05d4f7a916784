//! Changes of what people edit, each with its edition and its line of the log in one transaction.

use async_trait::async_trait;
use domain::control::{Conditions, ControlError, Edit, Editable, Edits};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{DatabaseTransaction, EntityTrait, IntoActiveModel};

use super::ControlDb;
use super::access::insert_line;
use super::channel::replace_route;
use super::error::of_database;
use super::nodes::configuration_changed;
use super::price::replace_prices;
use super::reading::Reading;
use super::row::revision::{Column, Entity, Model};
use super::source::remove_source;

const TABLE: &str = "revision";

#[async_trait]
impl Edits for ControlDb {
    async fn edition(&self, of: Editable) -> Result<u64, ControlError> {
        let row = Entity::find_by_id(of.to_string()).one(&self.db).await;
        let number = row.map_err(|error| of_database(&error, TABLE))?.map_or(0, |row| row.number);
        Reading(TABLE).number("number", number)
    }

    async fn edit(&self, edit: Edit<'_>, terms: Conditions<'_>) -> Result<bool, ControlError> {
        let write = self.write().await?;
        let on = &write.transaction;
        if let Some(editable) = edit.of() {
            // First, because it locks the thing: whoever else changes it waits here.
            let edition = next_edition(editable, on).await?;
            if terms.expected.is_some_and(|expected| expected.checked_add(1) != Some(edition)) {
                return Err(ControlError::Changed(name_of(editable)));
            }
            if editable.is_configuration() {
                configuration_changed(on).await?;
            }
        }
        match edit {
            Edit::Channel(channel) => self.replace_channel(channel, on).await?,
            Edit::Route(route) => replace_route(route, on).await?,
            Edit::Prices(account, lines) => replace_prices(account, lines, on).await?,
            Edit::Customer(customer) => self.replace_customer(customer, on).await?,
            Edit::DeleteCustomer(id) => {
                if !self.remove_customer(id, on).await? {
                    return Ok(false);
                }
            }
            Edit::AddTemplate(template) => self.insert_template(template, on).await?,
            Edit::ChangeTemplate(template) => {
                if !self.replace_template(template, on).await? {
                    return Ok(false);
                }
            }
            Edit::ChangeContact(contact, read) => self.replace_contact(contact, read, on).await?,
            Edit::Source(source) => self.replace_source(source, on).await?,
            Edit::DeleteSource(account, id) => {
                if !remove_source(account, id, on).await? {
                    return Ok(false);
                }
            }
            Edit::AddRun(run) => self.insert_run(run, on).await?,
            Edit::AddCampaign(campaign) => self.insert(campaign, on).await?,
            Edit::ChangeCampaign(campaign, now) => self.replace_and_tell(campaign, now, on).await?,
        }
        if let Some(line) = terms.line {
            insert_line(on, line).await?;
        }
        write.commit().await?;
        Ok(true)
    }
}

/// The edition that this transaction makes.
async fn next_edition(of: Editable, on: &DatabaseTransaction) -> Result<u64, ControlError> {
    let number = Expr::col((Entity, Column::Number));
    let next = OnConflict::column(Column::Name).value(Column::Number, number.add(1i64)).to_owned();
    let first = Model { name: of.to_string(), number: 1 };
    let raised = Entity::insert(first.into_active_model()).on_conflict(next);
    raised.exec_without_returning(on).await.map_err(|error| of_database(&error, TABLE))?;
    let row = Entity::find_by_id(of.to_string()).one(on).await.map_err(|error| of_database(&error, TABLE))?;
    let reading = Reading(TABLE);
    reading.number("number", row.ok_or_else(|| reading.odd("name"))?.number)
}

const fn name_of(editable: Editable) -> &'static str {
    match editable {
        Editable::Channel(_) => "channel",
        Editable::Route(_) => "route",
        Editable::Prices(_) => "prices",
        Editable::Customer(_) => "customer",
        Editable::Template(_) => "template",
        Editable::Contact(_) => "contact",
        Editable::Source(_) => "source",
    }
}
