//! Add a webhook.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::control::Secret;
use engine::webhooks::NewWebhook;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;

/// 新建回调 · Add a webhook
///
/// It is told what happens from now on, signed as Standard Webhooks has it; the account's events are recorded from now on. The
/// secret is shown here and never again. At most 20 of an account.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", security(("key" = ["webhooks:write"])),
    request_body = json::WebhookCreate,
    responses((status = 201, body = json::WebhookGranted, description = "Added; keep the secret."))
)]
pub(crate) async fn create(
    caller: Allowed<can::WriteWebhooks>,
    State(state): State<ApiState>,
    body: Body<json::WebhookCreate>,
) -> Result<(StatusCode, Json<json::WebhookGranted>), Problem> {
    let json::WebhookCreate { name, url, types, format, signing } = body.value;
    let new = NewWebhook {
        name,
        url: Secret(url),
        kinds: super::kinds(&types)?,
        format: super::format(&format)?,
        signing: super::signing(&signing)?,
    };
    let (webhook, secret) = state.engine().create_webhook(caller.account, new).await?;
    Ok((StatusCode::CREATED, Json(super::granted(&webhook, &secret, state.zone()))))
}
