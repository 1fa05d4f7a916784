//! Customers that connect to us over a carrier protocol, as an operator configures them.

use async_trait::async_trait;

use super::ControlError;
use crate::downstream::Customer;
use crate::ids::CustomerId;

/// Customers; few enough to be read together.
#[async_trait]
pub trait Customers: Send + Sync {
    /// In order of id.
    async fn customers(&self) -> Result<Vec<Customer>, ControlError>;
    /// Adds or replaces. [`ControlError::Exists`]: another customer has this login. [`ControlError::Gone`]: one of this number
    /// was deleted.
    async fn put_customer(&self, customer: &Customer) -> Result<(), ControlError>;
    /// Deletes one, with its password; its login is free again. Its number is not: messages on their way name it. `false`:
    /// there is none.
    async fn delete_customer(&self, id: CustomerId) -> Result<bool, ControlError>;
}
