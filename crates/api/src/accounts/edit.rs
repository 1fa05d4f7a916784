//! Change an account.

use axum::extract::State;
use domain::ids::AccountId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::problem::Problem;
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 修改账户 · Change an account
///
/// Renames, disables or enables it. What it has queued goes on; neither its keys nor its people are let in.
#[utoipa::path(
    patch, path = "/v1/accounts/{id}", tag = "access", security(("key" = ["accounts:write"])),
    params(
        ("id" = String, Path, description = "The account.", example = "acc_0d4x0k1g00000"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::AccountChange,
    responses((status = 200, body = json::Account, description = "In force."))
)]
pub(crate) async fn edit(
    caller: Allowed<can::WriteAccounts>,
    State(state): State<ApiState>,
    context: Context,
    if_match: IfMatch,
    Id(id): Id<AccountId>,
    body: Body<json::AccountChange>,
) -> Result<Tagged<json::Account>, Problem> {
    let current = state.access().visible_account(caller.actor(), id).await?;
    if_match.check(Tag::of(&super::document(&current, state.zone())))?;
    context.is_logged();
    let json::AccountChange { name, disabled } = body.value;
    let expected = if_match.expects(current.revision);
    let tenant = state.access().change_account(caller.actor(), id, name.as_deref(), disabled, expected).await;
    let tenant = tenant.map_err(|trouble| if_match.settle(trouble))?;
    state.forget_all();
    Ok(Tagged::new(super::document(&tenant, state.zone())))
}
