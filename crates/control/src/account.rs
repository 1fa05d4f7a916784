//! Accounts, legal entities and keys.

use async_trait::async_trait;
use domain::control::{Account, Accounts, ApiKey, ControlError, Entity};
use domain::ids::{AccountId, EntityId, KeyId};
use domain::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::ControlDb;
use super::error::of_database;
use super::reading::Reading;
use super::row::{account, api_key, entity};

#[async_trait]
impl Accounts for ControlDb {
    async fn accounts(&self) -> Result<Vec<Account>, ControlError> {
        let rows = account::Entity::find().order_by_asc(account::Column::Id).all(&self.db).await;
        Ok(rows.map_err(|e| of_database(&e, "account"))?.into_iter().map(account_of).collect())
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>, ControlError> {
        let row = account::Entity::find_by_id(id.raw()).one(&self.db).await;
        Ok(row.map_err(|e| of_database(&e, "account"))?.map(account_of))
    }

    async fn entities(&self) -> Result<Vec<Entity>, ControlError> {
        let rows = entity::Entity::find().order_by_asc(entity::Column::Id).all(&self.db).await;
        let entity = |row: entity::Model| Entity {
            id: EntityId::from_raw(row.id),
            name: row.name,
            group: EntityId::from_raw(row.entity_group),
        };
        Ok(rows.map_err(|e| of_database(&e, "entity"))?.into_iter().map(entity).collect())
    }

    async fn add_account(
        &self,
        account: &Account,
        entity: &Entity,
        key: &ApiKey,
    ) -> Result<(), ControlError> {
        let write = self.write().await?;
        insert_account(&write.transaction, account, entity, key).await?;
        write.commit().await
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), ControlError> {
        let write = self.write().await?;
        insert_key(&write.transaction, key).await?;
        write.commit().await
    }

    async fn key(&self, secret_sha256: &[u8; 32]) -> Result<Option<ApiKey>, ControlError> {
        let row = api_key::Entity::find()
            .filter(api_key::Column::SecretSha256.eq(secret_sha256.to_vec()))
            .filter(api_key::Column::RevokedAt.is_null())
            .one(&self.db)
            .await
            .map_err(|e| of_database(&e, "api_key"))?;
        row.map(key_of).transpose()
    }
}

/// An account, its entity and its first key, within the caller's transaction. An entity that is there already is
/// shared: one legal entity may own several accounts.
pub(super) async fn insert_account<C: ConnectionTrait>(
    db: &C,
    account: &Account,
    entity: &Entity,
    key: &ApiKey,
) -> Result<(), ControlError> {
    insert_tenant(db, account, entity).await?;
    insert_key(db, key).await
}

/// An account with its entity, as [`insert_account`].
pub(super) async fn insert_tenant<C: ConnectionTrait>(
    db: &C,
    account: &Account,
    entity: &Entity,
) -> Result<(), ControlError> {
    let row =
        entity::Model { id: entity.id.raw(), name: entity.name.clone(), entity_group: entity.group.raw() };
    let unless_known = OnConflict::column(entity::Column::Id).do_nothing().to_owned();
    let added = entity::Entity::insert(row.into_active_model()).on_conflict(unless_known);
    added.exec_without_returning(db).await.map_err(|e| of_database(&e, "entity"))?;
    let row = account::Model {
        id: account.id.raw(),
        name: account.name.clone(),
        entity: account.entity.raw(),
        created_at: account.created_at.millis(),
    };
    let added = account::Entity::insert(row.into_active_model()).exec_without_returning(db).await;
    added.map(|_| ()).map_err(|e| of_database(&e, "account"))
}

pub(super) async fn insert_key<C: ConnectionTrait>(db: &C, key: &ApiKey) -> Result<(), ControlError> {
    let row = api_key::Model {
        id: key.id.raw(),
        account: key.account.raw(),
        name: key.name.clone(),
        secret_sha256: key.secret_sha256.to_vec(),
        created_at: key.created_at.millis(),
        revoked_at: key.revoked_at.map(Timestamp::millis),
    };
    let added = api_key::Entity::insert(row.into_active_model()).exec_without_returning(db).await;
    added.map(|_| ()).map_err(|e| of_database(&e, "api_key"))
}

pub(super) fn account_of(row: account::Model) -> Account {
    Account {
        id: AccountId::from_raw(row.id),
        name: row.name,
        entity: EntityId::from_raw(row.entity),
        created_at: Timestamp::from_millis(row.created_at),
    }
}

pub(super) fn key_of(row: api_key::Model) -> Result<ApiKey, ControlError> {
    Ok(ApiKey {
        id: KeyId::from_raw(row.id),
        account: AccountId::from_raw(row.account),
        name: row.name,
        secret_sha256: Reading("api_key").digest("secret_sha256", &row.secret_sha256)?,
        created_at: Timestamp::from_millis(row.created_at),
        revoked_at: row.revoked_at.map(Timestamp::from_millis),
    })
}
