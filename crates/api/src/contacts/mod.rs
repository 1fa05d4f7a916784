//! Contacts: people's records.

mod edit;
mod list;
mod show;
mod upsert;

pub(crate) use list::asked_phone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list, upsert::upsert)).routes(routes!(show::show, edit::edit))
}
