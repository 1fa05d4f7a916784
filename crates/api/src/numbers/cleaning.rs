//! What leaving dead numbers out saved.

use axum::Json;
use axum::extract::State;
use engine::numbers::Skipped;

use crate::auth::Caller;
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 号码清洗报告 · Report of list cleaning
///
/// Messages that were not sent because carriers had called their numbers dead on several days, and what they would have
/// cost: exact, by campaign.
#[utoipa::path(
    get, path = "/v1/numbers/cleaning", tag = "numbers",
    responses((status = 200, body = json::CleaningReport, description = "As of now."))
)]
pub(crate) async fn cleaning(
    caller: Caller,
    State(state): State<ApiState>,
) -> Result<Json<json::CleaningReport>, Problem> {
    let report = state.engine().cleaning_report(caller.account).await?;
    let campaigns = report.campaigns.into_iter().map(|(campaign, skipped)| json::SkippedCampaign {
        campaign: campaign.map(|id| id.to_string()),
        saved: saved(skipped),
    });
    Ok(Json(json::CleaningReport { total: saved(report.total), campaigns: campaigns.collect() }))
}

fn saved(skipped: Skipped) -> json::Saved {
    json::Saved { messages: skipped.messages, parts: skipped.parts, saved: skipped.saved.into() }
}
