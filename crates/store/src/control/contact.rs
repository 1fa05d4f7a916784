//! Contacts: prepared here (ids, indexes, sealing), written and read by the bulk statements.

use std::sync::Arc;

use async_trait::async_trait;
use domain::control::{Contact, ContactFilter, ContactRow, Contacts, ControlError, Upserted};
use domain::ids::{AccountId, ImportId};
use domain::time::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use tokio::task::spawn_blocking;

use super::ControlDb;
use super::bulk::{Command, Outcome, panicked, prepare};
use super::error::of_database;
use super::reading::{PAGE_LIMIT, Reading};
use super::row::{contact, tag};

/// Rows that one command of the writer carries, at most: a fraction of a transaction.
const COMMAND_ROWS: usize = 10_000;

#[async_trait]
impl Contacts for ControlDb {
    async fn upsert_contacts(
        &self,
        account: AccountId,
        import: Option<ImportId>,
        rows: Vec<ContactRow>,
        now: Timestamp,
    ) -> Result<Upserted, ControlError> {
        let mut all = Upserted::default();
        let mut rows = rows;
        while !rows.is_empty() {
            let later = rows.split_off(rows.len().min(COMMAND_ROWS));
            let some = std::mem::replace(&mut rows, later);
            let (sealer, ids) = (Arc::clone(&self.sealer), Arc::clone(&self.ids));
            let prepared = spawn_blocking(move || prepare(&sealer, &ids, account, import, some, now));
            let command = Command::Upsert(prepared.await.map_err(|_| panicked())?);
            if let Outcome::Upserted(done) = self.writer.run(command).await? {
                all.new += done.new;
                all.updated += done.updated;
            }
        }
        Ok(all)
    }

    async fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        limit: u32,
    ) -> Result<Vec<Contact>, ControlError> {
        let (reader, filter, limit) = (Arc::clone(&self.reader), filter.clone(), limit.min(PAGE_LIMIT));
        spawn_blocking(move || reader.contacts(account, &filter, limit)).await.map_err(|_| panicked())?
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
