//! Events and money pass the observers as they are: no account of a simulation listens, and the books are compared with the
//! ledger itself.

use async_trait::async_trait;
use domain::events::{EventLog, EventPlace, EventRead};
use domain::ids::{AccountId, LaneId, PartitionId};
use domain::ledger::{Allowance, LedgerError, MoneyLedger, Tally};
use domain::money::Money;

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

        #[async_trait]
        impl MoneyLedger for $observer {
            async fn granted(
                &self,
                partition: PartitionId,
                account: AccountId,
                total: Money,
            ) -> Result<(), LedgerError> {
                if self.loses_grants() { Ok(()) } else { self.inner.granted(partition, account, total).await }
            }

            async fn give_back(
                &self,
                partition: PartitionId,
                account: AccountId,
                most: Money,
            ) -> Result<Money, LedgerError> {
                self.inner.give_back(partition, account, most).await
            }

            async fn allowance(
                &self,
                partition: PartitionId,
                account: AccountId,
            ) -> Result<Allowance, LedgerError> {
                self.inner.allowance(partition, account).await
            }

            async fn allowances(
                &self,
                partition: PartitionId,
            ) -> Result<Vec<(AccountId, Allowance)>, LedgerError> {
                self.inner.allowances(partition).await
            }

            async fn hour_tallies(
                &self,
                partition: PartitionId,
                hour: i64,
                after: Option<LaneId>,
            ) -> Result<(Vec<Tally>, Option<LaneId>), LedgerError> {
                self.inner.hour_tallies(partition, hour, after).await
            }

            async fn next_hour(&self, partition: PartitionId, hour: i64) -> Result<Option<i64>, LedgerError> {
                self.inner.next_hour(partition, hour).await
            }
        }
    };
}

impl WatchedLedger {
    fn loses_grants(&self) -> bool {
        self.fault.loses_grants()
    }
}

heard_through!(WatchedLedger);
#[cfg(debug_assertions)]
impl FaultyLedger {
    /// The observer in front of it has lost them.
    fn loses_grants(&self) -> bool {
        false
    }
}

#[cfg(debug_assertions)]
heard_through!(FaultyLedger);
