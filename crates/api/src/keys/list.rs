//! List keys.

use axum::Json;
use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::json;
use crate::page::Paging;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;

/// 密钥列表 · List keys
///
/// Newest first, those that were revoked included; never their secrets.
#[utoipa::path(
    get, path = "/v1/keys", tag = "access", security(("key" = ["keys:read"])), params(Paging),
    responses((status = 200, body = json::Page<json::Key>, description = "A page of keys."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadKeys>,
    State(state): State<ApiState>,
    Params(paging): Params<Paging>,
) -> Result<Json<json::Page<json::Key>>, Problem> {
    let limit = paging.limit()?;
    let before = paging.cursor()?;
    let keys = state.control().keys(caller.account, before, limit).await?;
    let full = keys.len() == limit as usize;
    let next = keys.last().filter(|_| full).map(|last| last.key.id.to_string());
    let items = keys.iter().map(|grant| super::document(grant, state.zone())).collect();
    Ok(Json(json::Page { items, next }))
}
