//! The log of who did what: rows are added, and nothing changes or removes them.

use std::collections::HashMap;

use domain::access::Principal;
use domain::control::{AuditFilter, AuditLine, ControlError};
use domain::ids::{AccountId, AuditId};
use domain::time::Timestamp;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use crate::ControlDb;
use crate::error::of_database;
use crate::reading::{PAGE_LIMIT, Reading, json};
use crate::row::audit_detail;
use crate::row::audit_line::{Column, Entity, Model};

const TABLE: &str = "audit_line";
const DETAIL: &str = "audit_detail";
/// Lines whose details are read at once: SQLite bounds the values of one statement.
const DETAILS_AT_ONCE: usize = 500;

/// Names and values.
type Detail = Vec<(String, String)>;

/// Adds a line within the caller's transaction.
pub(crate) async fn insert_line<C: ConnectionTrait>(db: &C, line: &AuditLine) -> Result<(), ControlError> {
    let row = Model {
        id: line.id.raw(),
        account: line.account.raw(),
        at: line.at.millis(),
        principal: line.principal.to_string(),
        home: line.home.raw(),
        action: line.action.clone(),
        object: line.object.clone(),
        address: line.address.map_or_else(String::new, |address| address.to_string()),
        request: line.request.clone(),
        digest_before: line.before.map(Vec::from),
        digest_after: line.after.map(Vec::from),
        requests: i32::try_from(line.count).unwrap_or(i32::MAX),
    };
    let added = Entity::insert(row.into_active_model()).exec_without_returning(db).await;
    added.map_err(|e| of_database(&e, TABLE))?;
    if line.detail.is_empty() {
        return Ok(());
    }
    let row = audit_detail::Model { id: line.id.raw(), detail: json(&line.detail) };
    let added = audit_detail::Entity::insert(row.into_active_model()).exec_without_returning(db).await;
    added.map(|_| ()).map_err(|e| of_database(&e, DETAIL))
}

impl ControlDb {
    pub(super) async fn page_of_log(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditLine>, ControlError> {
        let mut query = Entity::find().filter(Column::Account.eq(filter.account.raw()));
        if let Some(before) = filter.before {
            query = query.filter(Column::Id.lt(before.raw()));
        }
        if let Some(principal) = filter.principal {
            query = query.filter(Column::Principal.eq(principal.to_string()));
        }
        if let Some(action) = &filter.action {
            query = query.filter(Column::Action.eq(action.as_str()));
        }
        if let Some(object) = &filter.object {
            query = query.filter(Column::Object.eq(object.as_str()));
        }
        if let Some(since) = filter.since {
            query = query.filter(Column::At.gte(since.millis()));
        }
        if let Some(until) = filter.until {
            query = query.filter(Column::At.lt(until.millis()));
        }
        let rows =
            query.order_by_desc(Column::Id).limit(u64::from(limit.min(PAGE_LIMIT))).all(&self.db).await;
        let rows = rows.map_err(|e| of_database(&e, TABLE))?;
        let mut details = self.details_of(&rows).await?;
        rows.into_iter()
            .map(|row| {
                let detail = details.remove(&row.id).unwrap_or_default();
                Ok(AuditLine { detail, ..line_of(row)? })
            })
            .collect()
    }

    /// What more is to be known of these lines, by their ids.
    async fn details_of(&self, rows: &[Model]) -> Result<HashMap<i64, Detail>, ControlError> {
        let mut details = HashMap::new();
        for some in rows.chunks(DETAILS_AT_ONCE) {
            let found = audit_detail::Entity::find()
                .filter(audit_detail::Column::Id.is_in(some.iter().map(|row| row.id)))
                .all(&self.db)
                .await
                .map_err(|e| of_database(&e, DETAIL))?;
            for row in found {
                details.insert(row.id, Reading(DETAIL).json("detail", &row.detail)?);
            }
        }
        Ok(details)
    }
}

fn line_of(row: Model) -> Result<AuditLine, ControlError> {
    let reading = Reading(TABLE);
    let digest = |column, bytes: Option<Vec<u8>>| {
        bytes.map(|bytes| <[u8; 16]>::try_from(bytes).map_err(|_| reading.odd(column))).transpose()
    };
    let address = match row.address.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| reading.odd("address"))?),
    };
    Ok(AuditLine {
        id: AuditId::from_raw(row.id),
        at: Timestamp::from_millis(row.at),
        account: AccountId::from_raw(row.account),
        principal: row.principal.parse::<Principal>().map_err(|_| reading.odd("principal"))?,
        home: AccountId::from_raw(row.home),
        action: row.action,
        object: row.object,
        address,
        request: row.request,
        before: digest("digest_before", row.digest_before)?,
        after: digest("digest_after", row.digest_after)?,
        count: reading.number("requests", row.requests)?,
        detail: Vec::new(),
    })
}
