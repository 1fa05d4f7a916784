//! List webhooks.

use axum::Json;
use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 回调列表 · List webhooks
///
/// Without their secrets.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks", security(("key" = ["webhooks:read"])),
    responses((status = 200, body = json::Webhooks, description = "All webhooks of the account."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadWebhooks>,
    State(state): State<ApiState>,
) -> Result<Json<json::Webhooks>, Problem> {
    let all = state.control().webhooks(caller.account).await?;
    let webhooks = all.iter().map(|webhook| super::document(webhook, state.zone())).collect();
    Ok(Json(json::Webhooks { webhooks }))
}
