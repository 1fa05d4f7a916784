//! List accounts.

use axum::Json;
use axum::extract::State;
use domain::ids::AccountId;

use crate::auth::{Allowed, can};
use crate::json;
use crate::page::Paging;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;

/// 账户列表 · List accounts
///
/// Oldest first: from the operator's account all, else the caller's own and its sub-accounts.
#[utoipa::path(
    get, path = "/v1/accounts", tag = "access", security(("key" = ["accounts:read"])), params(Paging),
    responses((status = 200, body = json::Page<json::Account>, description = "A page of accounts."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadAccounts>,
    State(state): State<ApiState>,
    Params(paging): Params<Paging>,
) -> Result<Json<json::Page<json::Account>>, Problem> {
    let limit = paging.limit()? as usize;
    let after: Option<AccountId> = paging.cursor()?;
    let visible = state.access().visible_accounts(caller.actor()).await?;
    let mut rest =
        visible.iter().filter(|tenant| after.is_none_or(|after| tenant.account.id > after)).peekable();
    let mut items = Vec::new();
    while items.len() < limit
        && let Some(tenant) = rest.next()
    {
        items.push(super::document(tenant, state.zone()));
    }
    let next = rest.peek().and_then(|_| items.last().map(|last: &json::Account| last.id.clone()));
    Ok(Json(json::Page { items, next }))
}
