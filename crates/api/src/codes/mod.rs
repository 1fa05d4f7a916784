//! Codes of carriers: the catalogue, one of them explained, and those that nobody knows.

mod explain;
mod list;
mod unknown;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(explain::explain))
        .routes(routes!(unknown::unknown))
}
