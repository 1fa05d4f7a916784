//! Times to offer for a campaign.

use axum::Json;
use axum::extract::State;
use engine::campaign::suggested_times;

use crate::auth::{Allowed, can};
use crate::json;
use crate::state::ApiState;

/// Two workdays' worth.
const COUNT: usize = 4;

/// 推荐发送时间 · Times to offer
///
/// The next 10:00 and 15:00 of workdays; public holidays are not known.
#[utoipa::path(
    get, path = "/v1/schedules/suggested", tag = "campaigns", security(("key" = ["campaigns:read"])),
    responses((status = 200, body = json::SuggestedTimes, description = "The next four times."))
)]
pub(crate) async fn suggested(
    _caller: Allowed<can::ReadCampaigns>,
    State(state): State<ApiState>,
) -> Json<json::SuggestedTimes> {
    let times = suggested_times(state.now(), state.zone(), COUNT);
    Json(json::SuggestedTimes {
        times: times.into_iter().map(|at| json::Moment::new(at, state.zone())).collect(),
    })
}
