//! What anybody may ask, without a key: is it alive, is it ready, and how to talk to it.

mod docs;
mod document;
mod health;
mod ready;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

/// Paths that are answered without a key. Nothing of any tenant is behind them.
pub const PUBLIC_PATHS: [&str; 5] = ["/healthz", "/readyz", "/v1/openapi.json", "/docs", "/welcome"];

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(ready::ready))
        .routes(routes!(document::document))
        .routes(routes!(docs::docs))
}
