//! Endpoints that speak as other vendors' do, so that an application that uses their SDK moves over by its endpoint alone.
//!
//! Owns, for each vendor, who is asking (its signature, with our keys), what its requests may hold, and its own answers
//! and error codes. Refuses to be another way in: whatever is sent goes through the engine's one use-case of `send`.
//! Invariants: every request but a malformed one is answered in the vendor's form; nothing is read or sent before the
//! key is good; every body, page, queue and wait has a bound. These routes are not in the OpenAPI document: their
//! description is the vendors', and docs/moving-from-*.md say what differs.

mod aliyun;
mod doorman;
mod form;
mod hash;
mod templates;
mod tencent;
mod twilio;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::any;

use domain::events::EventKind;
use domain::ledger::MessageRecord;
use domain::webhooks::Call;
use engine::webhooks::WritesCallbacks;

use api::ApiState;
use twilio::StatusCallback;

/// How long a request may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Largest body: a thousand phones and a template's values need less.
const BODY_BYTES: usize = 256 << 10;

/// What the handlers here share.
#[derive(Clone)]
struct Desk {
    api: ApiState,
    pulls: Arc<tencent::Pulls>,
}

/// Writes status callbacks in Twilio's words: no other vendor's interface has them.
struct Writer;

impl WritesCallbacks for Writer {
    fn write(&self, document: &str, record: &MessageRecord, kind: EventKind) -> Option<Call> {
        serde_json::from_str::<StatusCallback>(document).ok()?.call(record, kind)
    }
}

/// All vendors' routes.
pub fn router(api: &ApiState) -> Router {
    let pulls = Arc::new(tencent::Pulls::default());
    let desk = Desk { pulls, api: api.clone() };
    api.engine().set_callback_writer(Arc::new(Writer));
    Router::new()
        .route("/", any(root))
        .merge(twilio::router())
        .layer(from_fn_with_state(api.clone(), surround))
        .with_state(desk)
}

/// The root, where two vendors' SDKs ask: which of them it is, a header tells. A person who looks what is there asks for nothing
/// and is shown the reference.
async fn root(State(desk): State<Desk>, request: Request) -> Response {
    let (parts, content) = request.into_parts();
    let names_action = parts.uri.query().is_some() || parts.headers.contains_key("x-acs-action");
    if parts.method == Method::GET && !names_action && !tencent::is_ours(&parts) {
        return Redirect::to("/docs").into_response();
    }
    let Ok(body) = form::body(content).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    if tencent::is_ours(&parts) {
        tencent::answer(&desk, &parts, &body).await
    } else {
        aliyun::answer(&desk, &parts, &body).await
    }
}

/// A time limit and one log line, which names the route alone.
async fn surround(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let began = state.monotonic_millis();
    let answered = tokio::time::timeout(TIME_LIMIT, next.run(request)).await;
    let response = answered.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response());
    let millis = state.monotonic_millis().saturating_sub(began);
    tracing::debug!(route, status = response.status().as_u16(), millis, "answered a vendor's SDK");
    response
}
