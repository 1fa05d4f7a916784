//! Start, pause, resume, cancel, and let held words pass: five operations of one shape.

use axum::Json;
use axum::extract::State;
use domain::control::Campaign;
use domain::ids::CampaignId;

use super::convert::View;
use super::line_of;
use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

type Answer = Result<Json<json::Campaign>, Problem>;

async fn answer(campaign: Campaign, state: &ApiState, language: Language) -> Answer {
    let view = View { zone: state.zone(), language, reveal: false };
    Ok(Json(view.funded(state, campaign).await?))
}

/// 启动 · Start a campaign
///
/// Now, or at its time. Only what a preflight has counted can be started; durable when this answers. What a bounded account cannot
/// pay for is refused with 402; one whose account became bounded after it was scheduled waits for money at its time, and says so.
#[utoipa::path(
    post, path = "/v1/campaigns/{id}/start", tag = "campaigns", security(("key" = ["campaigns:run"])),
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000")),
    responses((status = 200, body = json::Campaign, description = "Running or scheduled."))
)]
pub(crate) async fn start(
    caller: Allowed<can::RunCampaigns>,
    State(state): State<ApiState>,
    context: Context,
    language: Language,
    Id(id): Id<CampaignId>,
) -> Answer {
    let line_of = line_of(&context, &state, &caller, "campaigns.start");
    let campaign = state.engine().start_campaign(caller.account, id, Some(&line_of)).await?;
    answer(campaign, &state, language).await
}

/// 暂停 · Pause a campaign
///
/// When this answers, nothing more is handed to a channel.
#[utoipa::path(
    post, path = "/v1/campaigns/{id}/pause", tag = "campaigns", security(("key" = ["campaigns:run"])),
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000")),
    responses((status = 200, body = json::Campaign, description = "Paused."))
)]
pub(crate) async fn pause(
    caller: Allowed<can::RunCampaigns>,
    State(state): State<ApiState>,
    context: Context,
    language: Language,
    Id(id): Id<CampaignId>,
) -> Answer {
    let line_of = line_of(&context, &state, &caller, "campaigns.pause");
    let campaign = state.engine().pause_campaign(caller.account, id, Some(&line_of)).await?;
    answer(campaign, &state, language).await
}

/// 继续 · Resume a campaign
///
/// Goes on where it was paused; nobody gets it twice.
#[utoipa::path(
    post, path = "/v1/campaigns/{id}/resume", tag = "campaigns", security(("key" = ["campaigns:run"])),
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000")),
    responses((status = 200, body = json::Campaign, description = "Running."))
)]
pub(crate) async fn resume(
    caller: Allowed<can::RunCampaigns>,
    State(state): State<ApiState>,
    context: Context,
    language: Language,
    Id(id): Id<CampaignId>,
) -> Answer {
    let line_of = line_of(&context, &state, &caller, "campaigns.resume");
    let campaign = state.engine().resume_campaign(caller.account, id, Some(&line_of)).await?;
    answer(campaign, &state, language).await
}

/// 撤销 · Cancel a campaign
///
/// For good. When this answers, nothing more is handed to a channel.
#[utoipa::path(
    post, path = "/v1/campaigns/{id}/cancel", tag = "campaigns", security(("key" = ["campaigns:run"])),
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000")),
    responses((status = 200, body = json::Campaign, description = "Cancelled."))
)]
pub(crate) async fn cancel(
    caller: Allowed<can::RunCampaigns>,
    State(state): State<ApiState>,
    context: Context,
    language: Language,
    Id(id): Id<CampaignId>,
) -> Answer {
    let line_of = line_of(&context, &state, &caller, "campaigns.cancel");
    let campaign = state.engine().cancel_campaign(caller.account, id, Some(&line_of)).await?;
    answer(campaign, &state, language).await
}

/// 放行待审词 · Let held words pass
///
/// A person has looked at the words that the preflight found and lets the campaign go; it must be counted again.
/// Words of a blocked class cannot be let go.
#[utoipa::path(
    post, path = "/v1/campaigns/{id}/approve-held-words", tag = "campaigns", security(("key" = ["campaigns:approve"])),
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000")),
    responses((status = 200, body = json::Campaign, description = "A draft with its held words approved."))
)]
pub(crate) async fn approve_held_words(
    caller: Allowed<can::ApproveCampaigns>,
    State(state): State<ApiState>,
    context: Context,
    language: Language,
    Id(id): Id<CampaignId>,
) -> Answer {
    let line_of = line_of(&context, &state, &caller, "campaigns.approve-held-words");
    let campaign = state.engine().approve_held_words(caller.account, id, Some(&line_of)).await?;
    answer(campaign, &state, language).await
}
