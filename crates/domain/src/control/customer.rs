//! Customers that connect to us over a carrier protocol, as an operator configures them.

use async_trait::async_trait;

use super::ControlError;
use crate::downstream::Customer;

/// Customers; few enough to be read together.
#[async_trait]
pub trait Customers: Send + Sync {
    /// In order of id.
    async fn customers(&self) -> Result<Vec<Customer>, ControlError>;
    /// Adds or replaces. [`ControlError::Exists`]: another customer has this login.
    async fn put_customer(&self, customer: &Customer) -> Result<(), ControlError>;
}
