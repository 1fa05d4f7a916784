//! Events, money and orders pass the observers as they are: no account of a simulation listens, and the books are compared with the
//! ledger itself.

use async_trait::async_trait;
use domain::events::{EventLog, EventPlace, EventRead};
use domain::ids::{AccountId, CustomerId, LaneId, MessageId, PartitionId};
use domain::ledger::{
    Allowance, Cancelling, Forgetting, LedgerError, MessageOrders, MoneyLedger, Redacting, Sent, SentCounts,
    Tally,
};
use domain::money::Money;
use domain::time::Timestamp;

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

        #[async_trait]
        impl MessageOrders for $observer {
            async fn cancel(
                &self,
                partition: PartitionId,
                account: AccountId,
                messages: Vec<MessageId>,
                now: Timestamp,
            ) -> Result<Vec<Cancelling>, LedgerError> {
                if self.forgets_cancels() {
                    return Ok(messages.iter().map(|_| Cancelling::Cancelled).collect());
                }
                let answer = self.inner.cancel(partition, account, messages, now).await;
                self.take_its_time().await;
                answer
            }

            async fn redact(
                &self,
                partition: PartitionId,
                account: AccountId,
                messages: Vec<MessageId>,
                how: Forgetting,
                now: Timestamp,
            ) -> Result<Vec<Redacting>, LedgerError> {
                if self.forgets_redactions() {
                    return Ok(messages.iter().map(|_| Redacting::Redacted { since: now }).collect());
                }
                let answer = self.inner.redact(partition, account, messages, how, now).await;
                self.take_its_time().await;
                answer
            }

            async fn sent_as(
                &self,
                partition: PartitionId,
                customer: CustomerId,
                id: u128,
                between: (Timestamp, Timestamp),
            ) -> Result<Vec<Sent>, LedgerError> {
                self.inner.sent_as(partition, customer, id, between).await
            }

            async fn count_sent(
                &self,
                partition: PartitionId,
                customer: CustomerId,
                between: (MessageId, MessageId),
            ) -> Result<(SentCounts, Option<MessageId>), LedgerError> {
                self.inner.count_sent(partition, customer, between).await
            }
        }
    };
}

impl WatchedLedger {
    fn loses_grants(&self) -> bool {
        self.fault.loses_grants()
    }

    fn forgets_cancels(&self) -> bool {
        self.fault.forgets_cancels()
    }

    fn forgets_redactions(&self) -> bool {
        self.fault.forgets_redactions()
    }

    async fn take_its_time(&self) {
        self.linger().await;
    }
}

heard_through!(WatchedLedger);
#[cfg(debug_assertions)]
impl FaultyLedger {
    /// The observer in front of it has lost them.
    fn loses_grants(&self) -> bool {
        false
    }

    fn forgets_cancels(&self) -> bool {
        false
    }

    fn forgets_redactions(&self) -> bool {
        false
    }

    async fn take_its_time(&self) {}
}

#[cfg(debug_assertions)]
heard_through!(FaultyLedger);
