//! What surrounds every handler: request ids, where it came from, problems in the reader's language, time limits, limits
//! told, the line of the audit log that a use-case does not write itself, one log line.
//!
//! The log line names the route, never the query: that may hold a phone.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::language::Language;
use crate::problem::{Kind, Problem};
use crate::request::{BATCH_BYTES, too_large};
use crate::server::ClientAddress;
use crate::state::ApiState;
use crate::{etag, trail};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header of a signed request.
pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("hongyan-signature");
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
    let target = request.uri().path().to_owned();
    let known = request.headers().get(IF_NONE_MATCH).cloned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let limit = match route.as_deref() {
        Some(UPLOAD_ROUTE) => UPLOAD_TIME_LIMIT,
        Some(WAITING_ROUTE) => WAITING_TIME_LIMIT,
        _ => TIME_LIMIT,
    };
    let began = state.monotonic_millis();
    let answering = async {
        match prepared(request, &id).await {
            Ok((request, context)) => {
                let response = next.run(request).await;
                let done = trail::Done { method: &method, route: route.as_deref(), target: &target };
                told(&state, response, &context, &done).await
            }
            Err(problem) => problem.into_response(),
        }
    };
    let mut response = match tokio::time::timeout(limit, answering).await {
        Ok(response) => finish(response, language, &id),
        Err(_) => Problem::new(Kind::TimedOut).write(language, &id),
    };
    if method == Method::GET && etag::is_known(known.as_ref(), response.headers()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
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

/// The request with its context. The body of a signed one is read here, because the signature covers it.
async fn prepared(request: Request, id: &str) -> Result<(Request, Context), Problem> {
    let address = request.extensions().get::<ClientAddress>().map(|client| client.0);
    let is_signed = request.headers().contains_key(SIGNATURE);
    let (mut parts, mut body) = request.into_parts();
    let mut body_sha256 = None;
    if is_signed {
        let bytes = to_bytes(body, BATCH_BYTES).await.map_err(|_| too_large(BATCH_BYTES))?;
        body_sha256 = Some(Sha256::digest(&bytes).into());
        body = Body::from(bytes);
    }
    let context = Context::new(id.to_owned(), address, body_sha256);
    parts.extensions.insert(context.clone());
    Ok((Request::from_parts(parts, body), context))
}

/// What the handlers told, told on: to the caller and to the audit log.
async fn told(state: &ApiState, response: Response, context: &Context, done: &trail::Done<'_>) -> Response {
    let told = context.told();
    let turn = told.turn;
    let mut response = trail::keep(state, response, told, done).await;
    if let Some(turn) = turn {
        turn.write(response.headers_mut());
        // What belongs to somebody is no cache's to keep.
        let private = HeaderValue::from_static("private, no-cache");
        response.headers_mut().entry(CACHE_CONTROL).or_insert(private);
    }
    response
}

/// Writes the problem that a handler left behind, and gives a body to refusals that the framework made.
fn finish(mut response: Response, language: Language, id: &str) -> Response {
    let mut written = if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.write(language, id)
    } else {
        let kind = match response.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
            StatusCode::BAD_REQUEST => Kind::InvalidField,
            _ => return response,
        };
        Problem::new(kind).write(language, id)
    };
    for (name, value) in response.headers() {
        if name == ALLOW || name.as_str().starts_with("ratelimit") {
            written.headers_mut().insert(name.clone(), value.clone());
        }
    }
    written
}

/// The caller's own id, when it is harmless in a header and in a log.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    (plain && !id.is_empty() && id.len() <= REQUEST_ID_BYTES).then(|| id.to_owned())
}
