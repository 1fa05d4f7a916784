//! List tags.

use axum::Json;
use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 标签列表 · List tags
///
/// Each with how many contacts have it.
#[utoipa::path(
    get, path = "/v1/tags", tag = "contacts", security(("key" = ["contacts:read"])),
    responses((status = 200, body = json::Tags, description = "All tags of the account."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadContacts>,
    State(state): State<ApiState>,
) -> Result<Json<json::Tags>, Problem> {
    let tags = state.control().tags(caller.account).await?;
    let contacts = state.control().count_contacts(caller.account).await?;
    let tags = tags.into_iter().map(|(name, contacts)| json::Tag { name, contacts }).collect();
    Ok(Json(json::Tags { tags, contacts }))
}
