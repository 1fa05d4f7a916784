//! Count a campaign before anything is sent.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::CampaignId;
use engine::CampaignTrouble;
use serde::Deserialize;
use utoipa::IntoParams;

use super::convert::View;
use crate::auth::{Allowed, can};
use crate::json;
use crate::language::Language;
use crate::problem::{Problem, say};
use crate::request::{Id, Params};
use crate::state::ApiState;

/// Longest wait, in seconds: within the time limit of a request.
const MAX_WAIT_SECONDS: u64 = 25;
/// Even who does not want to wait hears of what is wrong at once.
const LEAST_WAIT: Duration = Duration::from_millis(250);

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Waiting {
    /// Seconds to wait for the result, 0 to 25; 25 when left out.
    wait_seconds: Option<u64>,
}

/// 预检 · Count a campaign
///
/// Freezes the audience and decides for each person as the sending will: who gets it, who does not and why, parts,
/// cost, held words, samples. A big audience takes longer than the wait: it goes on, and its progress is watched by
/// `progress`; asking again waits for the same count or says why there is none.
#[utoipa::path(
    post, path = "/v1/campaigns/{id}/preflight", tag = "campaigns", security(("key" = ["campaigns:write"])),
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000"), Waiting),
    responses(
        (status = 200, body = json::Campaign, description = "Counted: see its `preflight`."),
        (status = 202, body = json::Campaign, description = "Still counting."),
    )
)]
pub(crate) async fn preflight(
    caller: Allowed<can::WriteCampaigns>,
    State(state): State<ApiState>,
    language: Language,
    Id(id): Id<CampaignId>,
    Params(waiting): Params<Waiting>,
) -> Result<(StatusCode, Json<json::Campaign>), Problem> {
    let wait_seconds = waiting.wait_seconds.unwrap_or(MAX_WAIT_SECONDS);
    if wait_seconds > MAX_WAIT_SECONDS {
        let detail =
            say(format!("最多 {MAX_WAIT_SECONDS} 秒"), format!("At most {MAX_WAIT_SECONDS} seconds"));
        return Err(Problem::field("?wait_seconds", detail));
    }
    let engine = Arc::clone(state.engine());
    let account = caller.account;
    let counting = tokio::spawn(async move { engine.preflight(account, id).await });
    let wait = Duration::from_secs(wait_seconds).max(LEAST_WAIT);
    let status = match tokio::time::timeout(wait, counting).await {
        Ok(counted) => {
            counted.map_err(|_| CampaignTrouble::Interrupted)??;
            StatusCode::OK
        }
        Err(_) => StatusCode::ACCEPTED,
    };
    let campaign = state.engine().campaign(caller.account, id).await?;
    let view = View { zone: state.zone(), language, reveal: false };
    Ok((status, Json(view.funded(&state, campaign).await?)))
}
