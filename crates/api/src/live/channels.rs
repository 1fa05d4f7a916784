//! Channels, as they are.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event as Told;
use tokio::sync::watch;

use super::look::watch_channels;
use super::{Channels, change, changed, end_of, told};
use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::streams::{self, Place};

struct Open {
    state: ApiState,
    seen: watch::Receiver<Channels>,
    /// What was told last; none at first.
    before: Option<Arc<[json::ChannelState]>>,
    /// On the monotonic clock.
    until: u64,
    _place: Place,
}

/// 通道实况 · Channels as they are
///
/// Server-sent events of what each channel is doing on this node: first `snapshot` with all of them, then `change` with those that
/// changed, at most once a second. Whoever comes back begins with a `snapshot`; a stream ends after a quarter of an hour. At most 256
/// streams of one key on one node.
#[utoipa::path(
    get, path = "/v1/live/channels", tag = "channels", security(("key" = ["channels:read"])),
    responses((
        status = 200, content_type = "text/event-stream", body = json::ChannelsLive,
        description = "Events `snapshot` and `change`; the schema is of the `data` of one of them."
    ))
)]
pub(crate) async fn stream(
    caller: Allowed<can::ReadChannels>,
    State(state): State<ApiState>,
) -> Result<Response, Problem> {
    let place = state.streams().take(caller.actor().principal)?;
    let seen = watch_channels(&state);
    let until = end_of(&state);
    let open = Open { state, seen, before: None, until, _place: place };
    Ok(streams::answer(open, next))
}

async fn next(mut open: Open) -> Option<(Told, Open)> {
    loop {
        let now = open.seen.borrow_and_update().clone();
        if let Some(now) = now {
            let event = match open.before.replace(Arc::clone(&now)) {
                None => Some(("snapshot", now.to_vec(), Vec::new())),
                Some(before) => change(&before, &now).map(|(changed, gone)| ("change", changed, gone)),
            };
            if let Some((name, channels, gone)) = event {
                return Some((told(name, &json::ChannelsLive { channels, gone })?, open));
            }
        }
        changed(&mut open.seen, &open.state, open.until).await?;
    }
}
