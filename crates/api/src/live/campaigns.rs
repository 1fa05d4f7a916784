//! Campaigns under way, as they go.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event as Told;
use tokio::sync::watch;

use super::look::watch_campaigns;
use super::{Campaigns, Watching, change, changed, end_of, told};
use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::streams::{self, Place};

struct Open {
    watching: Watching,
    seen: watch::Receiver<Campaigns>,
    /// What was told last; none at first.
    before: Option<Arc<[json::CampaignLive]>>,
    /// On the monotonic clock.
    until: u64,
    _place: Place,
}

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
    let until = end_of(&state);
    let open = Open { watching, seen, before: None, until, _place: place };
    Ok(streams::answer(open, next))
}

async fn next(mut open: Open) -> Option<(Told, Open)> {
    loop {
        let now = open.seen.borrow_and_update().get(&open.watching.account).map(Arc::clone);
        if let Some(now) = now {
            let event = match open.before.replace(Arc::clone(&now)) {
                None => Some(("snapshot", now.to_vec(), Vec::new())),
                Some(before) => change(&before, &now).map(|(changed, gone)| ("change", changed, gone)),
            };
            if let Some((name, campaigns, gone)) = event {
                return Some((told(name, &json::CampaignsLive { campaigns, gone })?, open));
            }
        }
        changed(&mut open.seen, &open.watching.state, open.until).await?;
    }
}
