//! Channels, as they are.

use axum::extract::State;
use axum::response::Response;

use super::Open;
use super::look::watch_channels;
use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{json, streams};

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
    let open = Open::begin(state, seen, place);
    Ok(streams::answer(open, async |mut open| {
        let document = |channels, gone| json::ChannelsLive { channels, gone };
        let told = open.next(Clone::clone, document).await?;
        Some((told, open))
    }))
}
