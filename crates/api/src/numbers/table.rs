//! The table of number ranges.

use axum::Json;
use axum::extract::State;

use crate::auth::Caller;
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 号段库 · The table of number ranges
///
/// Which table is in force: where ranges of seven digits were sold.
#[utoipa::path(
    get, path = "/v1/numbers", tag = "numbers",
    responses((status = 200, body = json::NumberTable, description = "In force."))
)]
pub(crate) async fn table(
    _caller: Caller,
    State(state): State<ApiState>,
) -> Result<Json<json::NumberTable>, Problem> {
    let known = state.engine().number_table().await?;
    Ok(Json(super::document(&known, state.zone())))
}
