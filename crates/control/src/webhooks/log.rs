//! The log of calls: one sealed row for each batch.

use domain::control::ControlError;
use domain::ids::WebhookId;
use domain::time::Timestamp;
use domain::webhooks::{Delivery, LOG_AGE, LOG_PAGES, LogPage};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use sealing::Sealer;

use super::document::DeliveryDocument;
use super::failed;
use crate::error::of_sealed;
use crate::reading::{Reading, json};
use crate::row::webhook_log::{Column, Entity, Model};

const TABLE: &str = "webhook_log";
const READING: Reading = Reading(TABLE);
/// How often what is beyond the bound is looked for: once in so many pages.
const CUT_EVERY: i64 = 32;

/// What a page is sealed with besides the key.
fn name(webhook: i64, number: i64) -> [u8; 16] {
    let mut name = [0; 16];
    name[..8].copy_from_slice(&webhook.to_be_bytes());
    name[8..].copy_from_slice(&number.to_be_bytes());
    name
}

pub(super) async fn add(
    db: &DatabaseTransaction,
    sealer: &Sealer,
    webhook: WebhookId,
    deliveries: &[Delivery],
    at: Timestamp,
) -> Result<(), ControlError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let of = || Entity::find().filter(Column::Webhook.eq(webhook.raw()));
    let last = of().order_by_desc(Column::Number).limit(1).one(db).await.map_err(failed)?;
    let number = last.map_or(0, |row| row.number) + 1;
    let document: Vec<DeliveryDocument> = deliveries.iter().map(DeliveryDocument::of).collect();
    let sealed = sealer.seal(TABLE, &name(webhook.raw(), number), json(&document).as_bytes());
    let row = Model { webhook: webhook.raw(), number, at: at.millis(), sealed };
    Entity::insert(row.into_active_model()).exec_without_returning(db).await.map_err(failed)?;
    if number % CUT_EVERY == 0 {
        let beyond = Entity::delete_many().filter(Column::Webhook.eq(webhook.raw()));
        let beyond = beyond.filter(Column::Number.lte(number - i64::from(LOG_PAGES)));
        beyond.exec(db).await.map_err(failed)?;
    }
    Ok(())
}

pub(super) async fn pages<C: ConnectionTrait>(
    db: &C,
    sealer: &Sealer,
    webhook: WebhookId,
    before: Option<i64>,
    pages: u32,
) -> Result<Vec<LogPage>, ControlError> {
    let rows = Entity::find()
        .filter(Column::Webhook.eq(webhook.raw()))
        .filter(Column::Number.lt(before.unwrap_or(i64::MAX)))
        .order_by_desc(Column::Number)
        .limit(u64::from(pages))
        .all(db)
        .await
        .map_err(failed)?;
    let read = |row: Model| {
        let name = name(row.webhook, row.number);
        let plain = sealer.open_sealed(TABLE, &name, &row.sealed).map_err(|e| of_sealed(&e))?;
        let lines: Vec<DeliveryDocument> =
            serde_json::from_slice(&plain).map_err(|_| READING.odd("sealed"))?;
        let lines = lines.into_iter().map(|line| line.read(READING)).collect::<Result<_, _>>()?;
        Ok(LogPage { number: row.number, deliveries: lines })
    };
    rows.into_iter().map(read).collect()
}

pub(super) async fn expire(db: &DatabaseTransaction, now: Timestamp) -> Result<(), ControlError> {
    let old = Entity::delete_many().filter(Column::At.lt(now.minus(LOG_AGE).millis()));
    old.exec(db).await.map_err(failed)?;
    Ok(())
}
