//! Bulk work on PostgreSQL: each command is one transaction of a few set statements, whatever its number of rows.
//!
//! Invariants: rows that may be there already are locked in order of their keys, so that two nodes that import the same
//! people wait for each other and never in a circle; nothing depends on who else writes.

mod sql;
mod upsert;

use std::sync::Arc;

use domain::control::{Contact, ContactFilter, ControlError};
use domain::ids::{AccountId, AudienceId, ContactId, ImportId};
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, Error as SqlError, PgConnection, PgPool, Row as _};

use super::record::{ContactRecord, TABLE, open_page};
use super::{Answer, Command, Outcome, SealedChunk, SealedRow};
use crate::error::of_sql;
use pg::{Tries, begin, may_pass};
use sealing::Sealer;

/// The way to the database.
pub(crate) struct PostgresBulk {
    pool: PgPool,
    sealer: Arc<Sealer>,
}

/// Why a command did not happen.
enum Trouble {
    Sql(SqlError),
    Control(ControlError),
}

type Done<T> = Result<T, Trouble>;

impl From<SqlError> for Trouble {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<ControlError> for Trouble {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl Trouble {
    fn into_error(self) -> ControlError {
        match self {
            Self::Sql(error) => of_sql(&error, TABLE),
            Self::Control(error) => error,
        }
    }
}

impl PostgresBulk {
    pub(crate) fn new(pool: PgPool, sealer: Arc<Sealer>) -> Self {
        Self { pool, sealer }
    }

    /// Tried again when it lost against another transaction or its connection: repeating it changes nothing that a
    /// commit without answer did.
    pub(super) async fn run(&self, command: &Command) -> Answer {
        let mut tries = Tries::default();
        loop {
            match self.attempt(command).await {
                Err(Trouble::Sql(error)) if may_pass(&error) && tries.again().await => {}
                done => return done.map_err(Trouble::into_error),
            }
        }
    }

    async fn attempt(&self, command: &Command) -> Done<Outcome> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = begin(&mut connection).await?;
        let outcome = match command {
            Command::Upsert(upsert) => {
                upsert::apply(upsert, &mut transaction, &self.sealer).await.map(Outcome::Upserted)?
            }
            Command::Append { account, audience, chunks } => {
                append(&mut transaction, *account, *audience, chunks).await?;
                Outcome::Done
            }
            Command::Reject { account, import, rows } => {
                reject(&mut transaction, *account, *import, rows).await?;
                Outcome::Done
            }
        };
        transaction.commit().await?;
        Ok(outcome)
    }

    pub(super) async fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        limit: u32,
    ) -> Result<Vec<Contact>, ControlError> {
        let rows = self.page(account, filter, limit).await.map_err(|e| of_sql(&e, TABLE))?;
        let records: Result<Vec<ContactRecord>, SqlError> = rows.iter().map(contact_record).collect();
        let records = records.map_err(|e| of_sql(&e, TABLE))?;
        open_page(&records, &self.sealer.for_table(TABLE), account, filter)
    }

    async fn page(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        limit: u32,
    ) -> Result<Vec<PgRow>, SqlError> {
        let (after, limit) = (filter.after.map_or(0, ContactId::raw), i64::from(limit));
        if let Some(phone) = filter.phone {
            let phones = vec![self.sealer.phone_index(phone)];
            let find = sqlx::query(sql::FIND_CONTACTS).bind(account.raw()).bind(phones);
            return find.fetch_all(&self.pool).await;
        }
        if filter.tags.is_empty() {
            let page = sqlx::query(sql::CONTACTS_AFTER).bind(account.raw()).bind(after).bind(limit);
            return page.fetch_all(&self.pool).await;
        }
        let tags = sqlx::query(sql::FIND_TAGS).bind(account.raw()).bind(&filter.tags);
        let tags: Result<Vec<i64>, SqlError> =
            tags.fetch_all(&self.pool).await?.iter().map(|row| row.try_get(0)).collect();
        let people = sqlx::query(sql::TAGGED_AFTER).bind(account.raw()).bind(after).bind(limit).bind(tags?);
        let people: Result<Vec<i64>, SqlError> =
            people.fetch_all(&self.pool).await?.iter().map(|row| row.try_get(0)).collect();
        let page = sqlx::query(sql::CONTACTS_BY_ID).bind(account.raw()).bind(people?);
        page.fetch_all(&self.pool).await
    }

    /// Nothing is under way that its caller does not wait for; the pool is closed with the rest of the database.
    pub(super) async fn stop(&self) {
        self.pool.close().await;
    }
}

/// Reads a row of the statements that return contacts.
fn contact_record(row: &PgRow) -> Result<ContactRecord, SqlError> {
    Ok(ContactRecord {
        id: ContactId::from_raw(row.try_get(0)?),
        sealed: row.try_get(1)?,
        queryable: row.try_get(2)?,
        tags: row.try_get(3)?,
        import: row.try_get(4)?,
        created_at: row.try_get(5)?,
        updated_at: row.try_get(6)?,
    })
}

/// Chunks that are there already stay as they are. A finished audience takes no new one, and one that is gone none.
async fn append(
    db: &mut PgConnection,
    account: AccountId,
    audience: AudienceId,
    chunks: &[SealedChunk],
) -> Done<()> {
    let find = sqlx::query(sql::FIND_AUDIENCE).bind(audience.raw()).bind(account.raw());
    let row = find.fetch_optional(&mut *db).await?.ok_or(ControlError::Changed("audience"))?;
    let finished: bool = row.try_get(0)?;
    let numbers: Vec<i64> = chunks.iter().map(|chunk| chunk.number).collect();
    let digests: Vec<&[u8]> = chunks.iter().map(|chunk| chunk.digest.as_slice()).collect();
    let sealed: Vec<&[u8]> = chunks.iter().map(|chunk| chunk.sealed.as_slice()).collect();
    let insert = sqlx::query(sql::INSERT_CHUNKS).bind(audience.raw()).bind(account.raw());
    let added = insert.bind(numbers).bind(digests).bind(sealed).execute(db).await?.rows_affected();
    if finished && added > 0 { Err(ControlError::Changed("audience").into()) } else { Ok(()) }
}

/// A line that is there already stays as it is.
async fn reject(db: &mut PgConnection, account: AccountId, import: ImportId, rows: &[SealedRow]) -> Done<()> {
    let lines: Vec<i64> = rows.iter().map(|(line, _)| *line).collect();
    let sealed: Vec<&[u8]> = rows.iter().map(|(_, sealed)| sealed.as_slice()).collect();
    let insert = sqlx::query(sql::INSERT_REJECTED).bind(import.raw()).bind(account.raw());
    insert.bind(lines).bind(sealed).execute(db).await?;
    Ok(())
}
