//! A new link for somebody.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::UserId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 重置密码链接 · A new one-time link
///
/// For somebody who was invited or forgot the password. Earlier links of theirs end; the password stays until the link
/// is taken.
#[utoipa::path(
    post, path = "/v1/users/{id}/link", tag = "access", security(("key" = ["users:write"])),
    params(("id" = String, Path, description = "The user.", example = "usr_0d4x0k1g00000")),
    request_body = json::UserReset,
    responses((status = 201, body = json::UserInvited, description = "Pass the link on."))
)]
pub(crate) async fn link(
    caller: Allowed<can::WriteUsers>,
    State(state): State<ApiState>,
    context: Context,
    Id(id): Id<UserId>,
    body: Body<json::UserReset>,
) -> Result<(StatusCode, Json<json::UserInvited>), Problem> {
    context.is_logged();
    let secret = state.access().reset_user(caller.actor(), id, body.value.remove_second_factor).await?;
    let user = state.access().user(caller.actor(), id).await?;
    Ok((StatusCode::CREATED, Json(super::invited(&user, secret, state.zone()))))
}
