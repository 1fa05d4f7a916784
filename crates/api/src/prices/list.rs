//! List prices.

use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::etag::Tagged;
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 价格 · List prices
///
/// Of the lines that hold at a time, the most specific wins: first those that name the category, among them those that name a
/// country, then those that name a carrier.
#[utoipa::path(
    get, path = "/v1/prices", tag = "channels", security(("key" = ["prices:read"])),
    responses((status = 200, body = json::Prices, description = "What the caller's account pays per part."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadPrices>,
    State(state): State<ApiState>,
) -> Result<Tagged<json::Prices>, Problem> {
    Ok(Tagged::new(super::document(state.control().prices(caller.account).await?, state.zone())))
}
