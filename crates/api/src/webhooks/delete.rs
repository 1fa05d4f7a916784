//! Delete a webhook.

use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::WebhookId;

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 删除回调 · Delete a webhook
///
/// With its log and all that waits for it. Calls that are under way end.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(("id" = String, Path, description = "The webhook.", example = "whk_0d4x0k1g00000")),
    responses((status = 204, description = "Deleted."))
)]
pub(crate) async fn delete(
    caller: Allowed<can::WriteWebhooks>,
    State(state): State<ApiState>,
    Id(id): Id<WebhookId>,
) -> Result<StatusCode, Problem> {
    if state.engine().delete_webhook(caller.account, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::no_such("回调", "webhook"))
    }
}
