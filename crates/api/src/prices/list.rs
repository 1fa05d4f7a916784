//! List prices.

use axum::Json;
use axum::extract::State;

use crate::auth::Caller;
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 价格 · List prices
///
/// The most specific line wins: category and carrier, category, carrier, neither.
#[utoipa::path(
    get, path = "/v1/prices", tag = "channels",
    responses((status = 200, body = json::Prices, description = "What the caller's account pays per part."))
)]
pub(crate) async fn list(
    caller: Caller,
    State(state): State<ApiState>,
) -> Result<Json<json::Prices>, Problem> {
    Ok(Json(super::document(state.control().prices(caller.account).await?)))
}
