//! List calls of a webhook.

use axum::Json;
use axum::extract::State;
use domain::ids::WebhookId;

use crate::auth::{Allowed, can};
use crate::json;
use crate::page::Paging;
use crate::problem::Problem;
use crate::request::{Id, Params};
use crate::state::ApiState;

/// Batches of one page.
const PAGES: u32 = 10;

/// 回调记录 · List calls of a webhook
///
/// Newest first, with what was sent and answered; kept for seven days, and for the last 1,000 batches. Answers may quote what
/// was sent, so they are sealed where they are kept. `limit` counts calls, and a page ends with a whole batch.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks", security(("key" = ["webhooks:read"])),
    params(("id" = String, Path, description = "The webhook.", example = "whk_0d4x0k1g00000"), Paging),
    responses((status = 200, body = json::Page<json::WebhookDelivery>, description = "Calls that were made."))
)]
pub(crate) async fn deliveries(
    caller: Allowed<can::ReadWebhooks>,
    State(state): State<ApiState>,
    Id(id): Id<WebhookId>,
    Params(paging): Params<Paging>,
) -> Result<Json<json::Page<json::WebhookDelivery>>, Problem> {
    let (before, limit) = (paging.cursor()?, paging.limit()? as usize);
    let pages = state.engine().webhook_log(caller.account, id, before, PAGES).await?;
    let all = pages.len() == PAGES as usize;
    let (mut items, mut next) = (Vec::new(), None);
    for (place, page) in pages.iter().enumerate() {
        items.extend(page.deliveries.iter().rev().map(|made| super::delivery(made, state.zone())));
        if items.len() >= limit || (all && place + 1 == pages.len()) {
            next = (page.number > 1).then(|| page.number.to_string());
            break;
        }
    }
    Ok(Json(json::Page { items, next }))
}
