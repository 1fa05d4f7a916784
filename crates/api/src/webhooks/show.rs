//! Show a webhook.

use axum::extract::State;
use domain::ids::WebhookId;

use crate::auth::{Allowed, can};
use crate::etag::{Tag, Tagged};
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 回调详情 · Show a webhook
///
/// With how it does, and the version of its configuration in `ETag`.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "webhooks", security(("key" = ["webhooks:read"])),
    params(("id" = String, Path, description = "The webhook.", example = "whk_0d4x0k1g00000")),
    responses((status = 200, body = json::Webhook, description = "The webhook."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadWebhooks>,
    State(state): State<ApiState>,
    Id(id): Id<WebhookId>,
) -> Result<Tagged<json::Webhook>, Problem> {
    let webhook = state.engine().webhook(caller.account, id).await?;
    let standing = state.engine().webhook_standing(caller.account, id).await?;
    let document = super::document(&webhook, state.zone());
    let tag = Tag::of(&document);
    let health = Some(super::health(&standing, state.zone()));
    Ok(Tagged(json::Webhook { health, ..document }, tag))
}
