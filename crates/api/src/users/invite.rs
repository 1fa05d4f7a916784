//! Invite somebody.

use access::NewUser;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;

/// 邀请用户 · Invite somebody
///
/// Answers the one-time link by which they choose a password; it is shown here and never again.
#[utoipa::path(
    post, path = "/v1/users", tag = "access", security(("key" = ["users:write"])),
    request_body = json::UserInvite,
    responses((status = 201, body = json::UserInvited, description = "Invited; pass the link on."))
)]
pub(crate) async fn invite(
    caller: Allowed<can::WriteUsers>,
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::UserInvite>,
) -> Result<(StatusCode, Json<json::UserInvited>), Problem> {
    let json::UserInvite { login, name, roles } = body.value;
    let roles = super::roles(&roles)?;
    context.is_logged();
    let (user, secret) = state.access().invite_user(caller.actor(), NewUser { login, name, roles }).await?;
    Ok((StatusCode::CREATED, Json(super::invited(&user, secret, state.zone()))))
}
