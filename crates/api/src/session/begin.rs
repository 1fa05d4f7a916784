//! Sign in.

use access::Proof;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::{asked, refused, set_cookie};
use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;
use crate::users::document;

/// 登录 · Sign in
///
/// Sets the session's cookie. After five failed attempts a login waits, longer each time. With a second factor, the
/// first answer may be `second_factor_needed`: repeat with a code.
#[utoipa::path(
    post, path = "/v1/session", tag = "access",
    request_body = json::SessionCreate,
    responses((status = 201, body = json::User, description = "Signed in; the cookie is set."))
)]
pub(crate) async fn begin(
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::SessionCreate>,
) -> Result<Response, Problem> {
    state.take_stranger(&context)?;
    let json::SessionCreate { login, password, code, recovery_code } = body.value;
    let proof = Proof { login, password, code, recovery_code };
    let signed_in = state.access().sign_in(proof, &asked(&context)).await;
    let signed_in = signed_in.map_err(|trouble| refused(trouble, state.now()))?;
    let user = document(&signed_in.user, state.zone());
    let mut response = (StatusCode::CREATED, Json(user)).into_response();
    set_cookie(response.headers_mut(), Some(&signed_in.secret.0));
    Ok(response)
}
