//! Remove a role.

use axum::Json;
use axum::extract::State;
use domain::ids::RoleId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 删除角色 · Remove a role
///
/// Whoever has it loses what it holds.
#[utoipa::path(
    delete, path = "/v1/roles/{id}", tag = "access", security(("key" = ["roles:write"])),
    params(("id" = String, Path, description = "The role.", example = "rol_0d4x0k1g00000")),
    responses((status = 200, body = json::Done, description = "Gone."))
)]
pub(crate) async fn remove(
    caller: Allowed<can::WriteRoles>,
    State(state): State<ApiState>,
    context: Context,
    Id(id): Id<RoleId>,
) -> Result<Json<json::Done>, Problem> {
    context.is_logged();
    state.access().remove_role(caller.actor(), id).await?;
    state.forget_all();
    Ok(Json(json::Done { done: true }))
}
