//! What waits in every partition, published by the writers, read by the dispatcher without asking them.

use std::sync::{Mutex, PoisonError};

use domain::ids::PartitionId;
use domain::ledger::Due;
use tokio::sync::Notify;

use crate::told::Told;

/// The last published streams of every partition.
pub struct Board {
    partitions: Mutex<Vec<Vec<Due>>>,
    changed: Notify,
    /// Published after commits.
    pub told: Told,
}

impl Board {
    pub fn new(partitions: u16) -> Self {
        let partitions = Mutex::new(vec![Vec::new(); usize::from(partitions)]);
        Self { partitions, changed: Notify::new(), told: Told::new(1) }
    }

    pub fn publish(&self, id: PartitionId, due: Vec<Due>) {
        {
            let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
            match partitions.get_mut(usize::from(id.0)) {
                Some(known) if *known != due => *known = due,
                _ => return,
            }
        }
        self.changed.notify_waiters();
        // For the one who looked just before and is about to wait.
        self.changed.notify_one();
    }

    pub fn all(&self) -> Vec<Due> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).concat()
    }

    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
