//! Requests that may be repeated.
//!
//! The digest of a body is sealed: a body is short and mostly known, so its phone could be found by trying them all.

use std::time::Duration;

use async_trait::async_trait;
use domain::control::{ControlError, Idempotency, IdempotentStart};
use domain::ids::{AccountId, MessageId};
use domain::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::ControlDb;
use super::error::{of_database, of_sealed};
use super::reading::Reading;
use super::row::idempotency::{Column, Entity, Model};

const TABLE: &str = "idempotency";
/// How long a key is remembered: longer than any client goes on repeating a request.
const KEPT: Duration = Duration::from_hours(24);
const ID_BYTES: usize = size_of::<i64>();

#[async_trait]
impl Idempotency for ControlDb {
    async fn begin_idempotent(
        &self,
        account: AccountId,
        key: &str,
        body_sha256: [u8; 32],
        ids: &[MessageId],
        now: Timestamp,
    ) -> Result<IdempotentStart, ControlError> {
        let write = self.write().await?;
        let too_old = Entity::delete_many()
            .filter(Column::Account.eq(account.raw()))
            .filter(Column::ClientKey.eq(key))
            .filter(Column::CreatedAt.lt(now.minus(KEPT).millis()));
        too_old.exec(&write.transaction).await.map_err(|e| of_database(&e, TABLE))?;
        let row = Model {
            account: account.raw(),
            client_key: key.to_owned(),
            body: self.sealer.seal(TABLE, &row_name(account.raw(), key), &body_sha256),
            messages: ids.iter().flat_map(|id| id.raw().to_le_bytes()).collect(),
            created_at: now.millis(),
        };
        // Where another node is at the same key, this waits until that one has ended: one of the two is the first.
        let unless_known = OnConflict::columns([Column::Account, Column::ClientKey]).do_nothing().to_owned();
        let added = Entity::insert(row.into_active_model()).on_conflict(unless_known);
        let added = added.exec_without_returning(&write.transaction).await;
        if added.map_err(|e| of_database(&e, TABLE))? == 1 {
            write.commit().await?;
            return Ok(IdempotentStart::Fresh);
        }
        let known = Entity::find_by_id((account.raw(), key.to_owned())).one(&write.transaction).await;
        match known.map_err(|e| of_database(&e, TABLE))? {
            Some(row) => self.compare(&row, body_sha256),
            None => Err(ControlError::Unavailable("an idempotency record vanished; try again".to_owned())),
        }
    }

    async fn expire_idempotent(&self, now: Timestamp) -> Result<u64, ControlError> {
        let write = self.write().await?;
        let gone = Entity::delete_many()
            .filter(Column::CreatedAt.lt(now.minus(KEPT).millis()))
            .exec(&write.transaction)
            .await
            .map_err(|e| of_database(&e, TABLE))?;
        write.commit().await?;
        Ok(gone.rows_affected)
    }
}

impl ControlDb {
    fn compare(&self, row: &Model, body_sha256: [u8; 32]) -> Result<IdempotentStart, ControlError> {
        let name = row_name(row.account, &row.client_key);
        let body = self.sealer.open_sealed(TABLE, &name, &row.body).map_err(|e| of_sealed(&e))?;
        if body != body_sha256 {
            return Ok(IdempotentStart::Mismatch);
        }
        let (whole, rest) = row.messages.as_chunks::<ID_BYTES>();
        if !rest.is_empty() {
            return Err(Reading(TABLE).odd("messages"));
        }
        let ids = whole.iter().map(|bytes| MessageId::from_raw(i64::from_le_bytes(*bytes)));
        Ok(IdempotentStart::Replay(ids.collect()))
    }
}

fn row_name(account: i64, key: &str) -> Vec<u8> {
    [&account.to_be_bytes(), key.as_bytes()].concat()
}
