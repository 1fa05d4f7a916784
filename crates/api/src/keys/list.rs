//! List keys.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page};

/// Which keys.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 密钥列表 · List keys
///
/// Newest first, those that were revoked included; never their secrets.
#[utoipa::path(
    get, path = "/v1/keys", tag = "access", security(("key" = ["keys:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::Key>, description = "A page of keys."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadKeys>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Key>>, Problem> {
    let limit = page::limit(listing.limit)?;
    let before = page::cursor(listing.cursor.as_deref())?;
    let keys = state.control().keys(caller.account, before, limit).await?;
    let full = keys.len() == limit as usize;
    let next = keys.last().filter(|_| full).map(|last| last.key.id.to_string());
    let items = keys.iter().map(|grant| super::document(grant, state.zone())).collect();
    Ok(Json(json::Page { items, next }))
}
