//! Fetch a source now.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::control::Conditions;
use domain::ids::SourceId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 立即获取 · Fetch a source now
///
/// Answers at once; the run begins within a second, and its report is in the list of runs. Its schedule goes on as it was.
#[utoipa::path(
    post, path = "/v1/import-sources/{id}/run", tag = "imports", security(("key" = ["contacts:write"])),
    params(("id" = String, Path, description = "The source.", example = "src_0d4x0k1g00000")),
    responses((status = 202, body = json::SourceRun, description = "It will be fetched."))
)]
pub(crate) async fn run(
    caller: Allowed<can::WriteContacts>,
    State(state): State<ApiState>,
    context: Context,
    Id(id): Id<SourceId>,
) -> Result<(StatusCode, Json<json::SourceRun>), Problem> {
    let feeds = state.engine().feeds();
    let run = feeds.asked_run(caller.account, id).await?;
    let line = context.line(&state, &caller, "import-sources.run", &id, None);
    feeds.add_run(&run, Conditions { expected: None, line: Some(&line) }).await?;
    Ok((StatusCode::ACCEPTED, Json(super::report(run, state.zone()))))
}
