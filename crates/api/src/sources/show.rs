//! Show a source.

use axum::extract::State;
use domain::ids::SourceId;

use crate::auth::{Allowed, can};
use crate::etag::{Tag, Tagged};
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 数据源详情 · Show a source
///
/// Without its secret; with the version of what people set in `ETag`.
#[utoipa::path(
    get, path = "/v1/import-sources/{id}", tag = "imports", security(("key" = ["contacts:read"])),
    params(("id" = String, Path, description = "The source.", example = "src_0d4x0k1g00000")),
    responses((status = 200, body = json::ImportSource, description = "The source."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadContacts>,
    State(state): State<ApiState>,
    Id(id): Id<SourceId>,
) -> Result<Tagged<json::ImportSource>, Problem> {
    let source = state.engine().feeds().source(caller.account, id).await?;
    let tag = Tag::of(&super::versioned(&source, state.zone()));
    Ok(Tagged(super::document(&source, state.zone()), tag))
}
