//! List users.

use axum::Json;
use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::json;
use crate::page::Paging;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;

/// 用户列表 · List users
///
/// Newest first, those who are disabled included.
#[utoipa::path(
    get, path = "/v1/users", tag = "access", security(("key" = ["users:read"])), params(Paging),
    responses((status = 200, body = json::Page<json::User>, description = "A page of users."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadUsers>,
    State(state): State<ApiState>,
    Params(paging): Params<Paging>,
) -> Result<Json<json::Page<json::User>>, Problem> {
    let limit = paging.limit()?;
    let before = paging.cursor()?;
    let users = state.control().users(caller.account, before, limit).await?;
    let full = users.len() == limit as usize;
    let next = users.last().filter(|_| full).map(|last| last.id.to_string());
    let items = users.iter().map(|user| super::document(user, state.zone())).collect();
    Ok(Json(json::Page { items, next }))
}
