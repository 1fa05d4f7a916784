//! Contacts: prepared here (ids, indexes, sealing), written and read by the bulk statements.

use std::sync::Arc;

use async_trait::async_trait;
use domain::control::{Contact, ContactFilter, ContactRow, Contacts, ControlError, Upserted};
use domain::ids::{AccountId, ImportId};
use domain::time::Timestamp;
use futures::{StreamExt as _, stream};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use tokio::task::spawn_blocking;

use super::ControlDb;
use super::bulk::{Command, Outcome, Slice, Upserting, panicked, prepare, slices};
use super::error::of_database;
use super::reading::{PAGE_LIMIT, Reading};
use super::row::{contact, tag};

/// Rows that one command of the writer carries, at most: half of a transaction.
const SLICE_ROWS: usize = 5_000;
/// Slices of one call that are made ready or written at a time: keeps the writer busy, and lets others in between.
const SLICES_AHEAD: usize = 2;

#[async_trait]
impl Contacts for ControlDb {
    async fn upsert_contacts(
        &self,
        account: AccountId,
        import: Option<ImportId>,
        rows: Vec<ContactRow>,
        now: Timestamp,
    ) -> Result<Upserted, ControlError> {
        let upserting = Upserting { account, import, now };
        let sealer = Arc::clone(&self.sealer);
        let slices = spawn_blocking(move || slices(&sealer, rows, SLICE_ROWS));
        let slices = slices.await.map_err(|_| panicked())?;
        // While one is written, the next is made ready.
        let mut written =
            stream::iter(slices).map(|slice| self.upsert(upserting, slice)).buffered(SLICES_AHEAD);
        let mut all = Upserted::default();
        while let Some(done) = written.next().await {
            let done = done?;
            all.new += done.new;
            all.updated += done.updated;
        }
        Ok(all)
    }

    async fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        limit: u32,
    ) -> Result<Vec<Contact>, ControlError> {
        self.bulk.contacts(account, filter, limit.min(PAGE_LIMIT)).await
    }

    async fn count_contacts(&self, account: AccountId) -> Result<u64, ControlError> {
        let of_account = contact::Entity::find().filter(contact::Column::Account.eq(account.raw()));
        of_account.count(&self.db).await.map_err(|e| of_database(&e, "contact"))
    }

    async fn tags(&self, account: AccountId) -> Result<Vec<(String, u64)>, ControlError> {
        let rows = tag::Entity::find()
            .filter(tag::Column::Account.eq(account.raw()))
            .order_by_asc(tag::Column::Name)
            .all(&self.db)
            .await
            .map_err(|e| of_database(&e, "tag"))?;
        let counted = |row: tag::Model| Ok((row.name, Reading("tag").number("people", row.people)?));
        rows.into_iter().map(counted).collect()
    }
}

impl ControlDb {
    async fn upsert(&self, upserting: Upserting, slice: Slice) -> Result<Upserted, ControlError> {
        let ids = Arc::clone(&self.ids);
        let prepared =
            spawn_blocking(move || prepare(&ids, upserting, slice)).await.map_err(|_| panicked())?;
        match self.bulk.run(Command::Upsert(prepared)).await? {
            Outcome::Upserted(done) => Ok(done),
            Outcome::Done => Ok(Upserted::default()),
        }
    }
}
