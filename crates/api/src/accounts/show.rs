//! Show an account.

use axum::extract::State;
use domain::ids::AccountId;

use crate::auth::{Allowed, can};
use crate::etag::Tagged;
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 账户详情 · Show an account
///
/// With its version in `ETag`.
#[utoipa::path(
    get, path = "/v1/accounts/{id}", tag = "access", security(("key" = ["accounts:read"])),
    params(("id" = String, Path, description = "The account.", example = "acc_0d4x0k1g00000")),
    responses((status = 200, body = json::Account, description = "The account."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadAccounts>,
    State(state): State<ApiState>,
    Id(id): Id<AccountId>,
) -> Result<Tagged<json::Account>, Problem> {
    let tenant = state.access().visible_account(caller.actor(), id).await?;
    Ok(Tagged::new(super::document(&tenant, state.zone())))
}
