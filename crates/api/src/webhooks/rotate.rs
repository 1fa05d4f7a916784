//! Give a webhook a new secret.

use axum::Json;
use axum::extract::State;
use domain::ids::WebhookId;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 更换回调密钥 · Give a webhook a new secret
///
/// For 24 hours calls bear the signatures of both, so that the receiver may change at any time.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotate", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(("id" = String, Path, description = "The webhook.", example = "whk_0d4x0k1g00000")),
    request_body = json::WebhookRotate,
    responses((status = 200, body = json::WebhookGranted, description = "In force; keep the secret."))
)]
pub(crate) async fn rotate(
    caller: Allowed<can::WriteWebhooks>,
    State(state): State<ApiState>,
    Id(id): Id<WebhookId>,
    body: Body<json::WebhookRotate>,
) -> Result<Json<json::WebhookGranted>, Problem> {
    let signing = body.value.signing.as_deref().map(super::signing).transpose()?;
    let (webhook, secret) = state.engine().rotate_webhook(caller.account, id, signing).await?;
    Ok(Json(super::granted(&webhook, &secret, state.zone())))
}
