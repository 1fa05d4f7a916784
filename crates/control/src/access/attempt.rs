//! Attempts to sign in, and the removal of what has ended.

use domain::access::{Failures, Locked};
use domain::control::ControlError;
use domain::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
};

use super::user::login_index;
use crate::ControlDb;
use crate::error::of_database;
use crate::reading::Reading;
use crate::row::{access_link, app_session, login_attempt};

const TABLE: &str = "login_attempt";
/// Attempts looked at in one round of expiry: bounds the transaction when somebody tried very many logins.
const FORGOTTEN_AT_ONCE: u64 = 10_000;

impl ControlDb {
    pub(super) async fn count_attempt(
        &self,
        login: &str,
        now: Timestamp,
    ) -> Result<Result<Failures, Locked>, ControlError> {
        let index = login_index(&self.sealer, login);
        let write = self.write().await?;
        let first = login_attempt::Model { login_index: index, attempts: 0, last_at: 0, locked_until: 0 };
        let unless_known = OnConflict::column(login_attempt::Column::LoginIndex).do_nothing().to_owned();
        let put = login_attempt::Entity::insert(first.into_active_model()).on_conflict(unless_known);
        put.exec_without_returning(&write.transaction).await.map_err(|e| of_database(&e, TABLE))?;
        // Other nodes count the same login: each waits for the one before.
        let row = login_attempt::Entity::find_by_id(index).lock_exclusive().one(&write.transaction).await;
        let row =
            row.map_err(|e| of_database(&e, TABLE))?.ok_or_else(|| Reading(TABLE).odd("login_index"))?;
        let counted = match failures_of(&row)?.attempt(now) {
            Ok(counted) => counted,
            Err(locked) => return Ok(Err(locked)),
        };
        let row = login_attempt::ActiveModel {
            login_index: ActiveValue::Unchanged(index),
            attempts: ActiveValue::Set(i32::try_from(counted.count).unwrap_or(i32::MAX)),
            last_at: ActiveValue::Set(counted.last_at.millis()),
            locked_until: ActiveValue::Set(counted.locked_until.millis()),
        };
        row.update(&write.transaction).await.map_err(|e| of_database(&e, TABLE))?;
        write.commit().await?;
        Ok(Ok(counted))
    }

    pub(super) async fn remove_ended(&self, now: Timestamp) -> Result<u64, ControlError> {
        let write = self.write().await?;
        let over = Condition::any()
            .add(app_session::Column::ExpiresAt.lte(now.millis()))
            .add(app_session::Column::EndedAt.is_not_null());
        let sessions = app_session::Entity::delete_many().filter(over).exec(&write.transaction).await;
        let mut removed = sessions.map_err(|e| of_database(&e, "session"))?.rows_affected;
        let over = Condition::any()
            .add(access_link::Column::ExpiresAt.lte(now.millis()))
            .add(access_link::Column::UsedAt.is_not_null());
        let links = access_link::Entity::delete_many().filter(over).exec(&write.transaction).await;
        removed += links.map_err(|e| of_database(&e, "link"))?.rows_affected;
        let attempts = login_attempt::Entity::find().limit(FORGOTTEN_AT_ONCE).all(&write.transaction).await;
        let mut forgotten = Vec::new();
        for row in attempts.map_err(|e| of_database(&e, TABLE))? {
            if failures_of(&row)?.is_forgotten(now) {
                forgotten.push(row.login_index);
            }
        }
        for indexes in forgotten.chunks(500) {
            let old = login_attempt::Column::LoginIndex.is_in(indexes.to_vec());
            let gone = login_attempt::Entity::delete_many().filter(old).exec(&write.transaction).await;
            removed += gone.map_err(|e| of_database(&e, TABLE))?.rows_affected;
        }
        write.commit().await?;
        Ok(removed)
    }
}

fn failures_of(row: &login_attempt::Model) -> Result<Failures, ControlError> {
    Ok(Failures {
        count: Reading(TABLE).number("attempts", row.attempts)?,
        last_at: Timestamp::from_millis(row.last_at),
        locked_until: Timestamp::from_millis(row.locked_until),
    })
}
