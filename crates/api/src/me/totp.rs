//! The second factor.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::person;
use crate::auth::Anyone;
use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::request::Body;
use crate::session::{asked, refused};
use crate::state::ApiState;

/// 开始两步验证 · Begin with a second factor
///
/// Answers what an authenticator needs; no code is asked for before one was confirmed.
#[utoipa::path(
    post, path = "/v1/me/totp", tag = "access", security(("key" = [])),
    responses((status = 201, body = json::TotpBegun, description = "Scan it and confirm."))
)]
pub(crate) async fn begin(
    Anyone(caller): Anyone,
    State(state): State<ApiState>,
    context: Context,
) -> Result<(StatusCode, Json<json::TotpBegun>), Problem> {
    let (user, _) = person(&caller, &state).await?;
    context.is_logged();
    let begun = state.access().begin_second_factor(&user, &asked(&context)).await?;
    Ok((StatusCode::CREATED, Json(json::TotpBegun { secret: begun.secret.0, uri: begun.uri.0 })))
}

/// 启用两步验证 · Confirm a second factor
///
/// With a code of the authenticator. Answers the recovery codes, which are shown here and never again.
#[utoipa::path(
    post, path = "/v1/me/totp/confirm", tag = "access", security(("key" = [])),
    request_body = json::TotpConfirm,
    responses((status = 200, body = json::TotpConfirmed, description = "On; keep the codes."))
)]
pub(crate) async fn confirm(
    Anyone(caller): Anyone,
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::TotpConfirm>,
) -> Result<Json<json::TotpConfirmed>, Problem> {
    let (user, _) = person(&caller, &state).await?;
    context.is_logged();
    let codes = state.access().confirm_second_factor(&user, &body.value.code, &asked(&context)).await;
    let codes = codes.map_err(|trouble| refused(trouble, state.now()))?;
    Ok(Json(json::TotpConfirmed { recovery_codes: codes.into_iter().map(|code| code.0).collect() }))
}

/// 移除两步验证 · Remove the second factor
///
/// For whoever knows the password and has a code or a recovery code.
#[utoipa::path(
    post, path = "/v1/me/totp/remove", tag = "access", security(("key" = [])),
    request_body = json::TotpRemove,
    responses((status = 200, body = json::Done, description = "Off."))
)]
pub(crate) async fn remove(
    Anyone(caller): Anyone,
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::TotpRemove>,
) -> Result<Json<json::Done>, Problem> {
    let (user, _) = person(&caller, &state).await?;
    let json::TotpRemove { password, code, recovery_code } = body.value;
    context.is_logged();
    let shown = (code, recovery_code);
    let removed = state.access().remove_second_factor(&user, password, shown, &asked(&context)).await;
    removed.map_err(|trouble| refused(trouble, state.now()))?;
    Ok(Json(json::Done { done: true }))
}
