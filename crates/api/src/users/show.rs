//! Show a user.

use axum::extract::State;
use domain::ids::UserId;

use crate::auth::{Allowed, can};
use crate::etag::Tagged;
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 用户详情 · Show a user
///
/// With its version in `ETag`.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "access", security(("key" = ["users:read"])),
    params(("id" = String, Path, description = "The user.", example = "usr_0d4x0k1g00000")),
    responses((status = 200, body = json::User, description = "The user."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadUsers>,
    State(state): State<ApiState>,
    Id(id): Id<UserId>,
) -> Result<Tagged<json::User>, Problem> {
    let user = state.access().user(caller.actor(), id).await?;
    Ok(Tagged::new(super::document(&user, state.zone())))
}
