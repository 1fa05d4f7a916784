//! What money needs of the ledger: allowances, and counters by the hour.
//!
//! An allowance is what an account may still have accepted in one partition. Its three sums only ever grow, so that
//! repeating a call changes nothing, and what is left is never negative.

use async_trait::async_trait;

use super::{LedgerError, Tally};
use crate::ids::{AccountId, LaneId, PartitionId};
use crate::money::Money;

/// What an account was granted in a partition, in all, and what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Allowance {
    pub granted: Money,
    /// The prices of the messages accepted on it.
    pub drawn: Money,
    /// Given back to the account's funds.
    pub returned: Money,
}

impl Allowance {
    /// What messages may still draw.
    #[must_use]
    pub fn left(&self) -> Money {
        self.granted - self.drawn - self.returned
    }

    /// How much is missing for a draw; nothing where it fits.
    #[must_use]
    pub fn missing(&self, draw: Money) -> Option<Money> {
        Some(draw - self.left()).filter(|missing| *missing > Money::ZERO)
    }
}

/// The money side of the ledger, by partition.
#[async_trait]
pub trait MoneyLedger: Send + Sync {
    /// An account has been granted this much here in all. A smaller sum than is known changes nothing.
    async fn granted(
        &self,
        partition: PartitionId,
        account: AccountId,
        total: Money,
    ) -> Result<(), LedgerError>;

    /// Takes up to `most` of what is left off an account's allowance. Returns what it has given back in all.
    async fn give_back(
        &self,
        partition: PartitionId,
        account: AccountId,
        most: Money,
    ) -> Result<Money, LedgerError>;

    /// The allowance of one account here; nothing where it never had one.
    async fn allowance(&self, partition: PartitionId, account: AccountId) -> Result<Allowance, LedgerError>;

    /// The allowances of all accounts that ever had one here, in order of the account.
    async fn allowances(&self, partition: PartitionId) -> Result<Vec<(AccountId, Allowance)>, LedgerError>;

    /// Counters of one hour here, of the lanes after `after`, in order of the lane; those of a lane are never divided. With
    /// them the lane to go on from; none: the end.
    async fn hour_tallies(
        &self,
        partition: PartitionId,
        hour: i64,
        after: Option<LaneId>,
    ) -> Result<(Vec<Tally>, Option<LaneId>), LedgerError>;

    /// The first hour after `hour` (hours since the Unix epoch) that has counters here.
    async fn next_hour(&self, partition: PartitionId, hour: i64) -> Result<Option<i64>, LedgerError>;
}
