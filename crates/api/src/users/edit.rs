//! Change a user.

use access::UserChange;
use axum::extract::State;
use domain::ids::UserId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::problem::Problem;
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 修改用户 · Change a user
///
/// Nobody changes somebody who may do more, nor their own roles. Whoever is disabled is signed out everywhere.
#[utoipa::path(
    patch, path = "/v1/users/{id}", tag = "access", security(("key" = ["users:write"])),
    params(
        ("id" = String, Path, description = "The user.", example = "usr_0d4x0k1g00000"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::UserEdit,
    responses((status = 200, body = json::User, description = "In force."))
)]
pub(crate) async fn edit(
    caller: Allowed<can::WriteUsers>,
    State(state): State<ApiState>,
    context: Context,
    if_match: IfMatch,
    Id(id): Id<UserId>,
    body: Body<json::UserEdit>,
) -> Result<Tagged<json::User>, Problem> {
    let current = state.access().user(caller.actor(), id).await?;
    if_match.check(Tag::of(&super::document(&current, state.zone())))?;
    let json::UserEdit { name, roles, disabled } = body.value;
    let roles = roles.map(|roles| super::roles(&roles)).transpose()?;
    context.is_logged();
    let change = UserChange { name, roles, disabled, expected: if_match.expects(current.revision) };
    let user = state.access().change_user(caller.actor(), id, change).await;
    let user = user.map_err(|trouble| if_match.settle(trouble))?;
    state.forget_all();
    Ok(Tagged::new(super::document(&user, state.zone())))
}
