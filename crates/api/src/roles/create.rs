//! Make a role.

use axum::extract::State;
use axum::http::StatusCode;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::Tagged;
use crate::json;
use crate::keys::permissions;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;

/// 创建角色 · Make a role
///
/// It holds no more than the caller does.
#[utoipa::path(
    post, path = "/v1/roles", tag = "access", security(("key" = ["roles:write"])),
    request_body = json::RoleCreate,
    responses((status = 201, body = json::Role, description = "Made."))
)]
pub(crate) async fn create(
    caller: Allowed<can::WriteRoles>,
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::RoleCreate>,
) -> Result<(StatusCode, Tagged<json::Role>), Problem> {
    let held = permissions(&body.value.permissions, "permissions")?;
    context.is_logged();
    let role = state.access().create_role(caller.actor(), &body.value.name, held).await?;
    Ok((StatusCode::CREATED, Tagged::new(super::document(&role))))
}
