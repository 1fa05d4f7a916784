//! What happened, for programs that ask.
//!
//! Whoever may read an account's messages may read its events; whoever may send decides whether they are recorded.

mod list;
mod recording;
mod stream;

pub(crate) use list::{document, refusal};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(stream::stream))
        .routes(routes!(recording::show, recording::put))
}
