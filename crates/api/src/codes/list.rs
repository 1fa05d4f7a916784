//! The catalogue.

use axum::Json;
use axum::extract::State;

use crate::auth::Caller;
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::state::ApiState;

/// 错误码目录 · The catalogue of carriers' codes
///
/// The operator's own lines, then the built-in tables. One code is explained by `/v1/codes/explain`.
#[utoipa::path(
    get, path = "/v1/codes", tag = "codes",
    responses((status = 200, body = json::Codes, description = "All lines."))
)]
pub(crate) async fn list(
    _caller: Caller,
    State(state): State<ApiState>,
    language: Language,
) -> Result<Json<json::Codes>, Problem> {
    let lines = state.engine().codes().lines().into_iter().map(|line| json::CodeLine {
        code: line.code,
        scope: line.scope,
        reason: line.reason.into(),
        own: line.own,
        meaning: language.choose(&line.meaning).to_owned(),
        advice: language.choose(&line.advice).to_owned(),
    });
    Ok(Json(json::Codes { codes: lines.collect() }))
}
