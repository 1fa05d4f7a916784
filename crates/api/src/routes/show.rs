//! Show a route.

use axum::extract::State;
use domain::ids::RouteId;

use crate::auth::{Allowed, can};
use crate::etag::Tagged;
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 路由详情 · Show a route
///
/// With the version of its configuration in `ETag`.
#[utoipa::path(
    get, path = "/v1/routes/{id}", tag = "channels", security(("key" = ["channels:read"])),
    params(("id" = String, Path, description = "The route.", example = "rte_1")),
    responses((status = 200, body = json::Route, description = "The route."))
)]
pub(crate) async fn show(
    _caller: Allowed<can::ReadChannels>,
    State(state): State<ApiState>,
    Id(id): Id<RouteId>,
) -> Result<Tagged<json::Route>, Problem> {
    let all = state.engine().routes().await?;
    let found = all.iter().find(|route| route.id == id);
    let found = found.ok_or_else(|| Problem::no_such("路由", "route"))?;
    Ok(Tagged::new(super::document(found)))
}
