//! What surrounds every handler: request ids, problems in the reader's language, time limits, one log line.
//!
//! The log line names the route, never the query: that may hold a phone.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::language::Language;
use crate::problem::{Kind, Problem};
use crate::state::ApiState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id taken from a caller.
const REQUEST_ID_BYTES: usize = 64;
/// How long a handler may work. Uploads stream for longer; they are bounded in bytes.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How long an upload of the largest file may take: 1 GiB at 0.6 MB/s.
const UPLOAD_TIME_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How long a question for events may take, which waits for up to 30 seconds.
const WAITING_TIME_LIMIT: Duration = Duration::from_secs(60);
/// The one route that waits for something to happen.
const WAITING_ROUTE: &str = "/v1/events";
/// The one route that takes long bodies.
const UPLOAD_ROUTE: &str = "/v1/imports";

/// The outermost layer.
pub(crate) async fn surround(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let id = given_id(request.headers()).unwrap_or_else(|| state.request_id());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let limit = match route.as_deref() {
        Some(UPLOAD_ROUTE) => UPLOAD_TIME_LIMIT,
        Some(WAITING_ROUTE) => WAITING_TIME_LIMIT,
        _ => TIME_LIMIT,
    };
    let began = state.monotonic_millis();
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    let mut response = match answered {
        Ok(response) => finish(response, language, &id),
        Err(_) => Problem::new(Kind::TimedOut).write(language, &id),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    tracing::debug!(
        request = id,
        %method,
        route,
        status = response.status().as_u16(),
        millis = state.monotonic_millis().saturating_sub(began),
        "answered"
    );
    response
}

/// Writes the problem that a handler left behind, and gives a body to refusals that the framework made.
fn finish(mut response: Response, language: Language, id: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return problem.write(language, id);
    }
    let kind = match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
        StatusCode::BAD_REQUEST => Kind::InvalidField,
        _ => return response,
    };
    Problem::new(kind).write(language, id)
}

/// The caller's own id, when it is harmless in a header and in a log.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    (plain && !id.is_empty() && id.len() <= REQUEST_ID_BYTES).then(|| id.to_owned())
}
