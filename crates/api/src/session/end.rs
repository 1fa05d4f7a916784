//! Sign out.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::{asked, set_cookie};
use crate::auth::Anyone;
use crate::context::Context;
use crate::json;
use crate::me::person;
use crate::problem::Problem;
use crate::state::ApiState;

/// 退出登录 · Sign out
///
/// Ends this session and takes its cookie away.
#[utoipa::path(
    delete, path = "/v1/session", tag = "access", security(("key" = [])),
    responses((status = 200, body = json::Done, description = "Signed out."))
)]
pub(crate) async fn end(
    Anyone(caller): Anyone,
    State(state): State<ApiState>,
    context: Context,
) -> Result<Response, Problem> {
    let (user, session) = person(&caller, &state).await?;
    context.is_logged();
    state.access().sign_out(&user, session, &asked(&context)).await?;
    state.forget_all();
    let mut response = Json(json::Done { done: true }).into_response();
    set_cookie(response.headers_mut(), None);
    Ok(response)
}
