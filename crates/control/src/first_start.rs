//! The first start: one account, one legal entity, one owner with a key for programs and a one-time link for the person.

use std::io;
use std::time::Duration;

use domain::access::{Principal, Role, RoleRef, SECRET_BYTES, SecretKind};
use domain::control::{
    AccessChange, Account, ApiKey, AuditLine, ControlError, Entity, OneTimeLink, Secret, User,
};
use domain::ids::{AccountId, EntityId, IdGenerator, KeyId};
use domain::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, IntoActiveModel, PaginatorTrait};
use sha2::{Digest as _, Sha256};

use super::ControlDb;
use super::access::{apply, insert_line};
use super::account::insert_account;
use super::error::of_database;
use super::row::{account, setting};
use super::write::Write;

/// The setting that says that it was made.
const FIRST_START: &str = "first_start";
/// How long the owner's one-time link is good for.
const LINK_KEPT: Duration = Duration::from_secs(72 * 3_600);
/// Under what the owner signs in first.
const OWNER_LOGIN: &str = "owner";

/// What the first start made. Key and link are shown once: only their digests are kept.
#[derive(Clone, Debug)]
pub struct FirstStart {
    pub account: Account,
    pub entity: Entity,
    pub key: Secret,
    /// With it the owner chooses a password, once, within three days.
    pub link: Secret,
    /// The owner's login.
    pub login: String,
}

/// The digest under which a bearer key is kept and found ([`domain::control::Accounts::key`]).
#[must_use]
pub fn secret_sha256(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

impl ControlDb {
    /// Makes the first account, its legal entity and its owner key, unless there is an account already. `keep` is
    /// given the key before any of it is committed: a process that dies in between leaves a key that opens nothing
    /// and is made anew, never an account that no key opens.
    ///
    /// # Errors
    /// [`ControlError`], and [`ControlError::Unavailable`] when `keep` fails; nothing is kept then, so it may be
    /// repeated.
    pub async fn first_start(
        &self,
        now: Timestamp,
        ids: &IdGenerator,
        keep: impl FnOnce(&Secret) -> io::Result<()> + Send,
    ) -> Result<Option<FirstStart>, ControlError> {
        let write = self.write().await?;
        let accounts = account::Entity::find().count(&write.transaction).await;
        if accounts.map_err(|e| of_database(&e, "account"))? > 0 || !first(&write).await? {
            return Ok(None);
        }
        let entity_id = EntityId::from(ids.fresh(now));
        let entity =
            Entity { id: entity_id, name: "默认主体 Default entity".to_owned(), group: entity_id };
        let account = Account {
            id: AccountId::from(ids.fresh(now)),
            name: "默认账户 Default account".to_owned(),
            entity: entity_id,
            created_at: now,
        };
        let secret = fresh(SecretKind::Bearer)?;
        let key = ApiKey {
            id: KeyId::from(ids.fresh(now)),
            account: account.id,
            name: "owner".to_owned(),
            secret_sha256: secret_sha256(&secret.0),
            created_at: now,
            revoked_at: None,
        };
        insert_account(&write.transaction, &account, &entity, &key).await?;
        let link = self.add_owner(&write, account.id, now, ids).await?;
        keep(&secret).map_err(|error| {
            ControlError::Unavailable(format!("the owner's key could not be kept: {error}"))
        })?;
        write.commit().await?;
        Ok(Some(FirstStart { account, entity, key: secret, link, login: OWNER_LOGIN.to_owned() }))
    }

    /// The person who owns the installation; they have no password until they choose one.
    async fn add_owner(
        &self,
        write: &Write<'_>,
        account: AccountId,
        now: Timestamp,
        ids: &IdGenerator,
    ) -> Result<Secret, ControlError> {
        let secret = fresh(SecretKind::Link)?;
        let user = User {
            id: ids.fresh(now).into(),
            account,
            login: OWNER_LOGIN.to_owned(),
            name: String::new(),
            password: None,
            second_factor: None,
            roles: vec![RoleRef::Builtin(Role::Owner)],
            disabled_at: None,
            created_at: now,
            revision: 0,
        };
        let link = OneTimeLink {
            id: ids.fresh(now).into(),
            account,
            user: user.id,
            secret_sha256: secret_sha256(&secret.0),
            expires_at: now.plus(LINK_KEPT),
        };
        let line = AuditLine {
            id: ids.fresh(now).into(),
            at: now,
            account,
            principal: Principal::System,
            home: account,
            action: "installation.begin".to_owned(),
            object: account.to_string(),
            address: None,
            request: String::new(),
            before: None,
            after: None,
            count: 1,
            detail: Vec::new(),
        };
        for change in [AccessChange::AddUser(user), AccessChange::AddLink(link)] {
            apply(&write.transaction, &self.sealer, &change).await?;
        }
        insert_line(&write.transaction, &line).await?;
        Ok(secret)
    }
}

/// Whether this is the first start of all nodes: of two that begin at once, one waits here until the other has ended.
async fn first(write: &Write<'_>) -> Result<bool, ControlError> {
    let row = setting::Model { name: FIRST_START.to_owned(), content: String::new() };
    let unless_known = OnConflict::column(setting::Column::Name).do_nothing().to_owned();
    let put = setting::Entity::insert(row.into_active_model()).on_conflict(unless_known);
    let put = put.exec_without_returning(&write.transaction).await;
    Ok(put.map_err(|e| of_database(&e, "setting"))? == 1)
}

fn fresh(kind: SecretKind) -> Result<Secret, ControlError> {
    let mut bytes = [0u8; SECRET_BYTES];
    fill_random(&mut bytes)?;
    Ok(kind.write(&bytes))
}

#[expect(clippy::disallowed_methods, reason = "secrets are the random values of the control database")]
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), ControlError> {
    getrandom::fill(bytes).map_err(|_| ControlError::Unavailable("no random bytes for a secret".to_owned()))
}
