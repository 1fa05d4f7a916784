//! Delete a source.

use axum::extract::State;
use axum::http::StatusCode;
use domain::control::Conditions;
use domain::ids::SourceId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 删除数据源 · Delete a source
///
/// With its reports. Contacts that came from it stay.
#[utoipa::path(
    delete, path = "/v1/import-sources/{id}", tag = "imports", security(("key" = ["contacts:write"])),
    params(("id" = String, Path, description = "The source.", example = "src_0d4x0k1g00000")),
    responses((status = 204, description = "Deleted."))
)]
pub(crate) async fn delete(
    caller: Allowed<can::WriteContacts>,
    State(state): State<ApiState>,
    context: Context,
    Id(id): Id<SourceId>,
) -> Result<StatusCode, Problem> {
    let line = context.line(&state, &caller, "import-sources.remove", &id, None);
    let terms = Conditions { expected: None, line: Some(&line) };
    state.engine().feeds().remove(caller.account, id, terms).await?;
    Ok(StatusCode::NO_CONTENT)
}
