//! The end of a customer: what waits for it is told to nobody.

use std::sync::Arc;

use domain::control::{Conditions, Edit};
use domain::downstream::{Assembly, Customer, Waiting, WaitingKind, WaitingPlace, What};
use domain::ids::{CustomerId, PartitionId};
use domain::ledger::LedgerError;
use domain::message::Reason;

use super::pump::{DownstreamError, PAGE};
use crate::Engine;

impl Engine {
    /// Deletes a customer. Its connections close within a second. Texts of which parts are missing end as rejected, as they
    /// would by their age; messages that were accepted go on, and end as their trail says; what waits to be told is dropped.
    /// What ends later waits for nobody, and is dropped when it is old. `false`: there is no such customer.
    ///
    /// # Errors
    /// When the control database or the ledger refuses. Repeated after the ledger refused, it says `false`: what is left
    /// then waits until it is old.
    pub async fn delete_customer(
        &self,
        id: CustomerId,
        terms: Conditions<'_>,
    ) -> Result<bool, DownstreamError> {
        let customers = self.all_customers().await?;
        let Some(customer) = customers.iter().find(|customer| customer.id == id).map(Arc::clone) else {
            return Ok(false);
        };
        if !self.edit(Edit::DeleteCustomer(id), terms).await? {
            return Ok(false);
        }
        self.counter.assembly().leave(id);
        for partition in self.ledger.partitions().all() {
            self.end_texts(&customer, partition).await?;
            for &kind in WaitingKind::ALL {
                self.drop_waiting(id, partition, kind).await?;
            }
        }
        self.counter.remove(id);
        Ok(true)
    }

    /// Ends texts that are not whole, from what is kept of them.
    async fn end_texts(&self, customer: &Customer, partition: PartitionId) -> Result<(), DownstreamError> {
        let (mut texts, mut after) = (Assembly::default(), WaitingPlace::START);
        loop {
            let page =
                self.ledger.waiting(partition, customer.id, WaitingKind::Fragment, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.place;
            for Waiting { place, phone, what } in &page {
                if let What::Fragment { body } = what {
                    // One that cannot be read is dropped with the rest.
                    let _read = texts.restore(customer.id, *phone, *place, body);
                }
            }
        }
        for whole in texts.leave(customer.id) {
            if let Err(error) = self.reject_for(customer, &whole, Reason::PartsMissing).await {
                tracing::warn!(customer = %customer.id, %error, "a text of a deleted customer could not be ended");
            }
        }
        Ok(())
    }

    async fn drop_waiting(
        &self,
        customer: CustomerId,
        partition: PartitionId,
        kind: WaitingKind,
    ) -> Result<(), LedgerError> {
        loop {
            let page = self.ledger.waiting(partition, customer, kind, WaitingPlace::START, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            let places = page.iter().map(|waiting| waiting.place).collect();
            self.ledger.forget_waiting(partition, customer, kind, places).await?;
        }
    }
}
