//! Change a role.

use axum::extract::State;
use domain::ids::RoleId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::keys::permissions;
use crate::problem::Problem;
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 修改角色 · Change a role
///
/// Whoever has it may do what it holds from now on; on other nodes within two seconds.
#[utoipa::path(
    patch, path = "/v1/roles/{id}", tag = "access", security(("key" = ["roles:write"])),
    params(
        ("id" = String, Path, description = "The role.", example = "rol_0d4x0k1g00000"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::RoleEdit,
    responses((status = 200, body = json::Role, description = "In force."))
)]
pub(crate) async fn edit(
    caller: Allowed<can::WriteRoles>,
    State(state): State<ApiState>,
    context: Context,
    if_match: IfMatch,
    Id(id): Id<RoleId>,
    body: Body<json::RoleEdit>,
) -> Result<Tagged<json::Role>, Problem> {
    let current = state.access().role(caller.actor(), id).await?;
    if_match.check(Tag::of(&super::document(&current)))?;
    let json::RoleEdit { name, permissions: words } = body.value;
    let held = words.map(|words| permissions(&words, "permissions")).transpose()?;
    context.is_logged();
    let expected = if_match.expects(current.revision);
    let role = state.access().change_role(caller.actor(), id, name.as_deref(), held, expected).await;
    let role = role.map_err(|trouble| if_match.settle(trouble))?;
    state.forget_all();
    Ok(Tagged::new(super::document(&role)))
}
