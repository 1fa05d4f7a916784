//! Download the rows that were not taken.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::ids::ImportId;
use engine::import::REJECTED_MEDIA_TYPE;

use crate::auth::{Allowed, can};
use crate::download;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 下载被拒行 · Download the rejected rows
///
/// Line number, reason and the row as it was read; cells that a spreadsheet program would run are disarmed.
#[utoipa::path(
    get, path = "/v1/imports/{id}/rejected.csv", tag = "imports", security(("key" = ["contacts:write"])),
    params(("id" = String, Path, description = "The import.", example = "imp_0d4x0k1g00000")),
    responses((status = 200, content_type = "text/csv", body = String, description = "The rows, streamed.",
        example = "行号 line,原因 reason,原始数据 row\r\n7,phone_too_short: 号码太短：只有 10 位,1380013800\r\n"))
)]
pub(crate) async fn rejected(
    caller: Allowed<can::WriteContacts>,
    State(state): State<ApiState>,
    Id(id): Id<ImportId>,
) -> Result<Response, Problem> {
    let pieces = state.engine().rejected_csv(caller.account, id).await?;
    Ok(download::csv(&format!("{id}-rejected.csv"), REJECTED_MEDIA_TYPE, Body::from_stream(pieces)))
}
