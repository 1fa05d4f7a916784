//! List campaigns.

use axum::Json;
use axum::extract::State;

use super::convert::View;
use crate::auth::{Allowed, can};
use crate::json;
use crate::language::Language;
use crate::page::Paging;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;

/// 任务列表 · List campaigns
///
/// Newest first, without what their preflights found.
#[utoipa::path(
    get, path = "/v1/campaigns", tag = "campaigns", security(("key" = ["campaigns:read"])), params(Paging),
    responses((status = 200, body = json::Page<json::Campaign>, description = "A page of campaigns."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadCampaigns>,
    State(state): State<ApiState>,
    language: Language,
    Params(paging): Params<Paging>,
) -> Result<Json<json::Page<json::Campaign>>, Problem> {
    let limit = paging.limit()?;
    let before = paging.cursor()?;
    let campaigns = state.control().campaigns(caller.account, before, limit).await?;
    let full = campaigns.len() == limit as usize;
    let next = campaigns.last().filter(|_| full).map(|last| last.id.to_string());
    let view = View { zone: state.zone(), language, reveal: false };
    let items = campaigns.into_iter().map(|mut campaign| {
        campaign.preflight = None;
        view.document(campaign)
    });
    Ok(Json(json::Page { items: items.collect(), next }))
}
