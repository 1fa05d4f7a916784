//! List events.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::events::{Event, EventKind, EventSubject};
use domain::message::Reason;
use engine::{EventsError, EventsFrom, EventsQuestion};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::problem::{Kind, Problem, say};
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page};

/// Longest wait; the server's own limit for this route is longer.
const MAX_WAIT_SECONDS: u32 = 30;

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// The `next` of the answer before. Without it: what happens from now on.
    cursor: Option<String>,
    /// Instead of a cursor: `now`, or `oldest` for all that is kept.
    from: Option<String>,
    /// Only these, with commas between them.
    types: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
    /// How many seconds to wait when there is nothing yet, from 0 to 30.
    wait: Option<u32>,
}

/// 事件列表 · List events, waiting for them if asked to
///
/// In order for each message; between messages in no particular order. At least once: ask again with the same cursor and
/// the same events come again. Kept for 72 hours; a cursor from before is answered with `gone`.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", security(("key" = ["messages:read"])), params(Listing),
    responses((status = 200, body = json::Events, description = "Events, perhaps none, and where to go on."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadMessages>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Events>, Problem> {
    let question = EventsQuestion {
        account: caller.account,
        from: from(&listing)?,
        kinds: kinds(listing.types.as_deref())?,
        limit: page::limit(listing.limit)?,
        wait: wait(listing.wait)?,
    };
    let answer = state.engine().events(&question).await.map_err(refusal)?;
    let events = answer.events.iter().map(|event| document(event, state.zone())).collect();
    Ok(Json(json::Events { events, next: answer.next.to_string() }))
}

fn from(listing: &Listing) -> Result<EventsFrom, Problem> {
    let cursor = page::cursor(listing.cursor.as_deref())?;
    match (cursor, listing.from.as_deref()) {
        (Some(cursor), None) => Ok(EventsFrom::Cursor(cursor)),
        (None, None | Some("now")) => Ok(EventsFrom::Now),
        (None, Some("oldest")) => Ok(EventsFrom::Oldest),
        _ => Err(Problem::field(
            "?from",
            say(
                "应为 now 或 oldest，且不能与 cursor 同用",
                "`now` or `oldest`, and not together with `cursor`",
            ),
        )),
    }
}

pub(super) fn kinds(types: Option<&str>) -> Result<Vec<EventKind>, Problem> {
    let words = types.into_iter().flat_map(|types| types.split(','));
    words
        .map(|word| {
            EventKind::from_word(word.trim()).ok_or_else(|| {
                let all: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
                let all = all.join(", ");
                Problem::field("?types", say(format!("可用的类型：{all}"), format!("There are: {all}")))
            })
        })
        .collect()
}

fn wait(asked: Option<u32>) -> Result<Duration, Problem> {
    match asked.unwrap_or(0) {
        seconds @ 0..=MAX_WAIT_SECONDS => Ok(Duration::from_secs(seconds.into())),
        _ => Err(Problem::field(
            "?wait",
            say(format!("应为 0 到 {MAX_WAIT_SECONDS} 秒"), format!("From 0 to {MAX_WAIT_SECONDS} seconds")),
        )),
    }
}

pub(crate) fn refusal(error: EventsError) -> Problem {
    match error {
        EventsError::NotRecorded => Problem::new(Kind::Conflict).with(say(
            "该账号未记录事件：请先 PUT /v1/events/recording {\"on\": true}",
            "Events of this account are not recorded: begin with PUT /v1/events/recording {\"on\": true}",
        )),
        EventsError::Gone { oldest } => Problem::new(Kind::Gone).with(say(
            format!("cursor 之后的部分事件已不再保留；最早保留的位置：{oldest}"),
            format!(
                "Some events after the cursor are not kept any more; the oldest that is kept is at {oldest}"
            ),
        )),
        EventsError::Ledger(error) => error.into(),
    }
}

pub(crate) fn document(event: &Event, zone: &TimeZone) -> json::Event {
    let subject = |word: &str| match event.subject {
        EventSubject::Message(id) if word == "message" => Some(id.to_string()),
        EventSubject::Inbound(id) if word == "inbound" => Some(id.to_string()),
        EventSubject::Webhook(id) if word == "webhook" => Some(id.to_string()),
        EventSubject::Account(id) if word == "account" => Some(id.to_string()),
        _ => None,
    };
    let code = event.code.as_str();
    json::Event {
        id: event.id().to_string(),
        r#type: event.kind.word().to_owned(),
        at: json::Moment::new(event.at, zone),
        message: subject("message"),
        inbound: subject("inbound"),
        webhook: subject("webhook"),
        account: subject("account"),
        campaign: event.campaign.map(|id| id.to_string()),
        channel: event.channel.map(|id| id.to_string()),
        reason: Some(event.reason).filter(|reason| *reason != Reason::None).map(Into::into),
        code: (!code.is_empty()).then(|| code.to_owned()),
        amount: event.amount.map(Into::into),
        attempts: event.attempts,
    }
}
