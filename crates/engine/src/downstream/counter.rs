//! What the engine keeps in memory about customers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::downstream::Assembly;
use domain::ids::{CustomerId, PartitionId};
use tokio::sync::Notify;

use super::desk::Desk;
use super::leases::Held;

/// Texts that are not whole, and a desk for each customer that was ever here.
#[derive(Default)]
pub(crate) struct Counter {
    assembly: Mutex<Assembly>,
    desks: Mutex<HashMap<CustomerId, Arc<Desk>>>,
    changed: Notify,
    held: Mutex<Held>,
    /// Places are taken and given back one after the other.
    pub(super) entering: tokio::sync::Mutex<()>,
    /// Where this node kept parts that may wait still.
    kept: Mutex<BTreeSet<(CustomerId, PartitionId)>>,
}

impl Counter {
    pub(super) fn assembly(&self) -> MutexGuard<'_, Assembly> {
        self.assembly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, BTreeSet<(CustomerId, PartitionId)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
