//! Open an account.

use access::NewAccount;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::AccountId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::Tagged;
use crate::json;
use crate::problem::Problem;
use crate::request::{self, Body};
use crate::state::ApiState;

/// 开立账户 · Open an account
///
/// From the operator's account a tenant, or a sub-account of one; from a tenant's account a sub-account of it. A
/// sub-account has none of its own.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "access", security(("key" = ["accounts:write"])),
    request_body = json::AccountCreate,
    responses((status = 201, body = json::Account, description = "Open."))
)]
pub(crate) async fn create(
    caller: Allowed<can::WriteAccounts>,
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::AccountCreate>,
) -> Result<(StatusCode, Tagged<json::Account>), Problem> {
    let json::AccountCreate { name, parent, entity } = body.value;
    let parent = parent.map(|text| {
        request::read::<AccountId>(&text, "/parent", "应为 acc_… 形式的编号", "An id of the form acc_…")
    });
    context.is_logged();
    let new = NewAccount { name, parent: parent.transpose()?, entity };
    let tenant = state.access().open_account(caller.actor(), new).await?;
    Ok((StatusCode::CREATED, Tagged::new(super::document(&tenant, state.zone()))))
}
