//! Look at an export.

use axum::Json;
use axum::extract::State;
use domain::ids::ExportId;

use super::document;
use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 查看导出 · Look at an export
///
/// How far it is, and whether its file is there.
#[utoipa::path(
    get, path = "/v1/exports/{id}", tag = "exports", security(("key" = ["messages:read"])),
    params(("id" = String, Path, description = "The export.", example = "exp_0d4x0k1g00000")),
    responses((status = 200, body = json::Export, description = "The export."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadMessages>,
    State(state): State<ApiState>,
    Id(id): Id<ExportId>,
) -> Result<Json<json::Export>, Problem> {
    let export = state.engine().exports().find(caller.account, id).await?;
    Ok(Json(document(export, state.zone())))
}
