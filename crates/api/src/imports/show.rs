//! Look at one import.

use axum::Json;
use axum::extract::State;
use domain::ids::ImportId;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 查看导入 · Look at an import
///
/// While it runs, its counts are live.
#[utoipa::path(
    get, path = "/v1/imports/{id}", tag = "imports", security(("key" = ["contacts:read"])),
    params(("id" = String, Path, description = "The import.", example = "imp_0d4x0k1g00000")),
    responses((status = 200, body = json::Import, description = "The import."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadContacts>,
    State(state): State<ApiState>,
    Id(id): Id<ImportId>,
) -> Result<Json<json::Import>, Problem> {
    let import = state.control().import(caller.account, id).await?;
    let import = import.ok_or_else(|| Problem::no_such("导入", "import"))?;
    let mut document = super::document(import, state.zone());
    if let Some(progress) = state.engine().import_progress(id) {
        let progress = *progress.borrow();
        document.state = progress.state.into();
        document.counts = super::counts(progress.counts);
        document.bytes_read = progress.bytes_read;
    }
    Ok(Json(document))
}
