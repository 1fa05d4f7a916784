//! The double-entry books: balances, terms, grants to partitions, holds of campaigns, and what messages moved.
//!
//! Everything is cumulative, so that repeating a call changes nothing: a grant is the sum granted to a partition so far, a posting says
//! what an hour's counters come to by now. Every method that moves money is one transaction of transfers and balances.

use async_trait::async_trait;

use super::ControlError;
use crate::billing::{Flow, Purse, Room, Terms};
use crate::ids::{AccountId, CampaignId, ChannelId, PartitionId};
use crate::message::Category;
use crate::money::Money;
use crate::phone::Carrier;
use crate::time::Timestamp;

/// Everything that tells one line of the books from another that came from messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PostingKey {
    pub account: AccountId,
    pub partition: PartitionId,
    /// Hours since the Unix epoch, of the moves.
    pub hour: i64,
    pub campaign: Option<CampaignId>,
    pub purse: Purse,
    pub category: Category,
    pub carrier: Carrier,
    /// Over which they moved; none: before a channel took them.
    pub channel: Option<ChannelId>,
}

/// What an hour of one key comes to so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posting {
    pub key: PostingKey,
    pub flow: Flow,
    /// Net of messages and parts that are charged: what was reopened or refunded is taken off.
    pub messages: i64,
    pub parts: i64,
    /// What carriers ask the operator for the parts that they took in that hour.
    pub cost: Money,
}

impl Posting {
    /// Of a key nothing of which moved.
    #[must_use]
    pub fn nothing(key: PostingKey) -> Self {
        Self { key, flow: Flow::default(), messages: 0, parts: 0, cost: Money::ZERO }
    }
}

/// What an account holds, by book.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Balance {
    pub funds: Money,
    pub allowance: Money,
    pub held: Money,
    pub reserved: Money,
}

/// What stands against spending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Short {
    /// Funds and credit leave only this much.
    Funds { left: Money },
    /// The day's limit leaves only this much.
    Daily { left: Money },
    /// The month's limit leaves only this much.
    Monthly { left: Money },
}

/// What a partition was granted and gave back, in all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Granted {
    pub granted: Money,
    pub returned: Money,
}

/// The books as the running system needs them. What people ask of them is with the statements.
#[async_trait]
pub trait Books: Send + Sync {
    /// What an account agreed to; the default where nothing was.
    async fn terms(&self, account: AccountId) -> Result<Terms, ControlError>;

    async fn balance(&self, account: AccountId) -> Result<Balance, ControlError>;

    /// What bounds an account leave it at this moment, to be told; who spends asks [`Self::grant`] or [`Self::hold`].
    async fn room(&self, account: AccountId, now: Timestamp) -> Result<Room, ControlError>;

    /// Moves from funds to a partition's allowance: `least` or nothing, up to `most` where there is more.
    /// Returns the partition's new totals.
    async fn grant(
        &self,
        account: AccountId,
        partition: PartitionId,
        least: Money,
        most: Money,
        now: Timestamp,
    ) -> Result<Result<Granted, Short>, ControlError>;

    /// What an account's partitions were granted and gave back; partitions that never had anything are left out.
    async fn grants(&self, account: AccountId) -> Result<Vec<(PartitionId, Granted)>, ControlError>;

    /// A partition has given back this much in all: what is new of it goes to funds.
    async fn returned(
        &self,
        account: AccountId,
        partition: PartitionId,
        returned: Money,
        now: Timestamp,
    ) -> Result<(), ControlError>;

    /// Holds what a campaign will cost; once per campaign, a second call changes nothing.
    async fn hold(
        &self,
        account: AccountId,
        campaign: CampaignId,
        amount: Money,
        now: Timestamp,
    ) -> Result<Result<(), Short>, ControlError>;

    /// Gives back what is left of a campaign's hold: everything of it is accepted and posted, or it was cancelled.
    async fn end_hold(
        &self,
        account: AccountId,
        campaign: CampaignId,
        now: Timestamp,
    ) -> Result<(), ControlError>;

    /// Campaigns whose hold has not ended.
    async fn holds(&self) -> Result<Vec<(AccountId, CampaignId)>, ControlError>;

    /// Keys of a partition that something was posted for since an hour. What the ledger no longer knows of (a power cut took it back)
    /// is among them, and has to be posted as nothing.
    async fn posted(&self, partition: PartitionId, from_hour: i64) -> Result<Vec<PostingKey>, ControlError>;

    /// Writes what each key comes to by now; what the books have of it already is not written again.
    async fn post(&self, postings: &[Posting], now: Timestamp) -> Result<(), ControlError>;
}
