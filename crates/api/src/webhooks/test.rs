//! Try a webhook.

use axum::Json;
use axum::extract::State;
use domain::ids::WebhookId;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 测试回调 · Try a webhook
///
/// Calls it once with `webhook.test`, also when it is disabled, and says what came of it. When it takes the call after failures,
/// what waits for it is tried at once.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/test", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(("id" = String, Path, description = "The webhook.", example = "whk_0d4x0k1g00000")),
    responses((status = 200, body = json::WebhookDelivery, description = "What came of the call."))
)]
pub(crate) async fn test(
    caller: Allowed<can::WriteWebhooks>,
    State(state): State<ApiState>,
    Id(id): Id<WebhookId>,
) -> Result<Json<json::WebhookDelivery>, Problem> {
    let made = state.engine().test_webhook(caller.account, id).await?;
    Ok(Json(super::delivery(&made, state.zone())))
}
