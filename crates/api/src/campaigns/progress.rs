//! How far a campaign is.

use axum::Json;
use axum::extract::State;
use domain::control::Campaign;
use domain::ids::CampaignId;
use domain::message::MessageState as S;
use domain::report::Standings;
use engine::campaign::PreflightProgress;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 任务进度 · Progress of a campaign
///
/// Counters only: cheap enough for a progress bar that asks several times a second.
#[utoipa::path(
    get, path = "/v1/campaigns/{id}/progress", tag = "campaigns", security(("key" = ["campaigns:read"])),
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000")),
    responses((status = 200, body = json::CampaignProgress, description = "The counters."))
)]
pub(crate) async fn progress(
    caller: Allowed<can::ReadCampaigns>,
    State(state): State<ApiState>,
    Id(id): Id<CampaignId>,
) -> Result<Json<json::CampaignProgress>, Problem> {
    let campaign = state.engine().campaign(caller.account, id).await?;
    let counting = state.engine().preflight_progress(id).map(|watched| *watched.borrow());
    let tallies = state.ledger().tallies(&campaign.lane_ids()).await?;
    Ok(Json(progress_of(&campaign, counting, &Standings::from_tallies(&tallies))))
}

/// How far a campaign is, by its counters.
pub(crate) fn progress_of(
    campaign: &Campaign,
    counting: Option<PreflightProgress>,
    standings: &Standings,
) -> json::CampaignProgress {
    let people = campaign.preflight.as_ref().map_or(0, |report| report.audience.people);
    let (preflight, preflight_done, preflight_total) = match counting {
        Some(PreflightProgress::Freezing { people }) => ("freezing", people, 0),
        Some(PreflightProgress::Counting { done, total }) => ("counting", done, total),
        Some(PreflightProgress::Failed) => ("failed", 0, 0),
        Some(PreflightProgress::Done) => ("done", people, people),
        None if campaign.preflight.is_some() => ("done", people, people),
        None => ("none", 0, 0),
    };
    let now = |states: &[S]| states.iter().map(|state| standings.in_state(*state).messages).sum();
    json::CampaignProgress {
        state: campaign.state.into(),
        preflight: preflight.to_owned(),
        preflight_done,
        preflight_total,
        people,
        expanded: campaign.expanded,
        queued: now(&[S::Queued]),
        sending: now(&[S::Sending]),
        submitted: now(&[S::Submitted, S::Delivered, S::Undelivered, S::Expired, S::Unknown]),
        delivered: now(&[S::Delivered]),
        failed: now(&[S::Undelivered, S::Expired, S::Failed, S::Unknown]),
        rejected: now(&[S::Rejected]),
        cancelled: now(&[S::Cancelled]),
        uncertain: now(&[S::Uncertain]),
        canary: campaign.canary.as_ref().map(|canary| canary.phase.into()),
        stopped: campaign
            .watch
            .stopped
            .filter(|stopped| stopped.resumed_at.is_none())
            .map(|stopped| stopped.found.rule.into()),
    }
}
