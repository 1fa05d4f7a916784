//! Campaigns under way, as they go.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::look::watch_campaigns;
use super::{Open, Watching};
use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{json, streams};

/// 任务实况 · Campaigns as they go
///
/// Server-sent events of those that run, are paused or are scheduled, and of how they end: first `snapshot` with all of them (the newest
/// thousand), then `change` with those that changed, at most once a second. Whoever comes back begins with a `snapshot`; a stream ends
/// after a quarter of an hour. At most 256 streams of one key on one node.
#[utoipa::path(
    get, path = "/v1/live/campaigns", tag = "campaigns", security(("key" = ["campaigns:read"])),
    responses((
        status = 200, content_type = "text/event-stream", body = json::CampaignsLive,
        description = "Events `snapshot` and `change`; the schema is of the `data` of one of them."
    ))
)]
pub(crate) async fn stream(
    caller: Allowed<can::ReadCampaigns>,
    State(state): State<ApiState>,
) -> Result<Response, Problem> {
    let place = state.streams().take(caller.actor().principal)?;
    // Before the task is asked for: its first look finds the account.
    let watching = Watching::begin(&state, caller.account);
    let seen = watch_campaigns(&state);
    let open = Open::begin(state, seen, place);
    Ok(streams::answer((watching, open), async |(watching, mut open)| {
        let account = watching.account;
        let document = |campaigns, gone| json::CampaignsLive { campaigns, gone };
        let told = open.next(|seen| seen.get(&account).map(Arc::clone), document).await?;
        Some((told, (watching, open)))
    }))
}
