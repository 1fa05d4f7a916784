//! Alibaba Cloud's short messages, API version 2017-05-25: `SendSms`, `SendBatchSms`, `QuerySendDetails`.
//!
//! The access key is a key of ours that signs: its id, and its secret. Requests come to `/`, by GET or POST, with their
//! parameters in query or form, signed the old way (in the parameters) or the new one (in a header).

mod batch;
mod error;
mod query;
mod send;
mod sign;

use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use domain::access::Permission;

use super::Desk;
use super::doorman::{Guest, admit, peer};
use super::form::Form;
use error::Refusal;

/// The version of their API.
const VERSION: &str = "2017-05-25";

/// A request that is whole: nothing of it is believed before its signature fits.
struct Asked {
    action: String,
    form: Form,
}

/// Answers one request.
pub(super) async fn answer(desk: &Desk, parts: &Parts, body: &[u8]) -> Response {
    let request = request_id(desk);
    match handle(desk, parts, body, &request).await {
        Ok(response) => response,
        Err(refusal) => refusal.respond(&request, parts),
    }
}

async fn handle(desk: &Desk, parts: &Parts, body: &[u8], request: &str) -> Result<Response, Refusal> {
    let asked = asked(parts, body)?;
    let needed = match asked.action.as_str() {
        "SendSms" | "SendBatchSms" => Permission::SendMessages,
        "QuerySendDetails" => Permission::ReadMessages,
        _ => return Err(Refusal::NO_ACTION),
    };
    let known = sign::check(desk, parts, body, &asked.form).await?;
    let guest: Guest = admit(&desk.api, known, peer(parts), needed)?;
    let document = match asked.action.as_str() {
        "SendSms" => send::send(desk, &guest, &asked.form, request).await?,
        "SendBatchSms" => batch::send(desk, &guest, &asked.form, request).await?,
        _ => query::details(desk, &guest, &asked.form, request).await?,
    };
    Ok(axum::Json(document).into_response())
}

/// Parameters from the query and the form, which may not contradict each other; action and version also from headers.
fn asked(parts: &Parts, body: &[u8]) -> Result<Asked, Refusal> {
    let mut form = Form::read(parts.uri.query().unwrap_or_default().as_bytes())?;
    if is_form(parts) {
        for (name, value) in Form::read(body)?.0 {
            match form.sent(&name) {
                Some(known) if known != value => return Err(Refusal::TWICE),
                Some(_) => {}
                None => form.0.push((name, value)),
            }
        }
    }
    let said = |header: &str, name: &str| {
        let header = parts.headers.get(header).and_then(|value| value.to_str().ok());
        header.or_else(|| form.get(name)).map(ToOwned::to_owned)
    };
    let action = said("x-acs-action", "Action").ok_or(Refusal::NO_ACTION)?;
    match said("x-acs-version", "Version").as_deref() {
        Some(VERSION) => Ok(Asked { action, form }),
        _ => Err(Refusal::VERSION),
    }
}

/// Whether the body is a form.
fn is_form(parts: &Parts) -> bool {
    let kind = parts.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// A number of theirs for the request, in the form of a UUID.
fn request_id(desk: &Desk) -> String {
    let digest = super::hash::sha256_hex(desk.api.request_id().as_bytes()).to_uppercase();
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
