//! Say whether events are recorded.

use axum::Json;
use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::{Kind, Problem, say};
use crate::request::Body;
use crate::state::ApiState;

/// 查看事件记录开关 · Show whether events are recorded
///
/// Off until it is switched on: an account that nobody listens for costs nothing.
#[utoipa::path(
    get, path = "/v1/events/recording", tag = "events", security(("key" = ["messages:read"])),
    responses((status = 200, body = json::EventRecording, description = "As it is."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadMessages>,
    State(state): State<ApiState>,
) -> Result<Json<json::EventRecording>, Problem> {
    let on = state.engine().records_events(caller.account).await?;
    Ok(Json(json::EventRecording { on }))
}

/// 开关事件记录 · Begin or end recording events
///
/// What happens after the answer is recorded. Ending it removes what was recorded, and ends the status callbacks of messages that named
/// an address of their own (the Twilio endpoints' `StatusCallback`); the next message that names one begins it anew.
#[utoipa::path(
    put, path = "/v1/events/recording", tag = "events", security(("key" = ["messages:send"])),
    request_body = json::EventRecording,
    responses((status = 200, body = json::EventRecording, description = "In force."))
)]
pub(crate) async fn put(
    caller: Allowed<can::SendMessages>,
    State(state): State<ApiState>,
    body: Body<json::EventRecording>,
) -> Result<Json<json::EventRecording>, Problem> {
    if !body.value.on && state.engine().has_webhooks(caller.account).await? {
        return Err(Problem::new(Kind::Conflict).with(say(
            "仍有回调需要事件记录：请先删除回调",
            "Webhooks need the record: delete the webhooks first",
        )));
    }
    if !body.value.on {
        state.engine().end_callbacks(caller.account).await?;
    }
    state.engine().record_events(caller.account, body.value.on).await?;
    Ok(Json(body.value))
}
