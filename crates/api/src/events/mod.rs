//! What happened, for programs that ask.
//!
//! Whoever may read an account's messages may read its events: both extractors below are the one place where that is
//! decided.

mod list;
mod recording;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::state::ApiState;

/// Who may read events and say whether they are recorded.
type Reader = Caller;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(recording::show, recording::put))
}
