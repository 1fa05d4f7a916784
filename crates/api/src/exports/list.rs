//! List exports.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::document;
use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page};

/// How many.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 导出列表 · List exports
///
/// Newest first; those of the last week are kept.
#[utoipa::path(
    get, path = "/v1/exports", tag = "exports", security(("key" = ["messages:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::Export>, description = "The newest exports."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadMessages>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Export>>, Problem> {
    let exports = state.control().exports(caller.account, page::limit(listing.limit)?).await?;
    let items = exports.into_iter().map(|export| document(export, state.zone())).collect();
    Ok(Json(json::Page { items, next: None }))
}
