//! Change a webhook.

use axum::extract::State;
use domain::control::Secret;
use domain::ids::WebhookId;
use engine::webhooks::WebhookEdit;

use crate::auth::{Allowed, can};
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::problem::Problem;
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 修改回调 · Change a webhook
///
/// What is left out stays. Switched on, what waits is tried at once.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "webhooks", security(("key" = ["webhooks:write"])),
    params(
        ("id" = String, Path, description = "The webhook.", example = "whk_0d4x0k1g00000"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::WebhookEdit,
    responses((status = 200, body = json::Webhook, description = "Changed."))
)]
pub(crate) async fn edit(
    caller: Allowed<can::WriteWebhooks>,
    State(state): State<ApiState>,
    if_match: IfMatch,
    Id(id): Id<WebhookId>,
    body: Body<json::WebhookEdit>,
) -> Result<Tagged<json::Webhook>, Problem> {
    let known = state.engine().webhook(caller.account, id).await?;
    if_match.check(Tag::of(&super::document(&known, state.zone())))?;
    let json::WebhookEdit { name, url, types, enabled } = body.value;
    let kinds = types.as_deref().map(super::kinds).transpose()?;
    let edit = WebhookEdit { name, url: url.map(Secret), kinds, enabled };
    // What was looked at is what is changed, if somebody asked for that.
    let expected = if_match.is_asked().then_some(known.version);
    let webhook = state.engine().edit_webhook(caller.account, id, &edit, expected).await?;
    Ok(Tagged::new(super::document(&webhook, state.zone())))
}
