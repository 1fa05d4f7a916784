//! The line of the audit log for what use-cases do not log themselves: every request that changed something, and every
//! request that was made for another account.
//!
//! Changes of access, campaigns, templates, channels, routes, prices and customers write it themselves, in one transaction.
//! What is left follows the change, which is another store's (messages, suppressions, contacts) or a file's: if the line
//! cannot be written, that is told loudly.

use access::{Digest, digest_of};
use axum::body::{Body, to_bytes};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use serde_json::Value;

use crate::context::Told;
use crate::state::ApiState;

/// Largest answer whose digest is told; answers to changes are documents of a few KiB.
const ANSWER_BYTES: usize = 4 << 20;
/// POSTs that only ask.
pub const QUESTIONS: [&str; 3] = ["/v1/templates/preview", "/v1/routes/explain", "/v1/numbers/show"];
/// Sending is gathered: the messages tell of themselves.
const SENDING: &str = "/v1/messages";

/// What was asked.
pub(crate) struct Done<'a> {
    pub(crate) method: &'a Method,
    pub(crate) route: Option<&'a str>,
    pub(crate) target: &'a str,
}

/// Logs what was done, and gives the answer back.
pub(crate) async fn keep(state: &ApiState, response: Response, told: Told, done: &Done<'_>) -> Response {
    let (Some(route), Some((actor, acting))) = (done.route, told.entered) else { return response };
    let only_asks = matches!(*done.method, Method::GET | Method::HEAD) || QUESTIONS.contains(&route);
    if !response.status().is_success() || told.is_logged || (only_asks && !acting) {
        return response;
    }
    if !only_asks && route == SENDING && state.access().note_send(&actor) {
        return response;
    }
    let mut line =
        state.access().audit_line(&actor, &action(done.method, route), &object_in(route, done.target));
    let mut response = response;
    if !only_asks {
        let (answered, answer) = read(response).await;
        response = answered;
        line.before = told.before;
        line.after = answer.as_ref().map(|(digest, _)| *digest);
        if line.object.is_empty() {
            line.object = answer.and_then(|(_, id)| id).unwrap_or_default();
        }
    }
    if let Err(error) = state.control().log(&[line]).await {
        tracing::error!(%error, route, "what was done could not be written to the audit log");
    }
    response
}

/// `campaigns.start` of `POST /v1/campaigns/{id}/start`.
fn action(method: &Method, route: &str) -> String {
    let words = route.split('/').filter(|step| !step.is_empty() && *step != "v1");
    let words: Vec<&str> = words.filter(|step| !step.starts_with('{')).collect();
    let is_named = words.len() > 1 && *method == Method::POST;
    let verb = match *method {
        Method::POST if is_named => "",
        Method::POST => ".create",
        Method::PUT => ".put",
        Method::PATCH => ".change",
        Method::DELETE => ".remove",
        _ => ".read",
    };
    format!("{}{verb}", words.join("."))
}

/// The id in the path.
fn object_in(route: &str, target: &str) -> String {
    let mut steps = route.split('/').zip(target.split('/'));
    steps.find(|(step, _)| step.starts_with('{')).map_or_else(String::new, |(_, id)| id.to_owned())
}

/// The digest of a JSON answer, with the id that it tells.
async fn read(response: Response) -> (Response, Option<(Digest, Option<String>)>) {
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|value| value == "application/json");
    if !is_json {
        return (response, None);
    }
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, ANSWER_BYTES).await else {
        // Ours are never so long; the caller is told by the missing end.
        return (Response::from_parts(parts, Body::empty()), None);
    };
    let text = std::str::from_utf8(&bytes).unwrap_or("");
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let id = document["id"].as_str().or_else(|| document["import"]["id"].as_str()).map(str::to_owned);
    let digest = digest_of(&[text]);
    (Response::from_parts(parts, Body::from(bytes)), Some((digest, id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_named_after_routes() {
        for (method, route, expected) in [
            (Method::POST, "/v1/campaigns", "campaigns.create"),
            (Method::POST, "/v1/campaigns/{id}/start", "campaigns.start"),
            (Method::PATCH, "/v1/campaigns/{id}", "campaigns.change"),
            (Method::PUT, "/v1/channels/{id}", "channels.put"),
            (Method::DELETE, "/v1/suppressions", "suppressions.remove"),
            (Method::GET, "/v1/contacts", "contacts.read"),
        ] {
            assert_eq!(action(&method, route), expected);
        }
        assert_eq!(object_in("/v1/campaigns/{id}/start", "/v1/campaigns/cmp_1/start"), "cmp_1");
        assert_eq!(object_in("/v1/contacts", "/v1/contacts"), "");
    }
}
