//! Customers that connect to us: their submits on the way in, their reports and messages on the way out.
//!
//! Invariants: a submit has an id only when what it brought is durable; a delivery leaves the ledger only after the
//! customer has acknowledged it; whatever is in memory here is bounded, and the ledger has it too.

mod ask;
mod counter;
mod delete;
mod desk;
mod leases;
mod pump;
mod several;
mod submit;

use std::sync::Arc;

use async_trait::async_trait;
use domain::downstream::{
    Answer, Customer, Delivery, DeliveryKey, Downstream, Handed, Question, Submit, SubmitRefusal,
};
use domain::ids::CustomerId;

pub(crate) use counter::Counter;
pub use pump::DownstreamError;

use crate::Engine;

#[async_trait]
impl Downstream for Engine {
    async fn customer(&self, login: &str) -> Option<Arc<Customer>> {
        let all = self.customers().await;
        all.into_iter().flatten().find(|customer| customer.login == login)
    }

    async fn customers(&self) -> Option<Vec<Arc<Customer>>> {
        // Others will take what this node holds: nobody stays.
        if !self.node.may_act() {
            return Some(Vec::new());
        }
        match self.all_customers().await {
            Ok(all) => Some(all.iter().filter(|customer| customer.enabled).cloned().collect()),
            Err(error) => {
                tracing::error!(%error, "customers could not be read: nobody new is let in");
                None
            }
        }
    }

    async fn submit(
        &self,
        customer: &Arc<Customer>,
        submits: Vec<Submit>,
    ) -> Vec<Result<u128, SubmitRefusal>> {
        self.take_submits(customer, submits).await
    }

    async fn ask(&self, customer: &Arc<Customer>, question: Question) -> Answer {
        self.answer(customer, &question).await
    }

    async fn enter(&self, customer: &Arc<Customer>) -> bool {
        self.take_place(customer).await
    }

    fn leave(&self, customer: CustomerId) {
        self.leave_place(customer);
    }

    fn pace(&self, customer: &Customer) -> Option<u32> {
        self.part_of_pace(customer)
    }

    fn attach(&self, customer: CustomerId) {
        self.counter.desk(customer).attach();
        self.counter.look();
    }

    fn detach(&self, customer: CustomerId) {
        self.counter.desk(customer).detach();
    }

    async fn due(&self, customer: CustomerId) {
        self.counter.desk(customer).due().await;
    }

    fn take(&self, customer: CustomerId, limit: usize) -> Vec<Delivery> {
        // What waits may be another node's to tell by now.
        if !self.node.may_act() {
            return Vec::new();
        }
        self.counter.desk(customer).take(limit)
    }

    fn done(&self, customer: CustomerId, key: DeliveryKey, handed: Handed) {
        self.counter.desk(customer).done(key, handed, self.clock.monotonic_millis());
    }
}
