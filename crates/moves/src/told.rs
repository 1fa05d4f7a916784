//! For whom something was written lately: a hint for whoever delivers, so that it need not look everywhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::ids::{CustomerId, PartitionId};

/// Customers by partition, each told as often as it was made for: once where it is known that the rows are committed, some
/// times where they may not be yet. Bounded by partitions times customers.
pub struct Told {
    times: u8,
    open: Mutex<BTreeMap<(PartitionId, CustomerId), u8>>,
}

impl Told {
    pub fn new(times: u8) -> Self {
        Self { times: times.max(1), open: Mutex::default() }
    }

    pub fn add(&self, partition: PartitionId, customers: impl IntoIterator<Item = CustomerId>) {
        let mut customers = customers.into_iter().peekable();
        if customers.peek().is_none() {
            return;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.extend(customers.map(|customer| ((partition, customer), self.times)));
    }

    pub fn take(&self) -> Vec<(PartitionId, CustomerId)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let told = open.keys().copied().collect();
        open.retain(|_, left| {
            *left -= 1;
            *left > 0
        });
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_as_often_as_asked_for_and_added_anew() {
        let (one, two) = ((PartitionId(0), CustomerId(1)), (PartitionId(3), CustomerId(1)));
        let told = Told::new(2);
        told.add(one.0, [one.1, one.1]);
        assert_eq!(told.take(), [one]);
        told.add(two.0, [two.1]);
        assert_eq!(told.take(), [one, two]);
        assert_eq!(told.take(), [two]);
        assert_eq!(told.take(), []);
        Told::new(1).add(one.0, []);
    }
}
