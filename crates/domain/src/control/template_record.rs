//! Stored templates.

use async_trait::async_trait;

use super::ControlError;
use crate::ids::{AccountId, TemplateId};
use crate::message::Category;
use crate::time::Timestamp;

/// A message text with variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateRecord {
    pub id: TemplateId,
    pub account: AccountId,
    /// Unique within the account.
    pub name: String,
    pub category: Category,
    pub source: String,
    pub created_at: Timestamp,
}

/// Templates.
#[async_trait]
pub trait Templates: Send + Sync {
    async fn add_template(&self, template: &TemplateRecord) -> Result<(), ControlError>;
    async fn template(
        &self,
        account: AccountId,
        id: TemplateId,
    ) -> Result<Option<TemplateRecord>, ControlError>;
    /// Newest first.
    async fn templates(&self, account: AccountId, limit: u32) -> Result<Vec<TemplateRecord>, ControlError>;
}
