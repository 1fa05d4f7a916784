//! Roles: the built-in ones and the account's own.

mod create;
mod edit;
mod list;
mod remove;

use domain::control::CustomRole;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::keys::words;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(edit::edit, remove::remove))
}

fn document(role: &CustomRole) -> json::Role {
    json::Role {
        id: role.id.to_string(),
        name: role.name.clone(),
        permissions: words(role.permissions),
        built_in: false,
    }
}
