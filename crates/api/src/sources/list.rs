//! List sources.

use axum::Json;
use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 数据源列表 · List sources
///
/// Oldest first, without their secrets.
#[utoipa::path(
    get, path = "/v1/import-sources", tag = "imports", security(("key" = ["contacts:read"])),
    responses((status = 200, body = json::ImportSources, description = "All sources."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadContacts>,
    State(state): State<ApiState>,
) -> Result<Json<json::ImportSources>, Problem> {
    let sources = state.control().sources(caller.account).await?;
    let sources = sources.iter().map(|source| super::document(source, state.zone())).collect();
    Ok(Json(json::ImportSources { sources }))
}
