//! Look at one campaign.

use axum::extract::State;
use domain::ids::CampaignId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::convert::View;
use crate::auth::{Allowed, can};
use crate::etag::Tagged;
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::{Id, Params};
use crate::state::ApiState;

/// How to show it.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Showing {
    /// Show the test numbers as they are.
    #[serde(default)]
    reveal: bool,
}

/// 查看任务 · Look at a campaign
///
/// With what its preflight found; `ETag` is the version of what can be edited of it.
#[utoipa::path(
    get, path = "/v1/campaigns/{id}", tag = "campaigns", security(("key" = ["campaigns:read"])),
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000"), Showing),
    responses((status = 200, body = json::Campaign, description = "The campaign."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadCampaigns>,
    State(state): State<ApiState>,
    language: Language,
    Id(id): Id<CampaignId>,
    Params(showing): Params<Showing>,
) -> Result<Tagged<json::Campaign>, Problem> {
    let reveal = caller.reveal(showing.reveal)?;
    let campaign = state.engine().campaign(caller.account, id).await?;
    let tag = super::convert::tag(&campaign, state.zone());
    let view = View { zone: state.zone(), language, reveal };
    Ok(Tagged(view.funded(&state, campaign).await?, tag))
}
