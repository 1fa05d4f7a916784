//! Revoke a key.

use axum::Json;
use axum::extract::State;
use domain::ids::KeyId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 吊销密钥 · Revoke a key
///
/// It opens nothing from now on; on other nodes within two seconds. It stays in the list.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "access", security(("key" = ["keys:write"])),
    params(("id" = String, Path, description = "The key.", example = "key_0d4x0k1g00000")),
    responses((status = 200, body = json::Done, description = "Revoked."))
)]
pub(crate) async fn revoke(
    caller: Allowed<can::WriteKeys>,
    State(state): State<ApiState>,
    context: Context,
    Id(id): Id<KeyId>,
) -> Result<Json<json::Done>, Problem> {
    context.is_logged();
    state.access().revoke_key(caller.actor(), id).await?;
    state.forget_all();
    Ok(Json(json::Done { done: true }))
}
