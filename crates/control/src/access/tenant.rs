//! Accounts with what access to them depends on.

use std::collections::HashMap;

use domain::control::{AccountKind, ControlError, Tenant};
use domain::ids::AccountId;
use domain::time::Timestamp;
use sea_orm::{EntityTrait, QueryOrder, QuerySelect};

use crate::ControlDb;
use crate::account::account_of;
use crate::error::of_database;
use crate::reading::Reading;
use crate::row::{account, account_detail};

const TABLE: &str = "account_detail";

impl ControlDb {
    pub(super) async fn all_tenants(&self) -> Result<Vec<Tenant>, ControlError> {
        let rows = account::Entity::find().order_by_asc(account::Column::Id).all(&self.db).await;
        let rows = rows.map_err(|e| of_database(&e, "account"))?;
        let details =
            account_detail::Entity::find().all(&self.db).await.map_err(|e| of_database(&e, TABLE))?;
        let mut details: HashMap<i64, account_detail::Model> =
            details.into_iter().map(|detail| (detail.id, detail)).collect();
        let operator = rows.first().map(|row| row.id);
        rows.into_iter()
            .map(|row| {
                let detail = details.remove(&row.id);
                tenant_of(row, detail, operator)
            })
            .collect()
    }

    pub(super) async fn one_tenant(&self, id: AccountId) -> Result<Option<Tenant>, ControlError> {
        // The revision first: a name that is newer than it is noticed by whoever compares both, an older one would not be.
        let detail = account_detail::Entity::find_by_id(id.raw()).one(&self.db).await;
        let detail = detail.map_err(|e| of_database(&e, TABLE))?;
        let row = account::Entity::find_by_id(id.raw()).one(&self.db).await;
        let Some(row) = row.map_err(|e| of_database(&e, "account"))? else { return Ok(None) };
        let first = account::Entity::find().order_by_asc(account::Column::Id).limit(1).one(&self.db).await;
        let operator = first.map_err(|e| of_database(&e, "account"))?.map(|first| first.id);
        tenant_of(row, detail, operator).map(Some)
    }
}

/// The operator is the account that the installation began with.
fn tenant_of(
    row: account::Model,
    detail: Option<account_detail::Model>,
    operator: Option<i64>,
) -> Result<Tenant, ControlError> {
    let kind = if operator == Some(row.id) { AccountKind::Operator } else { AccountKind::Tenant };
    let (parent, disabled_at, revision) =
        detail.map_or((None, None, 0), |detail| (detail.parent, detail.disabled_at, detail.revision));
    Ok(Tenant {
        account: account_of(row),
        kind,
        parent: parent.map(AccountId::from_raw),
        disabled_at: disabled_at.map(Timestamp::from_millis),
        revision: Reading(TABLE).number("revision", revision)?,
    })
}
