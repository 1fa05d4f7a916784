//! List users.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page};

/// Which users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 用户列表 · List users
///
/// Newest first, those who are disabled included.
#[utoipa::path(
    get, path = "/v1/users", tag = "access", security(("key" = ["users:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::User>, description = "A page of users."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadUsers>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::User>>, Problem> {
    let limit = page::limit(listing.limit)?;
    let before = page::cursor(listing.cursor.as_deref())?;
    let users = state.control().users(caller.account, before, limit).await?;
    let full = users.len() == limit as usize;
    let next = users.last().filter(|_| full).map(|last| last.id.to_string());
    let items = users.iter().map(|user| super::document(user, state.zone())).collect();
    Ok(Json(json::Page { items, next }))
}
