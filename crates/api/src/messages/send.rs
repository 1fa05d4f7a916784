//! Send messages.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::{RouteId, TemplateId};
use engine::SendError;
use engine::accept::{Content, IdempotencyKey as SendKey, ItemOutcome, RefusedItem, SendItem, SendRequest};
use sha2::{Digest as _, Sha256};

use crate::auth::{Allowed, can};
use crate::json;
use crate::language::Language;
use crate::problem::{Kind, Problem, kind_of, report, say};
use crate::request::{self, BATCH_BYTES, Body, IdempotencyKey};
use crate::state::ApiState;

/// 发送短信 · Send messages
///
/// Each is accepted or refused for itself; what is accepted is durable when this answers. With an `Idempotency-Key`
/// the request may be repeated for 24 hours: nothing is sent twice. A request of a single message that is refused is
/// refused as a whole; one that the account cannot pay for with 402.
#[utoipa::path(
    post, path = "/v1/messages", tag = "messages", security(("key" = ["messages:send"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Of your choice, new for every new request.",
        example = "order-20261125-0001")),
    request_body = json::MessagesSend,
    responses(
        (status = 202, body = json::MessagesAccepted, description = "Durable; the results are in the request's order."),
    )
)]
pub(crate) async fn send(
    caller: Allowed<can::SendMessages>,
    State(state): State<ApiState>,
    language: Language,
    IdempotencyKey(key): IdempotencyKey,
    body: Body<json::MessagesSend, BATCH_BYTES>,
) -> Result<(StatusCode, Json<json::MessagesAccepted>), Problem> {
    let idempotency = key.map(|key| SendKey { key, body_sha256: Sha256::digest(&body.bytes).into() });
    let json::MessagesSend { messages, route } = body.value;
    let single = messages.len() == 1;
    let items = messages.into_iter().enumerate().map(|(place, message)| item(place, message));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let route = route
        .map(|text| {
            request::read::<RouteId>(&text, "/route", "应为 rte_1 形式的编号", "An id of the form rte_1")
        })
        .transpose()?;
    let request = SendRequest { items, idempotency, route, whole: false };
    let outcomes = state.engine().send(caller.account, request).await.map_err(|error| refused(&error))?;
    if let (true, [ItemOutcome::Refused(RefusedItem::Funds(short))]) = (single, outcomes.as_slice()) {
        return Err(Problem::new(Kind::of_short(*short)).with(RefusedItem::Funds(*short).explain()));
    }
    if let (true, [ItemOutcome::Refused(refused)]) = (single, outcomes.as_slice()) {
        return Err(Problem::field(format!("/messages/0/{}", field(refused)), refused.explain()));
    }
    let accepted = outcomes.iter().filter(|outcome| matches!(outcome, ItemOutcome::Accepted { .. })).count();
    let results = outcomes.into_iter().enumerate().map(|(place, outcome)| result(place, outcome, language));
    Ok((StatusCode::ACCEPTED, Json(json::MessagesAccepted { accepted, results: results.collect() })))
}

fn item(place: usize, message: json::MessageSend) -> Result<SendItem, Problem> {
    let pointer = |field: &str| format!("/messages/{place}/{field}");
    let content = match (message.text, message.template) {
        (Some(text), None) => Content::Text(text),
        (None, Some(template)) => Content::Template {
            id: request::read::<TemplateId>(
                &template,
                &pointer("template"),
                "应为 tpl_… 形式的编号",
                "An id of the form tpl_…",
            )?,
            values: message.values.into_iter().collect(),
        },
        (text, _) => {
            let field = if text.is_some() { "template" } else { "text" };
            let detail = say("text 与 template 必须且只能填一个", "Give either text or template");
            return Err(Problem::field(pointer(field), detail));
        }
    };
    let send_at = message.send_at.map(|at| at.instant().ok_or_else(|| not_a_moment(pointer("send_at"))));
    Ok(SendItem {
        phone: message.phone,
        content,
        signature: message.signature,
        category: message.category.map(Into::into),
        priority: message.priority.map(Into::into),
        send_at: send_at.transpose()?,
        valid_for: message.valid_for_seconds.map(|seconds| Duration::from_secs(seconds.into())),
    })
}

/// The problem of a time that cannot be read.
pub(crate) fn not_a_moment(pointer: String) -> Problem {
    let detail = say(
        "应为带时区的 RFC 3339 时间，如 2026-11-25T10:00:00+08:00",
        "A time in RFC 3339 with its offset, such as 2026-11-25T10:00:00+08:00",
    );
    Problem::field(pointer, detail)
}

fn result(place: usize, outcome: ItemOutcome, language: Language) -> json::MessageResult {
    match outcome {
        ItemOutcome::Accepted { id, parts, price } => json::MessageResult {
            id: Some(id.to_string()),
            parts: Some(parts),
            price: Some(price.into()),
            refused: None,
        },
        ItemOutcome::Refused(refused) => json::MessageResult {
            id: None,
            parts: None,
            price: None,
            refused: Some(json::SendRefusal {
                reason: refused.word().to_owned(),
                detail: language.choose(&refused.explain()).to_owned(),
                pointer: format!("/messages/{place}/{}", field(&refused)),
            }),
        },
    }
}

/// The field whose fault a refusal is.
fn field(refused: &RefusedItem) -> &'static str {
    match refused {
        RefusedItem::Phone(_) | RefusedItem::NoRoute => "phone",
        RefusedItem::NoSuchTemplate | RefusedItem::Template(_) => "template",
        RefusedItem::Render(_) => "values",
        RefusedItem::Signature(_) => "signature",
        RefusedItem::Text(_) => "text",
        RefusedItem::NeverValid => "valid_for_seconds",
        // No field of it: the message as a whole.
        RefusedItem::Funds(_) => "",
    }
}

fn refused(error: &SendError) -> Problem {
    let words = error.explain();
    match error {
        SendError::BatchSize { .. } => Problem::field("/messages", words),
        SendError::NoSuchRoute => Problem::field("/route", words),
        SendError::KeyReused => Problem::new(Kind::IdempotencyMismatch),
        other => {
            let kind = kind_of(other.whose(), Kind::InvalidField);
            report(kind, other);
            Problem::new(kind).with(words)
        }
    }
}
