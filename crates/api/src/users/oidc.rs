//! By which of a provider's subjects somebody is found.

use axum::Json;
use axum::extract::State;
use domain::ids::UserId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::problem::{Problem, say};
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 关联身份 · Link a provider's subject
///
/// From now on the provider's word for this subject lets this person in, and no other subject and no e-mail address does.
#[utoipa::path(
    put, path = "/v1/users/{id}/oidc", tag = "access", security(("key" = ["users:write"])),
    params(("id" = String, Path, description = "The user.", example = "usr_0d4x0k1g00000")),
    request_body = json::SubjectLink,
    responses((status = 200, body = json::User, description = "Linked."))
)]
pub(crate) async fn put(
    caller: Allowed<can::WriteUsers>,
    State(state): State<ApiState>,
    context: Context,
    Id(id): Id<UserId>,
    body: Body<json::SubjectLink>,
) -> Result<Json<json::User>, Problem> {
    let issuer = body.value.issuer.or_else(|| state.oidc().map(|provider| provider.issuer.clone()));
    let issuer = issuer.ok_or_else(|| {
        let detail =
            say("未配置身份提供方：请填写 issuer", "No provider is set here: say which one's subject it is");
        Problem::field("/issuer", detail)
    })?;
    context.is_logged();
    let user = state.access().link_subject(caller.actor(), id, &issuer, &body.value.subject).await?;
    Ok(Json(super::document(&user, state.zone())))
}

/// 取消关联 · Unlink a provider's subject
///
/// Sessions that began go on until they end. A verified e-mail address may find this person again, where the operator allows it.
#[utoipa::path(
    delete, path = "/v1/users/{id}/oidc", tag = "access", security(("key" = ["users:write"])),
    params(("id" = String, Path, description = "The user.", example = "usr_0d4x0k1g00000")),
    responses((status = 200, body = json::User, description = "Nobody is this person by a subject."))
)]
pub(crate) async fn remove(
    caller: Allowed<can::WriteUsers>,
    State(state): State<ApiState>,
    context: Context,
    Id(id): Id<UserId>,
) -> Result<Json<json::User>, Problem> {
    context.is_logged();
    let user = state.access().unlink_subject(caller.actor(), id).await?;
    Ok(Json(super::document(&user, state.zone())))
}
