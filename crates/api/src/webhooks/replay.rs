//! Tell a webhook again.

use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::WebhookId;
use engine::webhooks::Replay;

use crate::auth::{Allowed, can};
use crate::json;
use crate::messages::not_a_moment;
use crate::problem::{Problem, say};
use crate::request::{Body, Id, read};
use crate::state::ApiState;

/// 重放事件 · Tell a webhook again
///
/// One event, or everything since then in its order; events are kept for 72 hours. Their `webhook-id` is the same as before.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(("id" = String, Path, description = "The webhook.", example = "whk_0d4x0k1g00000")),
    request_body = json::WebhookReplay,
    responses((status = 204, description = "It is told again."))
)]
pub(crate) async fn replay(
    caller: Allowed<can::WriteWebhooks>,
    State(state): State<ApiState>,
    Id(id): Id<WebhookId>,
    body: Body<json::WebhookReplay>,
) -> Result<StatusCode, Problem> {
    let what = match (body.value.event, body.value.since) {
        (Some(event), None) => {
            Replay::One(read(&event, "/event", "应为 evn_ 开头的编号", "An id of the form evn_…")?)
        }
        (None, Some(since)) => {
            Replay::Since(since.instant().ok_or_else(|| not_a_moment("/since".to_owned()))?)
        }
        _ => {
            let said = say("event 与 since 二选一", "Either `event` or `since`");
            return Err(Problem::field("/event", said));
        }
    };
    state.engine().replay_webhook(caller.account, id, what).await?;
    Ok(StatusCode::NO_CONTENT)
}
