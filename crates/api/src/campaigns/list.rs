//! List campaigns.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::convert::View;
use crate::auth::{Allowed, can};
use crate::language::Language;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page};

/// Which campaigns.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 任务列表 · List campaigns
///
/// Newest first, without what their preflights found.
#[utoipa::path(
    get, path = "/v1/campaigns", tag = "campaigns", security(("key" = ["campaigns:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::Campaign>, description = "A page of campaigns."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadCampaigns>,
    State(state): State<ApiState>,
    language: Language,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Campaign>>, Problem> {
    let limit = page::limit(listing.limit)?;
    let before = page::cursor(listing.cursor.as_deref())?;
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
