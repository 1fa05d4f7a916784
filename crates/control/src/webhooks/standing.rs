//! Where a webhook stands, and what waits for it.

use domain::control::ControlError;
use domain::ids::WebhookId;
use domain::time::Timestamp;
use domain::webhooks::{Again, Settlement, Standing};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, PaginatorTrait as _, QueryFilter, QueryOrder, QuerySelect,
};

use super::{EventDocument, failed};
use crate::reading::{PAGE_LIMIT, Reading, json, stored};
use crate::row::webhook_again::{self, Column as AgainColumn, Entity as AgainEntity};
use crate::row::webhook_standing::{Column, Entity, Model};

const READING: Reading = Reading("webhook_standing");
const AGAIN: Reading = Reading("webhook_again");
/// Rows of one statement: SQLite bounds its values.
const AT_ONCE: usize = 500;

pub(super) fn row(id: WebhookId, standing: &Standing) -> Model {
    Model {
        id: id.raw(),
        revision: standing.revision,
        place: standing.cursor.to_string(),
        failures: standing.failures.into(),
        failing_since: standing.failing_since.map(Timestamp::millis),
        taken_at: standing.taken_at.map(Timestamp::millis),
        held_until: standing.held_until.map(Timestamp::millis),
        lagged_at: standing.lagged_at.map(Timestamp::millis),
        waiting: i32::try_from(standing.waiting).unwrap_or(i32::MAX),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a function for map")]
pub(super) fn read(row: Model) -> Result<Standing, ControlError> {
    Ok(Standing {
        revision: row.revision,
        cursor: row.place.parse().map_err(|_| READING.odd("place"))?,
        failures: READING.number("failures", row.failures)?,
        failing_since: row.failing_since.map(Timestamp::from_millis),
        taken_at: row.taken_at.map(Timestamp::from_millis),
        held_until: row.held_until.map(Timestamp::from_millis),
        lagged_at: row.lagged_at.map(Timestamp::from_millis),
        waiting: READING.number("waiting", row.waiting)?,
    })
}

/// Keeps a batch but for its log. `false`: the standing is not the one that was read.
pub(super) async fn settle(db: &DatabaseTransaction, settlement: &Settlement) -> Result<bool, ControlError> {
    let Settlement { webhook, standing, again, done, release, now, .. } = settlement;
    let mut row = row(*webhook, standing).into_active_model().reset_all();
    row.id = ActiveValue::NotSet;
    row.revision = ActiveValue::Set(standing.revision + 1);
    // What waits is counted by those who let it wait.
    row.waiting = ActiveValue::NotSet;
    // First of all: whoever comes second waits here, and finds another revision.
    let moved = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(webhook.raw()))
        .filter(Column::Revision.eq(standing.revision))
        .exec(db)
        .await
        .map_err(failed)?;
    if moved.rows_affected == 0 {
        return Ok(false);
    }
    for some in done.chunks(AT_ONCE) {
        let events = some.iter().map(ToString::to_string);
        let gone = AgainEntity::delete_many().filter(AgainColumn::Webhook.eq(webhook.raw()));
        gone.filter(AgainColumn::Event.is_in(events)).exec(db).await.map_err(failed)?;
    }
    put_again(db, *webhook, again, true).await?;
    if *release {
        make_due(db, *webhook, *now).await?;
    }
    if !again.is_empty() || !done.is_empty() {
        count(db, *webhook).await?;
    }
    Ok(true)
}

/// What waits is due now.
async fn make_due(db: &DatabaseTransaction, id: WebhookId, now: Timestamp) -> Result<(), ControlError> {
    AgainEntity::update_many()
        .col_expr(AgainColumn::Due, Expr::val(now.millis()))
        .filter(AgainColumn::Webhook.eq(id.raw()))
        .filter(AgainColumn::Due.gt(now.millis()))
        .exec(db)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Forgets failures, and lets what waits be tried at once.
pub(super) async fn forgive(
    db: &DatabaseTransaction,
    id: WebhookId,
    now: Timestamp,
) -> Result<(), ControlError> {
    make_due(db, id, now).await?;
    Entity::update_many()
        .col_expr(Column::Failures, Expr::val(0i64))
        .col_expr(Column::FailingSince, Expr::val(None::<i64>))
        .col_expr(Column::HeldUntil, Expr::val(None::<i64>))
        .col_expr(Column::Revision, Expr::cust("revision + 1"))
        .filter(Column::Id.eq(id.raw()))
        .exec(db)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Lets events wait; whoever delivers sees them at its next look.
pub(super) async fn let_wait(
    db: &DatabaseTransaction,
    id: WebhookId,
    again: &[Again],
) -> Result<(), ControlError> {
    put_again(db, id, again, false).await?;
    count(db, id).await
}

async fn put_again(
    db: &DatabaseTransaction,
    id: WebhookId,
    again: &[Again],
    replace: bool,
) -> Result<(), ControlError> {
    let key = || OnConflict::columns([AgainColumn::Webhook, AgainColumn::Event]);
    for some in again.chunks(AT_ONCE) {
        let rows = some.iter().map(|again| {
            let row = webhook_again::Model {
                webhook: id.raw(),
                event: again.event.id().to_string(),
                document: json(&EventDocument::of(&again.event)),
                tries: again.tries.into(),
                due: again.due.millis(),
            };
            row.into_active_model()
        });
        let conflict = match replace {
            true => key().update_columns([AgainColumn::Tries, AgainColumn::Due]).to_owned(),
            false => key().do_nothing().to_owned(),
        };
        let put = AgainEntity::insert_many(rows).on_conflict(conflict);
        put.exec_without_returning(db).await.map_err(failed)?;
    }
    Ok(())
}

async fn count(db: &DatabaseTransaction, id: WebhookId) -> Result<(), ControlError> {
    let waiting = AgainEntity::find().filter(AgainColumn::Webhook.eq(id.raw())).count(db).await;
    let waiting = i32::try_from(stored(waiting.map_err(failed)?)).unwrap_or(i32::MAX);
    let put = Entity::update_many().col_expr(Column::Waiting, Expr::val(waiting));
    put.filter(Column::Id.eq(id.raw())).exec(db).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn due<C: ConnectionTrait>(
    db: &C,
    id: WebhookId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Again>, ControlError> {
    let rows = AgainEntity::find()
        .filter(AgainColumn::Webhook.eq(id.raw()))
        .filter(AgainColumn::Due.lte(now.millis()))
        .order_by_asc(AgainColumn::Due)
        .limit(u64::from(limit.min(PAGE_LIMIT)))
        .all(db)
        .await
        .map_err(failed)?;
    let read = |row: webhook_again::Model| {
        Ok(Again {
            event: AGAIN.json::<EventDocument>("document", &row.document)?.read(AGAIN)?,
            tries: AGAIN.number("tries", row.tries)?,
            due: Timestamp::from_millis(row.due),
        })
    };
    rows.into_iter().map(read).collect()
}
