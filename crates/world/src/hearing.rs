//! Events pass the observers as they are: no account of a simulation listens, and the model knows nothing of them.

use async_trait::async_trait;
use domain::events::{EventLog, EventPlace, EventRead};
use domain::ids::{AccountId, PartitionId};
use domain::ledger::LedgerError;

#[cfg(debug_assertions)]
use crate::faults::FaultyLedger;
use crate::watch::WatchedLedger;

macro_rules! heard_through {
    ($observer:ident) => {
        #[async_trait]
        impl EventLog for $observer {
            async fn listen(&self, account: AccountId, on: bool) -> Result<(), LedgerError> {
                self.inner.listen(account, on).await
            }

            async fn listens(&self, account: AccountId) -> Result<bool, LedgerError> {
                self.inner.listens(account).await
            }

            async fn event_heads(&self) -> Result<Vec<i64>, LedgerError> {
                self.inner.event_heads().await
            }

            async fn events(
                &self,
                partition: PartitionId,
                account: AccountId,
                from: EventPlace,
                through: i64,
                limit: u32,
            ) -> Result<EventRead, LedgerError> {
                self.inner.events(partition, account, from, through, limit).await
            }
        }
    };
}

heard_through!(WatchedLedger);
#[cfg(debug_assertions)]
heard_through!(FaultyLedger);
