//! The reports of a source.

use axum::Json;
use axum::extract::State;
use domain::ids::SourceId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::{Id, Params};
use crate::state::ApiState;
use crate::{json, page};

/// How many.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 获取报告 · The reports of a source
///
/// Newest first; those of the last 90 days are kept.
#[utoipa::path(
    get, path = "/v1/import-sources/{id}/runs", tag = "imports", security(("key" = ["contacts:read"])),
    params(("id" = String, Path, description = "The source.", example = "src_0d4x0k1g00000"), Listing),
    responses((status = 200, body = json::Page<json::SourceRun>, description = "The newest reports."))
)]
pub(crate) async fn runs(
    caller: Allowed<can::ReadContacts>,
    State(state): State<ApiState>,
    Id(id): Id<SourceId>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::SourceRun>>, Problem> {
    let limit = page::limit(listing.limit)?;
    state.engine().feeds().source(caller.account, id).await?;
    let runs = state.control().runs(caller.account, id, limit).await?;
    let items = runs.into_iter().map(|run| super::report(run, state.zone())).collect();
    Ok(Json(json::Page { items, next: None }))
}
