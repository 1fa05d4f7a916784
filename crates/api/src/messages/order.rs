//! Cancel a message that waits; forget the text of one that has ended.

use axum::Json;
use axum::extract::State;
use domain::ids::{AccountId, MessageId};
use domain::ledger::{Cancelling, Forgetting, Redacting};
use domain::message::MessageState;

use super::View;
use crate::auth::{Allowed, can};
use crate::json;
use crate::language::Language;
use crate::problem::{Kind, Problem};
use crate::request::Id;
use crate::state::ApiState;

/// 撤销短信 · Cancel a message
///
/// For good, as long as it waits. When this answers, no channel will have it; asked again, it answers the same. A message that
/// is on its way or has ended is a `conflict` that names its state.
#[utoipa::path(
    post, path = "/v1/messages/{id}/cancel", tag = "messages", security(("key" = ["messages:send"])),
    params(("id" = String, Path, description = "The message.", example = "msg_0d4x0k1g00000")),
    responses((status = 200, body = json::Message, description = "The message, cancelled."))
)]
pub(crate) async fn cancel(
    caller: Allowed<can::SendMessages>,
    State(state): State<ApiState>,
    language: Language,
    Id(id): Id<MessageId>,
) -> Result<Json<json::Message>, Problem> {
    match state.engine().cancel_message(caller.account, id).await? {
        Cancelling::Cancelled => shown(&state, caller.account, id, language).await,
        Cancelling::TooLate(now) => Err(conflict(
            now,
            ("通道已取走这条短信", "a channel has taken the message"),
            ("只有还在排队的短信可以撤销", "only a message that still waits can be cancelled"),
        )),
        Cancelling::Ended(now) => Err(conflict(
            now,
            ("这条短信已经结束", "the message has ended"),
            ("只有还在排队的短信可以撤销", "only a message that still waits can be cancelled"),
        )),
        Cancelling::NoSuch => Err(Problem::no_such("短信", "message")),
    }
}

/// 抹去正文 · Forget a message's text
///
/// For good, once the message has ended; `redacted_at` says since when. Number, counters, money and what receipts need stay.
#[utoipa::path(
    post, path = "/v1/messages/{id}/redact", tag = "messages", security(("key" = ["messages:send"])),
    params(("id" = String, Path, description = "The message.", example = "msg_0d4x0k1g00000")),
    responses((status = 200, body = json::Message, description = "The message, without its text."))
)]
pub(crate) async fn redact(
    caller: Allowed<can::SendMessages>,
    State(state): State<ApiState>,
    language: Language,
    Id(id): Id<MessageId>,
) -> Result<Json<json::Message>, Problem> {
    match state.engine().redact_message(caller.account, id, Forgetting::Text).await? {
        Redacting::Redacted { .. } => shown(&state, caller.account, id, language).await,
        Redacting::NotEnded(now) => Err(conflict(
            now,
            ("这条短信还没有结束", "the message has not ended"),
            ("等它结束，或先撤销它", "wait until it has, or cancel it first"),
        )),
        Redacting::NoSuch => Err(Problem::no_such("短信", "message")),
    }
}

fn conflict(state: MessageState, what: (&str, &str), advice: (&str, &str)) -> Problem {
    let say = |what: &str, word: &str, advice: &str| format!("{what} ({word}); {advice}");
    let (zh, en) = (say(what.0, state.word(), advice.0), say(what.1, state.word(), advice.1));
    Problem::new(Kind::Conflict).with(crate::problem::say(zh, en))
}

async fn shown(
    state: &ApiState,
    account: AccountId,
    id: MessageId,
    language: Language,
) -> Result<Json<json::Message>, Problem> {
    let record = state.ledger().message(account, id).await?;
    let record = record.ok_or_else(|| Problem::no_such("短信", "message"))?;
    let policy = state.engine().policy();
    let numbers = state.engine().numbers().await?;
    let view = View { zone: state.zone(), policy: &policy, numbers: &numbers, language, reveal: false };
    Ok(Json(view.document(record, true)))
}
