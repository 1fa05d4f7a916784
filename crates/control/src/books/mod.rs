//! The double-entry books: one journal of what was ordered, one table of what messages moved by the hour, and balances.
//!
//! Invariants: every change is one transaction of transfers and balances, behind a lock on the account's balances; all books of an
//! account hold nothing together; lines of the journal are only added. What messages moved is kept as what an hour comes to, so that
//! saying it again changes nothing.

mod account;
mod post;
mod statements;
mod sums;
mod terms;
mod verify;

use async_trait::async_trait;
use domain::billing::{Room, Terms, TransferKind};
use domain::control::{Balance, Books, ControlError, Granted, Posting, PostingKey, Short, Spent};
use domain::ids::{AccountId, CampaignId, PartitionId, TransferId};
use domain::money::Money;
use domain::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _,
};

use crate::ControlDb;
use crate::error::of_database;
use crate::reading::Reading;
use crate::row::{campaign_hold, partition_grant};
use account::{Entry, OpenBooks, transfer_of};

const READING: Reading = Reading("book_balance");

#[async_trait]
impl Books for ControlDb {
    async fn terms(&self, account: AccountId) -> Result<Terms, ControlError> {
        Ok(terms::agreement(&self.db, account).await?.terms)
    }

    async fn balance(&self, account: AccountId) -> Result<Balance, ControlError> {
        Ok(account::amounts(&self.db, account).await?.balance())
    }

    async fn room(&self, account: AccountId, now: Timestamp) -> Result<Room, ControlError> {
        let balance = account::amounts(&self.db, account).await?.balance();
        self.room_of(&self.db, account, &balance, now).await
    }

    async fn grant(
        &self,
        account: AccountId,
        partition: PartitionId,
        least: Money,
        most: Money,
        now: Timestamp,
    ) -> Result<Result<Granted, Short>, ControlError> {
        let write = self.write().await?;
        let tx = &write.transaction;
        let mut books = OpenBooks::lock(tx, account).await?;
        let mut totals = granted(tx, account, partition).await?;
        let give = match self.room_of(tx, account, &books.now.balance(), now).await?.take(least, most) {
            Ok(give) => give,
            Err(short) => return Ok(Err(short)),
        };
        if give > Money::ZERO {
            let id = self.ids.fresh(now).into();
            let subject = subject(partition);
            let transfer = transfer_of(account, TransferKind::Grant, give);
            books.enter(tx, &self.sealer, &ordered(id, transfer, now, &subject)).await?;
            totals.granted += give;
            put_granted(tx, account, partition, totals).await?;
            books.save(tx).await?;
        }
        write.commit().await?;
        Ok(Ok(totals))
    }

    async fn grants(&self, account: AccountId) -> Result<Vec<(PartitionId, Granted)>, ControlError> {
        let rows = partition_grant::Entity::find()
            .filter(partition_grant::Column::Account.eq(account.raw()))
            .order_by_asc(partition_grant::Column::Partition);
        let rows = rows.all(&self.db).await.map_err(|e| of_database(&e, "partition_grant"))?;
        let reading = Reading("partition_grant");
        let grant = |row: &partition_grant::Model| {
            Ok((PartitionId(reading.number("partition", row.partition)?), granted_of(row)))
        };
        rows.iter().map(grant).collect()
    }

    async fn returned(
        &self,
        account: AccountId,
        partition: PartitionId,
        returned: Money,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let write = self.write().await?;
        let tx = &write.transaction;
        let mut books = OpenBooks::lock(tx, account).await?;
        let mut totals = granted(tx, account, partition).await?;
        if returned <= totals.returned {
            return Ok(());
        }
        if returned > totals.granted {
            return Err(Reading("partition_grant").odd("returned"));
        }
        let (id, subject) = (self.ids.fresh(now).into(), subject(partition));
        let transfer = transfer_of(account, TransferKind::GrantReturned, returned - totals.returned);
        books.enter(tx, &self.sealer, &ordered(id, transfer, now, &subject)).await?;
        totals.returned = returned;
        put_granted(tx, account, partition, totals).await?;
        books.save(tx).await?;
        write.commit().await
    }

    async fn hold(
        &self,
        account: AccountId,
        campaign: CampaignId,
        amount: Money,
        now: Timestamp,
    ) -> Result<Result<(), Short>, ControlError> {
        let write = self.write().await?;
        let tx = &write.transaction;
        let mut books = OpenBooks::lock(tx, account).await?;
        if held(tx, campaign).await?.is_some() {
            return Ok(Ok(()));
        }
        if let Err(short) = self.room_of(tx, account, &books.now.balance(), now).await?.take(amount, amount) {
            return Ok(Err(short));
        }
        let (id, subject) = (self.ids.fresh(now).into(), campaign.to_string());
        let transfer = transfer_of(account, TransferKind::Hold, amount);
        books.enter(tx, &self.sealer, &ordered(id, transfer, now, &subject)).await?;
        let row = campaign_hold::Model {
            id: campaign.raw(),
            account: account.raw(),
            amount: amount.micros(),
            accepted: 0,
            returned: 0,
            ended_at: None,
        };
        let added = campaign_hold::Entity::insert(row.into_active_model());
        added.exec_without_returning(tx).await.map_err(|e| of_database(&e, "campaign_hold"))?;
        books.save(tx).await?;
        write.commit().await?;
        Ok(Ok(()))
    }

    async fn end_hold(
        &self,
        account: AccountId,
        campaign: CampaignId,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let write = self.write().await?;
        let tx = &write.transaction;
        let mut books = OpenBooks::lock(tx, account).await?;
        let Some(mut hold) = held(tx, campaign).await?.filter(|hold| hold.account == account.raw()) else {
            return Ok(());
        };
        let left = left_of(&hold);
        if hold.ended_at.is_some() && left == Money::ZERO {
            return Ok(());
        }
        if left > Money::ZERO {
            let (id, subject) = (self.ids.fresh(now).into(), campaign.to_string());
            let transfer = transfer_of(account, TransferKind::HoldReturned, left);
            books.enter(tx, &self.sealer, &ordered(id, transfer, now, &subject)).await?;
        }
        hold.returned += left.micros();
        hold.ended_at = hold.ended_at.or(Some(now.millis()));
        save_hold(tx, hold).await?;
        books.save(tx).await?;
        write.commit().await
    }

    async fn holds(&self) -> Result<Vec<(AccountId, CampaignId)>, ControlError> {
        let rows = campaign_hold::Entity::find()
            .filter(campaign_hold::Column::EndedAt.is_null())
            .order_by_asc(campaign_hold::Column::Id);
        let rows = rows.all(&self.db).await.map_err(|e| of_database(&e, "campaign_hold"))?;
        let ids =
            |row: campaign_hold::Model| (AccountId::from_raw(row.account), CampaignId::from_raw(row.id));
        Ok(rows.into_iter().map(ids).collect())
    }

    async fn posted(&self, partition: PartitionId, from_hour: i64) -> Result<Vec<PostingKey>, ControlError> {
        self.posted_keys(partition, from_hour).await
    }

    async fn post(&self, postings: &[Posting], _now: Timestamp) -> Result<(), ControlError> {
        self.write_postings(postings).await
    }
}

impl ControlDb {
    /// What an account of this balance may still have accepted.
    async fn room_of(
        &self,
        db: &impl ConnectionTrait,
        account: AccountId,
        balance: &Balance,
        now: Timestamp,
    ) -> Result<Room, ControlError> {
        let agreement = terms::agreement(db, account).await?;
        let limits = agreement.terms.limits;
        let Spent { today, month } = if limits.daily.is_some() || limits.monthly.is_some() {
            sums::spent(db, account, &agreement.zone, balance, now).await?
        } else {
            Spent::default()
        };
        Ok(Room::of(&agreement.terms, balance.funds, today, month))
    }
}

/// A line that the platform orders.
fn ordered(id: TransferId, transfer: domain::billing::Transfer, at: Timestamp, subject: &str) -> Entry<'_> {
    Entry { id, transfer, at, subject, reference: None, once: None }
}

fn subject(partition: PartitionId) -> String {
    format!("p{:03}", partition.0)
}

async fn granted(
    db: &impl ConnectionTrait,
    account: AccountId,
    partition: PartitionId,
) -> Result<Granted, ControlError> {
    let row = partition_grant::Entity::find_by_id((account.raw(), i32::from(partition.0))).one(db).await;
    let row = row.map_err(|e| of_database(&e, "partition_grant"))?;
    Ok(row.map_or_else(Granted::default, |row| granted_of(&row)))
}

fn granted_of(row: &partition_grant::Model) -> Granted {
    Granted { granted: Money::from_micros(row.granted), returned: Money::from_micros(row.returned) }
}

async fn put_granted(
    db: &impl ConnectionTrait,
    account: AccountId,
    partition: PartitionId,
    totals: Granted,
) -> Result<(), ControlError> {
    use partition_grant::Column;
    let row = partition_grant::Model {
        account: account.raw(),
        partition: partition.0.into(),
        granted: totals.granted.micros(),
        returned: totals.returned.micros(),
    };
    let replace = OnConflict::columns([Column::Account, Column::Partition])
        .update_columns([Column::Granted, Column::Returned])
        .to_owned();
    let put = partition_grant::Entity::insert(row.into_active_model()).on_conflict(replace);
    put.exec_without_returning(db).await.map(|_| ()).map_err(|e| of_database(&e, "partition_grant"))
}

async fn held(
    db: &impl ConnectionTrait,
    campaign: CampaignId,
) -> Result<Option<campaign_hold::Model>, ControlError> {
    let row = campaign_hold::Entity::find_by_id(campaign.raw()).one(db).await;
    row.map_err(|e| of_database(&e, "campaign_hold"))
}

/// What of a hold was neither accepted nor given back.
fn left_of(hold: &campaign_hold::Model) -> Money {
    Money::from_micros(hold.amount) - Money::from_micros(hold.accepted) - Money::from_micros(hold.returned)
}

async fn save_hold(db: &impl ConnectionTrait, hold: campaign_hold::Model) -> Result<(), ControlError> {
    let saved = hold.into_active_model().reset_all().update(db).await;
    saved.map(|_| ()).map_err(|e| of_database(&e, "campaign_hold"))
}
