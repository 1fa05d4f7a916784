//! Suppressions: phones that must not be sent to.

mod create;
mod lift;
mod list;

use domain::access::Permission;
use domain::policy;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list, create::create, lift::lift))
}

/// How far an order of this caller reaches; only the operator speaks for the whole platform.
fn scope(asked: json::Scope, caller: &Caller) -> Result<policy::Scope, Problem> {
    match asked {
        json::Scope::Entity => Ok(policy::Scope::Entity(caller.entity)),
        json::Scope::Operator => {
            caller.demand(Permission::SuppressForAll)?;
            Ok(policy::Scope::Operator)
        }
    }
}
