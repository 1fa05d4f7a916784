//! What the engine keeps in memory about customers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::downstream::Assembly;
use domain::ids::CustomerId;
use tokio::sync::Notify;

use super::desk::Desk;

/// Texts that are not whole, and a desk for each customer that was ever here.
#[derive(Default)]
pub(crate) struct Counter {
    assembly: Mutex<Assembly>,
    desks: Mutex<HashMap<CustomerId, Arc<Desk>>>,
    changed: Notify,
}

impl Counter {
    pub(super) fn assembly(&self) -> MutexGuard<'_, Assembly> {
        self.assembly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A customer's desk.
    pub(super) fn desk(&self, customer: CustomerId) -> Arc<Desk> {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(desks.entry(customer).or_insert_with(|| Arc::new(Desk::new(customer))))
    }

    pub(super) fn desks(&self) -> Vec<Arc<Desk>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A customer that is gone.
    pub(super) fn remove(&self, customer: CustomerId) {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner).remove(&customer);
    }

    /// Something may wait in the ledger.
    pub(crate) fn look(&self) {
        self.changed.notify_one();
    }

    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
