//! Stored templates; the source is sealed, since it may be sent as it stands.

use async_trait::async_trait;
use domain::control::{Conditions, ControlError, Edit, Edits as _, TemplateRecord, Templates};
use domain::ids::{AccountId, TemplateId};
use domain::message::Category;
use domain::time::Timestamp;
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::ControlDb;
use super::error::of_database;
use super::reading::{PAGE_LIMIT, Reading, seal};
use super::row::template::{ActiveModel, Column, Entity, Model};

const TABLE: &str = "template";

#[async_trait]
impl Templates for ControlDb {
    async fn add_template(&self, template: &TemplateRecord) -> Result<(), ControlError> {
        self.edit(Edit::AddTemplate(template), Conditions::default()).await.map(|_| ())
    }

    async fn template(
        &self,
        account: AccountId,
        id: TemplateId,
    ) -> Result<Option<TemplateRecord>, ControlError> {
        let row = Entity::find_by_id(id.raw()).filter(Column::Account.eq(account.raw())).one(&self.db).await;
        row.map_err(|e| of_database(&e, TABLE))?.map(|row| self.template_of(row)).transpose()
    }

    async fn templates(&self, account: AccountId, limit: u32) -> Result<Vec<TemplateRecord>, ControlError> {
        let rows = Entity::find()
            .filter(Column::Account.eq(account.raw()))
            .order_by_desc(Column::Id)
            .limit(u64::from(limit.min(PAGE_LIMIT)))
            .all(&self.db)
            .await;
        let rows = rows.map_err(|e| of_database(&e, TABLE))?;
        rows.into_iter().map(|row| self.template_of(row)).collect()
    }
}

impl ControlDb {
    pub(super) async fn insert_template(
        &self,
        template: &TemplateRecord,
        on: &DatabaseTransaction,
    ) -> Result<(), ControlError> {
        let row = Model {
            id: template.id.raw(),
            account: template.account.raw(),
            name: template.name.clone(),
            category: template.category.code().into(),
            sealed: seal(&self.sealer, TABLE, template.id.raw(), &template.source),
            created_at: template.created_at.millis(),
        };
        let added = Entity::insert(row.into_active_model()).exec_without_returning(on).await;
        added.map(|_| ()).map_err(|e| of_database(&e, TABLE))
    }

    /// `false`: there is no such template of this account.
    pub(super) async fn replace_template(
        &self,
        template: &TemplateRecord,
        on: &DatabaseTransaction,
    ) -> Result<bool, ControlError> {
        let id = template.id.raw();
        let changed = Entity::update_many()
            .set(ActiveModel {
                name: ActiveValue::Set(template.name.clone()),
                category: ActiveValue::Set(template.category.code().into()),
                sealed: ActiveValue::Set(seal(&self.sealer, TABLE, id, &template.source)),
                ..Default::default()
            })
            .filter(Column::Id.eq(id))
            .filter(Column::Account.eq(template.account.raw()))
            .exec(on)
            .await;
        Ok(changed.map_err(|e| of_database(&e, TABLE))?.rows_affected == 1)
    }

    fn template_of(&self, row: Model) -> Result<TemplateRecord, ControlError> {
        let reading = Reading(TABLE);
        Ok(TemplateRecord {
            id: TemplateId::from_raw(row.id),
            account: AccountId::from_raw(row.account),
            name: row.name,
            category: reading.code("category", row.category, Category::from_code)?,
            source: reading.open(&self.sealer, row.id, &row.sealed)?,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}
