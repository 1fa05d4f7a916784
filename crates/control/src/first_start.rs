//! The first start: one account, one legal entity, one owner key.

use std::io;

use domain::control::{Account, ApiKey, ControlError, Entity, Secret};
use domain::ids::{AccountId, EntityId, IdGenerator, KeyId};
use domain::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, IntoActiveModel, PaginatorTrait};
use sha2::{Digest as _, Sha256};

use super::ControlDb;
use super::account::insert_account;
use super::error::of_database;
use super::row::{account, setting};
use super::write::Write;

/// So that a key found in a file or a log is recognised, by people and by scanners.
const KEY_PREFIX: &str = "hy_";
/// 256 bits: nobody guesses it, so a plain digest of it is safe to keep.
const KEY_BYTES: usize = 32;
/// The setting that says that it was made.
const FIRST_START: &str = "first_start";
/// Crockford's alphabet, as in ids.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What the first start made. The key is shown once: only its digest is kept.
#[derive(Clone, Debug)]
pub struct FirstStart {
    pub account: Account,
    pub entity: Entity,
    pub key: Secret,
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
        let secret = fresh_key()?;
        let key = ApiKey {
            id: KeyId::from(ids.fresh(now)),
            account: account.id,
            name: "owner".to_owned(),
            secret_sha256: secret_sha256(&secret.0),
            created_at: now,
            revoked_at: None,
        };
        insert_account(&write.transaction, &account, &entity, &key).await?;
        keep(&secret).map_err(|error| {
            ControlError::Unavailable(format!("the owner's key could not be kept: {error}"))
        })?;
        write.commit().await?;
        Ok(Some(FirstStart { account, entity, key: secret }))
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

fn fresh_key() -> Result<Secret, ControlError> {
    let mut bytes = [0u8; KEY_BYTES];
    fill_random(&mut bytes)?;
    let mut text = String::from(KEY_PREFIX);
    let (mut pending, mut bits) = (0u32, 0u32);
    for byte in bytes {
        pending = (pending << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(pending >> bits & 31) as usize]));
        }
    }
    // 256 bits leave one over: it makes the last character.
    text.push(char::from(ALPHABET[(pending << (5 - bits) & 31) as usize]));
    Ok(Secret(text))
}

#[expect(clippy::disallowed_methods, reason = "a bearer key is the one random value of the control database")]
fn fill_random(bytes: &mut [u8]) -> Result<(), ControlError> {
    getrandom::fill(bytes).map_err(|_| ControlError::Unavailable("no random bytes for a key".to_owned()))
}
