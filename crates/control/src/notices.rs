//! Events outside the ledger. Their numbers are given by one row, which whoever adds some holds until its commit: so they
//! become visible in their order, and a reader that goes on from a number misses none.

use async_trait::async_trait;
use domain::control::ControlError;
use domain::events::{EVENT_AGE, Event, Notice, NoticeRead, Notices};
use domain::ids::AccountId;
use domain::time::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::ControlDb;
use super::error::of_database;
use super::reading::{PAGE_LIMIT, Reading, json};
use super::row::notice::{Column, Entity, Model};
use super::row::notice_count;
use super::webhooks::EventDocument;

const TABLE: &str = "notice";
const READING: Reading = Reading(TABLE);
/// The row of `notice_count`.
const ONLY: i64 = 1;
/// Notices that one transaction drops.
const DROPPED_AT_ONCE: u64 = 1_000;

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn failed(error: sea_orm::DbErr) -> ControlError {
    of_database(&error, TABLE)
}

/// Adds notices within the caller's transaction, which had better commit soon: others who add wait for it.
pub(super) async fn add(db: &DatabaseTransaction, notices: &[Notice]) -> Result<(), ControlError> {
    if notices.is_empty() {
        return Ok(());
    }
    let first = notice_count::Model { id: ONLY, newest: 0, gone: 0 }.into_active_model();
    let once = OnConflict::column(notice_count::Column::Id).do_nothing().to_owned();
    let begun = notice_count::Entity::insert(first).on_conflict(once);
    begun.exec_without_returning(db).await.map_err(failed)?;
    let count = i64::try_from(notices.len()).unwrap_or(i64::MAX);
    notice_count::Entity::update_many()
        .col_expr(notice_count::Column::Newest, Expr::cust(format!("newest + {count}")))
        .filter(notice_count::Column::Id.eq(ONLY))
        .exec(db)
        .await
        .map_err(failed)?;
    let (newest, _) = counts(db).await?;
    let rows = notices.iter().zip(newest - count + 1..).map(|(notice, number)| {
        let document = json(&EventDocument::of(&notice.event));
        let (account, at) = (notice.account.raw(), notice.event.at.millis());
        Model { number, account, at, document }.into_active_model()
    });
    Entity::insert_many(rows).exec_without_returning(db).await.map_err(failed)?;
    Ok(())
}

/// The newest, and the last that is gone.
async fn counts<C: ConnectionTrait>(db: &C) -> Result<(i64, i64), ControlError> {
    let row = notice_count::Entity::find_by_id(ONLY).one(db).await.map_err(failed)?;
    Ok(row.map_or((0, 0), |row| (row.newest, row.gone)))
}

fn event_of(row: &Model) -> Result<Event, ControlError> {
    READING.json::<EventDocument>("document", &row.document)?.read(READING)
}

#[async_trait]
impl Notices for ControlDb {
    async fn add_notices(&self, notices: &[Notice]) -> Result<(), ControlError> {
        let write = self.write().await?;
        add(&write.transaction, notices).await?;
        write.commit().await
    }

    async fn notice_head(&self) -> Result<i64, ControlError> {
        Ok(counts(&self.db).await?.0)
    }

    async fn notices(
        &self,
        account: AccountId,
        from: i64,
        through: i64,
        limit: u32,
    ) -> Result<NoticeRead, ControlError> {
        let limit = limit.min(PAGE_LIMIT);
        let page = Entity::find()
            .filter(Column::Account.eq(account.raw()))
            .filter(Column::Number.between(from, through))
            .order_by_asc(Column::Number)
            .limit(u64::from(limit));
        let rows = page.all(&self.db).await.map_err(failed)?;
        // After the rows: what is dropped meanwhile is then known to be gone.
        let (_, gone) = counts(&self.db).await?;
        if from <= gone {
            return Ok(NoticeRead::Gone { oldest: gone + 1 });
        }
        let whole = rows.len() < limit as usize;
        let next = rows.last().filter(|_| !whole).map_or(through.max(from - 1) + 1, |row| row.number + 1);
        let events = rows.iter().map(event_of).collect::<Result<_, _>>()?;
        Ok(NoticeRead::Page { events, next })
    }

    async fn expire_notices(&self, now: Timestamp) -> Result<(), ControlError> {
        let old = Entity::find().order_by_asc(Column::Number).limit(DROPPED_AT_ONCE).all(&self.db);
        let before = now.minus(EVENT_AGE).millis();
        let old = old.await.map_err(failed)?;
        let Some(last) = old.iter().take_while(|row| row.at < before).last() else { return Ok(()) };
        let write = self.write().await?;
        let dropped = Entity::delete_many().filter(Column::Number.lte(last.number));
        dropped.exec(&write.transaction).await.map_err(failed)?;
        notice_count::Entity::update_many()
            .col_expr(notice_count::Column::Gone, Expr::val(last.number))
            .filter(notice_count::Column::Id.eq(ONLY))
            .filter(notice_count::Column::Gone.lt(last.number))
            .exec(&write.transaction)
            .await
            .map_err(failed)?;
        write.commit().await
    }
}
