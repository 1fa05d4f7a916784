//! Start an import.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::ImportId;
use engine::import::ImportOrder;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 开始导入 · Start an import
///
/// Answers at once; the import runs on, and is watched by reading it.
#[utoipa::path(
    post, path = "/v1/imports/{id}/start", tag = "imports", security(("key" = ["contacts:write"])),
    params(("id" = String, Path, description = "The import.", example = "imp_0d4x0k1g00000")),
    request_body = json::ImportStart,
    responses((status = 202, body = json::Import, description = "Running."))
)]
pub(crate) async fn start(
    caller: Allowed<can::WriteContacts>,
    State(state): State<ApiState>,
    Id(id): Id<ImportId>,
    body: Body<json::ImportStart>,
) -> Result<(StatusCode, Json<json::Import>), Problem> {
    let json::ImportStart { mapping, tags, source, basis } = body.value;
    let stored = state.control().import(caller.account, id).await?;
    let stored = stored.ok_or_else(|| Problem::no_such("导入", "import"))?;
    let mapping = mapping.map_or(stored.mapping, super::mapping);
    let order = ImportOrder { mapping, tags, source, basis: basis.map(Into::into) };
    let import = state.engine().start_import(caller.account, id, order).await?;
    Ok((StatusCode::ACCEPTED, Json(super::document(import, state.zone()))))
}
