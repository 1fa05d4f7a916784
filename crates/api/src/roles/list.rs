//! List roles.

use axum::Json;
use axum::extract::State;
use domain::access::Role;

use crate::auth::{Allowed, can};
use crate::json;
use crate::keys::words;
use crate::language::Language;
use crate::problem::Problem;
use crate::state::ApiState;

/// 角色列表 · List roles
///
/// The built-in ones with what they hold in this account, then the account's own by name.
#[utoipa::path(
    get, path = "/v1/roles", tag = "access", security(("key" = ["users:read"])),
    responses((status = 200, body = json::Roles, description = "All roles."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadUsers>,
    State(state): State<ApiState>,
    language: Language,
) -> Result<Json<json::Roles>, Problem> {
    let held = |role: &Role| {
        let permissions = role.permissions();
        if caller.is_operator { permissions } else { permissions.of_tenant() }
    };
    let built_in = Role::ALL.iter().map(|role| json::Role {
        id: role.word().to_owned(),
        name: language.of_two(role.names()).to_owned(),
        permissions: words(held(role)),
        built_in: true,
    });
    let own = state.control().roles(caller.account).await?;
    Ok(Json(json::Roles { roles: built_in.chain(own.iter().map(super::document)).collect() }))
}
