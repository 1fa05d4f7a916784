//! Choose a password.

use axum::Json;
use axum::extract::State;

use super::asked;
use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;
use crate::users::document;

/// 设置密码 · Choose a password
///
/// With a one-time link. Every session of its owner ends; sign in with the new password.
#[utoipa::path(
    post, path = "/v1/password", tag = "access",
    request_body = json::PasswordCreate,
    responses((status = 200, body = json::User, description = "Set."))
)]
pub(crate) async fn password(
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::PasswordCreate>,
) -> Result<Json<json::User>, Problem> {
    state.take_stranger(&context)?;
    let json::PasswordCreate { token, password } = body.value;
    let user = state.access().take_link(&token, password, &asked(&context)).await?;
    state.forget_all();
    Ok(Json(document(&user, state.zone())))
}
