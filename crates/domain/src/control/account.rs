//! Tenants, their legal entities, and the keys by which programs speak for them.

use async_trait::async_trait;

use super::ControlError;
use crate::ids::{AccountId, EntityId, KeyId};
use crate::time::Timestamp;

/// A tenant: owns contacts, campaigns, keys, money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    /// The legal entity whose consents and suppressions count.
    pub entity: EntityId,
    pub created_at: Timestamp,
}

/// A legal entity. Entities with the same `group` share refusals (网络交易办法 art. 16: no resending under another
/// name).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entity {
    pub id: EntityId,
    pub name: String,
    /// The entity that names the group; a single entity names itself.
    pub group: EntityId,
}

/// A bearer key. Only its SHA-256 is kept; the key itself is shown once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKey {
    pub id: KeyId,
    pub account: AccountId,
    pub name: String,
    pub secret_sha256: [u8; 32],
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// Accounts, entities and keys.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// All accounts, oldest first (few; the operator's own view).
    async fn accounts(&self) -> Result<Vec<Account>, ControlError>;
    async fn account(&self, id: AccountId) -> Result<Option<Account>, ControlError>;
    async fn entities(&self) -> Result<Vec<Entity>, ControlError>;
    /// Adds an account with its entity and first key at once.
    async fn add_account(&self, account: &Account, entity: &Entity, key: &ApiKey)
    -> Result<(), ControlError>;
    async fn add_key(&self, key: &ApiKey) -> Result<(), ControlError>;
    /// The key with this digest, unless it is revoked.
    async fn key(&self, secret_sha256: &[u8; 32]) -> Result<Option<ApiKey>, ControlError>;
}
