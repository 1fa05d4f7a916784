//! Import number ranges.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use engine::numbers::MAX_TABLE_BYTES;

use crate::auth::Operator;
use crate::json;
use crate::problem::Problem;
use crate::request::too_large;
use crate::state::ApiState;

/// 导入号段库 · Import number ranges
///
/// The body is the file itself: phone.dat, or a table (CSV in UTF-8 or GB 18030, XLSX) whose header is
/// prefix,province,city,carrier, up to 64 MiB. It takes the place of the table before as a whole, on every node; a file
/// with a mistake changes nothing, and its lines are named.
#[utoipa::path(
    post, path = "/v1/numbers/imports", tag = "numbers",
    request_body(content_type = "application/octet-stream", description = "The file."),
    responses((status = 201, body = json::NumbersImported, description = "In force."))
)]
pub(crate) async fn import(
    _operator: Operator,
    State(state): State<ApiState>,
    body: Body,
) -> Result<(StatusCode, Json<json::NumbersImported>), Problem> {
    let bytes = to_bytes(body, MAX_TABLE_BYTES).await.map_err(|_| too_large(MAX_TABLE_BYTES))?;
    let done = state.engine().import_numbers(bytes.to_vec()).await?;
    let imported = json::NumbersImported {
        table: super::document(&done.now, state.zone()),
        stored_bytes: done.stored_bytes,
        outside: done.outside,
        differing: done.differing,
    };
    Ok((StatusCode::CREATED, Json(imported)))
}
