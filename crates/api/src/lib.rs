//! REST API with OpenAPI, bearer keys and problem details.
//!
//! Owns the HTTP surface: who is asking, what a request may hold, how refusals are told, and the public JSON. Refuses
//! business rules (they are the engine's), SQL and carriers' protocols. Invariants: every route but a listed few asks
//! for a key, and every read is scoped by its account; every route is in the OpenAPI document, but for those that are served
//! beside it (`vendors`); every body, page and handler has a bound; a 2xx means that what was asked is durable.

mod accounts;
mod auth;
mod callbacks;
mod campaigns;
mod channels;
mod codes;
mod contacts;
mod context;
mod customers;
mod download;
mod etag;
mod events;
mod exports;
mod imports;
mod inbound;
mod keys;
mod language;
mod layers;
mod limits;
mod live;
mod log;
mod me;
mod messages;
mod metrics;
mod money;
mod numbers;
mod openapi;
mod page;
mod prices;
mod privacy;
mod problem;
mod reports;
mod request;
mod roles;
mod routes;
mod server;
mod session;
mod sources;
mod state;
mod statements;
mod streams;
mod suppressions;
mod system;
mod tags;
mod templates;
mod trail;
mod users;
mod webhooks;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::OpenApiRouter;

pub use access::Admission;
pub use auth::{Allowed, Caller, Demand, can};
pub use callbacks::CALLBACK_PATH;
pub use json;
pub use metrics::{MoreMetrics, metrics_router, serve_metrics};
pub use openapi::document as openapi;
pub use page::MAX_LIMIT;
pub use problem::{Kind, MEDIA_TYPE as PROBLEM_MEDIA_TYPE};
pub use request::{BATCH_BYTES, IDEMPOTENCY_KEY_CHARS, JSON_BYTES};
pub use server::{ClientAddress, Limits, Networks, ServeOptions, Tls, TlsError, serve};
pub use session::{OIDC_PATHS, Oidc, SIGN_IN_PATHS};
pub use state::ApiState;
pub use system::PUBLIC_PATHS;
pub use trail::QUESTIONS;

use problem::Problem;

/// Everything that is served, ready for a listener. `beside`: other interfaces over the same state.
pub fn router(state: ApiState, beside: Router) -> Router {
    let (router, _) = operations().split_for_parts();
    router
        .fallback(|| async { Problem::new(Kind::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::new(Kind::MethodNotAllowed) })
        // Each extractor has its own bound; uploads are bounded by the engine while they stream.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(state.clone(), layers::surround))
        .with_state(state)
        .merge(beside)
}

/// All operations with their descriptions.
pub(crate) fn operations() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(messages::router())
        .merge(campaigns::router())
        .merge(templates::router())
        .merge(imports::router())
        .merge(contacts::router())
        .merge(tags::router())
        .merge(suppressions::router())
        .merge(inbound::router())
        .merge(events::router())
        .merge(webhooks::router())
        .merge(exports::router())
        .merge(sources::router())
        .merge(reports::router())
        .merge(live::router())
        .merge(channels::router())
        .merge(customers::router())
        .merge(routes::router())
        .merge(prices::router())
        .merge(money::router())
        .merge(statements::router())
        .merge(accounts::router())
        .merge(keys::router())
        .merge(users::router())
        .merge(roles::router())
        .merge(session::router())
        .merge(me::router())
        .merge(log::router())
        .merge(numbers::router())
        .merge(codes::router())
        .merge(callbacks::router())
        .merge(system::router())
}
