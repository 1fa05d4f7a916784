//! Accounts: the operator's tenants and their sub-accounts.

mod create;
mod edit;
mod list;
mod show;

use domain::control::{AccountKind, Tenant};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list, create::create)).routes(routes!(show::show, edit::edit))
}

fn document(tenant: &Tenant, zone: &TimeZone) -> json::Account {
    let kind = match tenant.kind {
        AccountKind::Operator => "operator",
        AccountKind::Tenant => "tenant",
    };
    json::Account {
        id: tenant.account.id.to_string(),
        name: tenant.account.name.clone(),
        kind: kind.to_owned(),
        entity: tenant.account.entity.to_string(),
        parent: tenant.parent.map(|parent| parent.to_string()),
        disabled: tenant.disabled_at.is_some(),
        created_at: json::Moment::new(tenant.account.created_at, zone),
    }
}
