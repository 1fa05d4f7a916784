//! Keys with all that they may do, and when they were used.

use std::collections::HashMap;

use domain::access::{KeyRules, PermissionSet};
use domain::control::{ControlError, KeyGrant, Secret, Uses};
use domain::ids::{AccountId, KeyId};
use domain::time::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

use crate::ControlDb;
use crate::account::key_of;
use crate::error::of_database;
use crate::reading::{PAGE_LIMIT, Reading};
use crate::row::{api_key, app_session, key_detail, key_use};

pub(super) const TABLE: &str = "key_detail";

/// A set of permissions from its stored words.
pub(super) fn permissions(
    reading: Reading,
    column: &'static str,
    words: &str,
) -> Result<PermissionSet, ControlError> {
    PermissionSet::from_words(words.split_whitespace()).map_err(|_| reading.odd(column))
}

impl ControlDb {
    pub(super) async fn key_where(&self, condition: SimpleExpr) -> Result<Option<KeyGrant>, ControlError> {
        let row = api_key::Entity::find().filter(condition).one(&self.db).await;
        let Some(row) = row.map_err(|e| of_database(&e, "api_key"))? else { return Ok(None) };
        let detail = key_detail::Entity::find_by_id(row.id).one(&self.db).await;
        let detail = detail.map_err(|e| of_database(&e, TABLE))?;
        self.grant_of(row, detail, None).map(Some)
    }

    pub(super) async fn page_of_keys(
        &self,
        account: AccountId,
        before: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyGrant>, ControlError> {
        let mut query = api_key::Entity::find().filter(api_key::Column::Account.eq(account.raw()));
        if let Some(before) = before {
            query = query.filter(api_key::Column::Id.lt(before.raw()));
        }
        let rows = query
            .order_by_desc(api_key::Column::Id)
            .limit(u64::from(limit.min(PAGE_LIMIT)))
            .all(&self.db)
            .await
            .map_err(|e| of_database(&e, "api_key"))?;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let details =
            key_detail::Entity::find().filter(key_detail::Column::Id.is_in(ids.clone())).all(&self.db);
        let mut details: HashMap<i64, key_detail::Model> =
            details.await.map_err(|e| of_database(&e, TABLE))?.into_iter().map(|row| (row.id, row)).collect();
        let uses = key_use::Entity::find().filter(key_use::Column::Id.is_in(ids)).all(&self.db).await;
        let uses: HashMap<i64, i64> = uses
            .map_err(|e| of_database(&e, "key_use"))?
            .into_iter()
            .map(|row| (row.id, row.used_at))
            .collect();
        rows.into_iter()
            .map(|row| {
                let (detail, used_at) = (details.remove(&row.id), uses.get(&row.id).copied());
                let mut grant = self.grant_of(row, detail, used_at)?;
                // That it signs may be known; with what, nobody reads again.
                grant.signing = grant.signing.map(|_| Secret(String::new()));
                Ok(grant)
            })
            .collect()
    }

    /// A key of before there were scopes may do everything.
    fn grant_of(
        &self,
        row: api_key::Model,
        detail: Option<key_detail::Model>,
        used_at: Option<i64>,
    ) -> Result<KeyGrant, ControlError> {
        let reading = Reading(TABLE);
        let key = key_of(row)?;
        let rules = KeyRules { revoked_at: key.revoked_at, ..KeyRules::default() };
        let used_at = used_at.map(Timestamp::from_millis);
        let Some(detail) = detail else {
            let scopes = PermissionSet::all();
            return Ok(KeyGrant { key, scopes, rules, signing: None, per_minute: None, used_at });
        };
        let network = |text: &str| text.parse().map_err(|_| reading.odd("networks"));
        let signing = detail.sealed.map(|sealed| reading.open(&self.sealer, detail.id, &sealed).map(Secret));
        Ok(KeyGrant {
            scopes: permissions(reading, "scopes", &detail.scopes)?,
            rules: KeyRules {
                networks: detail.networks.split_whitespace().map(network).collect::<Result<_, _>>()?,
                expires_at: detail.expires_at.map(Timestamp::from_millis),
                ..rules
            },
            signing: signing.transpose()?,
            per_minute: detail.per_minute.map(|limit| reading.number("per_minute", limit)).transpose()?,
            key,
            used_at,
        })
    }

    pub(super) async fn write_uses(&self, uses: &Uses) -> Result<(), ControlError> {
        if uses.keys.is_empty() && uses.sessions.is_empty() {
            return Ok(());
        }
        let write = self.write().await?;
        for (id, at) in &uses.keys {
            let row = key_use::Model { id: id.raw(), used_at: at.millis() };
            let later =
                OnConflict::column(key_use::Column::Id).update_column(key_use::Column::UsedAt).to_owned();
            let put = key_use::Entity::insert(row.into_active_model()).on_conflict(later);
            put.exec_without_returning(&write.transaction).await.map_err(|e| of_database(&e, "key_use"))?;
        }
        for (id, at) in &uses.sessions {
            let seen = app_session::Entity::update_many()
                .col_expr(app_session::Column::SeenAt, Expr::value(at.millis()))
                .filter(app_session::Column::Id.eq(id.raw()));
            seen.exec(&write.transaction).await.map_err(|e| of_database(&e, "session"))?;
        }
        write.commit().await
    }
}
