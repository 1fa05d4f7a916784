//! Events as they happen.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event as Told;
use domain::events::EventKind;
use engine::{EventStream, EventsFrom};
use serde::Deserialize;
use utoipa::IntoParams;

use super::list;
use crate::auth::{Allowed, can};
use crate::problem::{Problem, say};
use crate::request::Params;
use crate::state::ApiState;
use crate::streams::{self, Place};
use crate::{json, page};

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listening {
    /// Where to begin: a `next` of `GET /v1/events`, or an `id` of a stream. Without it: what happens from now on.
    cursor: Option<String>,
    /// Only these, with commas between them.
    types: Option<String>,
}

struct Open {
    state: ApiState,
    events: EventStream,
    kinds: Vec<EventKind>,
    /// Nothing was said yet.
    is_first: bool,
    _place: Place,
}

/// 事件流 · Events as they happen
///
/// Server-sent events, each `data` an object as `GET /v1/events` answers: some events (at first none), and `next`, which is the `id`
/// too. Whoever
/// comes back with it in `Last-Event-ID` misses nothing. A line that says nothing comes every 15 seconds. At most 256 streams
/// of one key on one node.
#[utoipa::path(
    get, path = "/v1/events/stream", tag = "events", security(("key" = ["messages:read"])),
    params(
        Listening,
        ("Last-Event-ID" = Option<String>, Header, description = "The last `id` that was read; goes before `cursor`."),
    ),
    responses((
        status = 200, content_type = "text/event-stream", body = json::Streamed,
        description = "Events, as they happen; the schema is of one of them."
    ))
)]
pub(crate) async fn stream(
    caller: Allowed<can::ReadMessages>,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Params(listening): Params<Listening>,
) -> Result<Response, Problem> {
    let kinds = list::kinds(listening.types.as_deref())?;
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or(""));
    let from = match last {
        Some(last) => EventsFrom::Cursor(last.parse().map_err(|_| {
            let said = say("请使用事件流给出的 id", "Use an `id` that a stream gave");
            Problem::field("?Last-Event-ID", said)
        })?),
        None => page::cursor(listening.cursor.as_deref())?.map_or(EventsFrom::Now, EventsFrom::Cursor),
    };
    let place = state.streams().take(caller.actor().principal)?;
    let events = state.engine().stream_events(caller.account, &from).await.map_err(list::refusal)?;
    Ok(streams::answer(Open { state, events, kinds, is_first: true, _place: place }, next))
}

async fn next(mut open: Open) -> Option<(Told, Open)> {
    if std::mem::take(&mut open.is_first) {
        // Where it begins, so that a reader who loses it before anything happened comes back to there.
        return Some((told(&open, Vec::new())?, open));
    }
    loop {
        let closing = open.state.closing().clone();
        let found = tokio::select! {
            found = open.events.next() => found,
            () = closing.cancelled() => return None,
        };
        // Storage failed, or what comes next is not kept any more: the reader comes again, and is told.
        let found = found.ok()??;
        let wanted = found.iter().filter(|event| open.kinds.is_empty() || open.kinds.contains(&event.kind));
        let events: Vec<json::Event> = wanted.map(|event| list::document(event, open.state.zone())).collect();
        if events.is_empty() {
            continue;
        }
        return Some((told(&open, events)?, open));
    }
}

fn told(open: &Open, events: Vec<json::Event>) -> Option<Told> {
    let next = open.events.cursor().to_string();
    let data = serde_json::to_string(&json::Events { events, next: next.clone() }).ok()?;
    Some(Told::default().id(next).data(data))
}
