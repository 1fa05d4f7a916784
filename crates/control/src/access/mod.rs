//! Tenants, keys, people, sessions, roles, links, and the log of who did what.
//!
//! Invariants: every change comes with its line of the log in one transaction ([`change`]); logins are found by a keyed
//! index and sealed; secrets that only have to be recognised are digests.

mod attempt;
mod change;
mod key;
mod log;
mod tenant;
mod user;

pub(super) use change::apply;
pub(super) use log::insert_line;

use async_trait::async_trait;
use domain::access::{Failures, Locked};
use domain::control::{
    Access, AccessChange, AuditFilter, AuditLine, ControlError, CustomRole, KeyGrant, OneTimeLink, Session,
    Tenant, User, Uses,
};
use domain::ids::{AccountId, KeyId, LinkId, RoleId, SessionId, UserId};
use domain::time::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::ControlDb;
use super::error::of_database;
use super::first_start::fill_random;
use super::reading::Reading;
use super::row::{access_link, access_role, app_session};

#[async_trait]
impl Access for ControlDb {
    async fn tenants(&self) -> Result<Vec<Tenant>, ControlError> {
        self.all_tenants().await
    }

    async fn tenant(&self, id: AccountId) -> Result<Option<Tenant>, ControlError> {
        self.one_tenant(id).await
    }

    async fn bearer_key(&self, secret_sha256: &[u8; 32]) -> Result<Option<KeyGrant>, ControlError> {
        let found =
            self.key_where(super::row::api_key::Column::SecretSha256.eq(secret_sha256.to_vec())).await?;
        Ok(found.filter(|grant| grant.signing.is_none()))
    }

    async fn signing_key(&self, id: KeyId) -> Result<Option<KeyGrant>, ControlError> {
        let found = self.key_where(super::row::api_key::Column::Id.eq(id.raw())).await?;
        Ok(found.filter(|grant| grant.signing.is_some()))
    }

    async fn keys(
        &self,
        account: AccountId,
        before: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyGrant>, ControlError> {
        self.page_of_keys(account, before, limit).await
    }

    async fn users(
        &self,
        account: AccountId,
        before: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<User>, ControlError> {
        self.page_of_users(account, before, limit).await
    }

    async fn user(&self, account: AccountId, id: UserId) -> Result<Option<User>, ControlError> {
        self.one_user(account, id).await
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<User>, ControlError> {
        self.user_of_login(login).await
    }

    async fn session(&self, secret_sha256: &[u8; 32]) -> Result<Option<Session>, ControlError> {
        let row = app_session::Entity::find()
            .filter(app_session::Column::SecretSha256.eq(secret_sha256.to_vec()))
            .filter(app_session::Column::EndedAt.is_null())
            .one(&self.db)
            .await;
        let session = |row: app_session::Model| {
            Ok(Session {
                id: SessionId::from_raw(row.id),
                account: AccountId::from_raw(row.account),
                user: UserId::from_raw(row.user_id),
                secret_sha256: Reading("app_session").digest("secret_sha256", &row.secret_sha256)?,
                created_at: Timestamp::from_millis(row.created_at),
                seen_at: Timestamp::from_millis(row.seen_at),
                expires_at: Timestamp::from_millis(row.expires_at),
            })
        };
        row.map_err(|e| of_database(&e, "session"))?.map(session).transpose()
    }

    async fn roles(&self, account: AccountId) -> Result<Vec<CustomRole>, ControlError> {
        let rows = access_role::Entity::find()
            .filter(access_role::Column::Account.eq(account.raw()))
            .order_by_asc(access_role::Column::Name)
            .all(&self.db)
            .await;
        let reading = Reading("access_role");
        let role = |row: access_role::Model| {
            Ok(CustomRole {
                id: RoleId::from_raw(row.id),
                account: AccountId::from_raw(row.account),
                name: row.name,
                permissions: key::permissions(reading, "permissions", &row.permissions)?,
                revision: reading.number("revision", row.revision)?,
            })
        };
        rows.map_err(|e| of_database(&e, "role"))?.into_iter().map(role).collect()
    }

    async fn link(&self, secret_sha256: &[u8; 32]) -> Result<Option<OneTimeLink>, ControlError> {
        let row = access_link::Entity::find()
            .filter(access_link::Column::SecretSha256.eq(secret_sha256.to_vec()))
            .filter(access_link::Column::UsedAt.is_null())
            .one(&self.db)
            .await;
        let link = |row: access_link::Model| {
            Ok(OneTimeLink {
                id: LinkId::from_raw(row.id),
                account: AccountId::from_raw(row.account),
                user: UserId::from_raw(row.user_id),
                secret_sha256: Reading("access_link").digest("secret_sha256", &row.secret_sha256)?,
                expires_at: Timestamp::from_millis(row.expires_at),
            })
        };
        row.map_err(|e| of_database(&e, "link"))?.map(link).transpose()
    }

    async fn change_access(&self, changes: &[AccessChange], line: &AuditLine) -> Result<(), ControlError> {
        let write = self.write().await?;
        for change in changes {
            apply(&write.transaction, &self.sealer, change).await?;
        }
        insert_line(&write.transaction, line).await?;
        write.commit().await
    }

    async fn log(&self, lines: &[AuditLine]) -> Result<(), ControlError> {
        if lines.is_empty() {
            return Ok(());
        }
        let write = self.write().await?;
        for line in lines {
            insert_line(&write.transaction, line).await?;
        }
        write.commit().await
    }

    async fn audit_log(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditLine>, ControlError> {
        self.page_of_log(filter, limit).await
    }

    async fn attempt(&self, login: &str, now: Timestamp) -> Result<Result<Failures, Locked>, ControlError> {
        self.count_attempt(login, now).await
    }

    async fn note_uses(&self, uses: &Uses) -> Result<(), ControlError> {
        self.write_uses(uses).await
    }

    async fn expire_access(&self, now: Timestamp) -> Result<u64, ControlError> {
        self.remove_ended(now).await
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), ControlError> {
        fill_random(bytes)
    }
}
