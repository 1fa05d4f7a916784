//! Change one's password.

use axum::Json;
use axum::extract::State;

use super::person;
use crate::auth::Anyone;
use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::request::Body;
use crate::session::{asked, refused};
use crate::state::ApiState;

/// 修改密码 · Change one's password
///
/// Every other session of the caller ends.
#[utoipa::path(
    post, path = "/v1/me/password", tag = "access", security(("key" = [])),
    request_body = json::PasswordChange,
    responses((status = 200, body = json::Done, description = "Changed."))
)]
pub(crate) async fn password(
    Anyone(caller): Anyone,
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::PasswordChange>,
) -> Result<Json<json::Done>, Problem> {
    let (user, session) = person(&caller, &state).await?;
    let json::PasswordChange { old, new } = body.value;
    context.is_logged();
    let changed = state.access().change_password((&user, session), old, new, &asked(&context)).await;
    changed.map_err(|trouble| refused(trouble, state.now()))?;
    state.forget_all();
    Ok(Json(json::Done { done: true }))
}
