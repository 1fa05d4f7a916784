//! Codes that were in no table when they came.

use axum::Json;
use axum::extract::State;
use domain::message::Reason;

use crate::auth::Operator;
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 未知错误码 · Codes that nobody knows
///
/// As the carriers wrote them, with how often each came over which gateway, most frequent first. Counted with the receipt
/// or answer that brought them.
#[utoipa::path(
    get, path = "/v1/codes/unknown", tag = "codes",
    responses((status = 200, body = json::UnknownCodes, description = "All that are kept."))
)]
pub(crate) async fn unknown(
    _operator: Operator,
    State(state): State<ApiState>,
) -> Result<Json<json::UnknownCodes>, Problem> {
    let book = state.engine().codes();
    let moment = |at| json::Moment::new(at, state.zone());
    let codes = state.ledger().unknown_codes().await?.into_iter().map(|code| json::UnknownCode {
        gateway: code.gateway.to_string(),
        code: code.code.as_str().to_owned(),
        times: code.times,
        first_at: moment(code.first_at),
        last_at: moment(code.last_at),
        known_now: Some(book.reason(Some(code.gateway), code.code))
            .filter(|reason| *reason != Reason::CarrierUnknown)
            .map(Into::into),
    });
    Ok(Json(json::UnknownCodes { codes: codes.collect() }))
}
