//! List routes.

use axum::Json;
use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 路由列表 · List routes
///
/// The first one carries what names no route.
#[utoipa::path(
    get, path = "/v1/routes", tag = "channels", security(("key" = ["channels:read"])),
    responses((status = 200, body = json::Routes, description = "All routes."))
)]
pub(crate) async fn list(
    _caller: Allowed<can::ReadChannels>,
    State(state): State<ApiState>,
) -> Result<Json<json::Routes>, Problem> {
    let routes = state.engine().routes().await?;
    Ok(Json(json::Routes { routes: routes.iter().map(super::document).collect() }))
}
