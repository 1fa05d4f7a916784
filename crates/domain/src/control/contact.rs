//! Contacts: people's records. Phones and personal attributes are sealed at rest; queryable ones are plain.

use async_trait::async_trait;

use super::ControlError;
use crate::ids::{AccountId, ContactId, ImportId};
use crate::message::coded_enum;
use crate::phone::Phone;
use crate::time::Timestamp;
use std::fmt;

coded_enum! {
    /// What an attribute may be used for, and how it is kept.
    FieldKind {
        /// Name, address: sealed, usable in texts.
        Personal = 1, "personal";
        /// City, level, amounts: plain, usable in texts and in segments.
        Queryable = 2, "queryable";
    }
}

/// What an import says about one person.
#[derive(Clone, PartialEq, Eq)]
pub struct ContactRow {
    pub phone: Phone,
    /// Attributes by name; they replace those of the same name and leave others.
    pub personal: Vec<(String, String)>,
    pub queryable: Vec<(String, String)>,
    /// Added to the tags that the contact has.
    pub tags: Vec<String>,
}

/// A person's record.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    pub id: ContactId,
    pub account: AccountId,
    pub phone: Phone,
    pub personal: Vec<(String, String)>,
    pub queryable: Vec<(String, String)>,
    pub tags: Vec<String>,
    pub import: Option<ImportId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Which contacts to list.
#[derive(Clone, Debug, Default)]
pub struct ContactFilter {
    /// Any of these; empty is everybody.
    pub tags: Vec<String>,
    pub phone: Option<Phone>,
    pub after: Option<ContactId>,
}

/// What an upsert did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Upserted {
    pub new: u64,
    pub updated: u64,
}

/// Contacts, in bulk.
#[async_trait]
pub trait Contacts: Send + Sync {
    /// Adds or updates people by phone, durable on return. Rows must not repeat a phone.
    async fn upsert_contacts(
        &self,
        account: AccountId,
        import: Option<ImportId>,
        rows: Vec<ContactRow>,
        now: Timestamp,
    ) -> Result<Upserted, ControlError>;
    /// A page in order of id.
    async fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        limit: u32,
    ) -> Result<Vec<Contact>, ControlError>;
    async fn count_contacts(&self, account: AccountId) -> Result<u64, ControlError>;
    /// Tags with how many contacts have each.
    async fn tags(&self, account: AccountId) -> Result<Vec<(String, u64)>, ControlError>;
}
