//! Tencent Cloud's short messages, API version 2021-01-11: `SendSms`, `PullSmsSendStatus`, `PullSmsReplyStatus`.
//!
//! The secret id is a key of ours that signs, the secret key its secret. Requests come to `/` with their action in a
//! header; every answer has the status 200, whatever it says.

mod error;
mod pull;
mod send;
mod sign;

use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use domain::access::Permission;
use serde_json::{Value, json};

use super::Desk;
use super::doorman::{admit, peer};
use error::Refusal;
pub(super) use pull::Pulls;

/// The version of their API.
const VERSION: &str = "2021-01-11";

/// Whether a request is for us: it names its action in their header.
pub(super) fn is_ours(parts: &Parts) -> bool {
    parts.headers.contains_key("x-tc-action")
}

/// Answers one request.
pub(super) async fn answer(desk: &Desk, parts: &Parts, body: &[u8]) -> Response {
    let request = desk.api.request_id();
    let mut document = match handle(desk, parts, body).await {
        Ok(document) => document,
        Err(refusal) => refusal.document(),
    };
    document["RequestId"] = request.into();
    let body = json!({"Response": document}).to_string();
    // Exactly this media type: one of their SDKs looks for errors under no other.
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (StatusCode::OK, kind, body).into_response()
}

async fn handle(desk: &Desk, parts: &Parts, body: &[u8]) -> Result<Value, Refusal> {
    let said = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let needed = match said("x-tc-action") {
        Some("SendSms") => Permission::SendMessages,
        Some("PullSmsSendStatus") => Permission::ReadMessages,
        Some("PullSmsReplyStatus") => Permission::ReadInbound,
        _ => return Err(Refusal::ACTION),
    };
    if said("x-tc-version") != Some(VERSION) {
        return Err(Refusal::VERSION);
    }
    let known = sign::check(desk, parts, body).await?;
    let guest = admit(&desk.api, known, peer(parts), needed)?;
    let asked: Value = serde_json::from_slice(body).map_err(|_| Refusal::JSON)?;
    if !asked.is_object() {
        return Err(Refusal::JSON);
    }
    match needed {
        Permission::SendMessages => send::send(desk, &guest, &asked).await,
        Permission::ReadInbound => pull::replies(desk, &guest, &asked).await,
        _ => pull::statuses(desk, &guest, &asked).await,
    }
}
