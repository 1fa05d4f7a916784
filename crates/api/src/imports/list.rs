//! List imports.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::json;
use crate::page;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;

/// How many.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 导入列表 · List imports
///
/// Newest first.
#[utoipa::path(
    get, path = "/v1/imports", tag = "imports", security(("key" = ["contacts:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::Import>, description = "The newest imports."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadContacts>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Import>>, Problem> {
    let imports = state.control().imports(caller.account, page::limit(listing.limit)?).await?;
    let items = imports.into_iter().map(|import| super::document(import, state.zone())).collect();
    Ok(Json(json::Page { items, next: None }))
}
