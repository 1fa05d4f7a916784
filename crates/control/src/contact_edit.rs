//! A person's record as somebody edits it: attributes and tags become what is given, in one transaction with the tags' counts.

use std::collections::BTreeSet;

use domain::control::{Contact, ControlError};
use domain::ids::{AccountId, ContactId};
use domain::time::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
};

use super::ControlDb;
use super::bulk::sealed_contact;
use super::document::Attributes;
use super::error::of_database;
use super::reading::{Reading, json};
use super::row::{contact, contact_tag, tag};

const TABLE: &str = "contact";

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn failed(error: DbErr) -> ControlError {
    of_database(&error, TABLE)
}

impl ControlDb {
    /// Replaces attributes and tags of one whose last change was at `read`.
    pub(super) async fn replace_contact(
        &self,
        new: &Contact,
        read: Timestamp,
        on: &DatabaseTransaction,
    ) -> Result<(), ControlError> {
        let own = contact::Entity::find_by_id(new.id.raw())
            .filter(contact::Column::Account.eq(new.account.raw()))
            .filter(contact::Column::UpdatedAt.eq(read.millis()));
        let old = own.one(on).await.map_err(failed)?.ok_or(ControlError::Changed(TABLE))?;
        let changed = contact::Entity::update_many()
            .set(contact::ActiveModel {
                sealed: ActiveValue::Set(sealed_contact(&self.sealer, new)),
                queryable: ActiveValue::Set(json(&Attributes(new.queryable.clone()))),
                tags: ActiveValue::Set(json(&new.tags)),
                updated_at: ActiveValue::Set(new.updated_at.millis()),
                ..Default::default()
            })
            .filter(contact::Column::Id.eq(new.id.raw()))
            .filter(contact::Column::UpdatedAt.eq(read.millis()))
            .exec(on)
            .await
            .map_err(failed)?;
        if changed.rows_affected == 0 {
            return Err(ControlError::Changed(TABLE));
        }
        let had: BTreeSet<String> =
            Reading(TABLE).json::<Vec<String>>("tags", &old.tags)?.into_iter().collect();
        let has: BTreeSet<String> = new.tags.iter().cloned().collect();
        for name in had.difference(&has) {
            self.untag(new, name, on).await?;
        }
        for name in has.difference(&had) {
            self.tag(new, name, on).await?;
        }
        Ok(())
    }

    async fn tag(&self, of: &Contact, name: &str, on: &DatabaseTransaction) -> Result<(), ControlError> {
        let id = ContactId::from(self.ids.fresh(of.updated_at)).raw();
        let fresh = tag::Model { id, account: of.account.raw(), name: name.to_owned(), people: 0 };
        let once = OnConflict::columns([tag::Column::Account, tag::Column::Name]).do_nothing().to_owned();
        let added = tag::Entity::insert(fresh.into_active_model()).on_conflict(once);
        added.exec_without_returning(on).await.map_err(failed)?;
        let Some(id) = find_tag(of.account, name, on).await? else { return Err(Reading("tag").odd("name")) };
        let link = contact_tag::Model { tag: id, contact: of.id.raw(), account: of.account.raw() };
        let mut once = OnConflict::columns([contact_tag::Column::Tag, contact_tag::Column::Contact]);
        let linked =
            contact_tag::Entity::insert(link.into_active_model()).on_conflict(once.do_nothing().to_owned());
        let new = linked.exec_without_returning(on).await.map_err(failed)?;
        count(id, i64::try_from(new).unwrap_or(1), on).await
    }

    async fn untag(&self, of: &Contact, name: &str, on: &DatabaseTransaction) -> Result<(), ControlError> {
        let Some(id) = find_tag(of.account, name, on).await? else { return Ok(()) };
        let gone = contact_tag::Entity::delete_many()
            .filter(contact_tag::Column::Tag.eq(id))
            .filter(contact_tag::Column::Contact.eq(of.id.raw()))
            .exec(on)
            .await
            .map_err(failed)?;
        count(id, -i64::try_from(gone.rows_affected).unwrap_or(1), on).await
    }
}

async fn find_tag(
    account: AccountId,
    name: &str,
    on: &DatabaseTransaction,
) -> Result<Option<i64>, ControlError> {
    let found = tag::Entity::find()
        .filter(tag::Column::Account.eq(account.raw()))
        .filter(tag::Column::Name.eq(name))
        .one(on)
        .await;
    Ok(found.map_err(failed)?.map(|tag| tag.id))
}

async fn count(id: i64, more: i64, on: &DatabaseTransaction) -> Result<(), ControlError> {
    if more == 0 {
        return Ok(());
    }
    let people = Expr::col(tag::Column::People).add(more);
    let counted = tag::Entity::update_many().col_expr(tag::Column::People, people);
    counted.filter(tag::Column::Id.eq(id)).exec(on).await.map_err(failed)?;
    Ok(())
}
