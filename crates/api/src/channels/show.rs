//! Show a channel.

use axum::extract::State;
use domain::ids::ChannelId;

use crate::auth::{Allowed, can};
use crate::etag::{Tag, Tagged};
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 通道详情 · Show a channel
///
/// With the version of its configuration in `ETag`.
#[utoipa::path(
    get, path = "/v1/channels/{id}", tag = "channels", security(("key" = ["channels:read"])),
    params(("id" = String, Path, description = "The channel.", example = "chn_1")),
    responses((status = 200, body = json::Channel, description = "The channel."))
)]
pub(crate) async fn show(
    _caller: Allowed<can::ReadChannels>,
    State(state): State<ApiState>,
    Id(id): Id<ChannelId>,
) -> Result<Tagged<json::Channel>, Problem> {
    let all = state.engine().channels().await?;
    let found = all.iter().find(|channel| channel.id == id);
    let found = found.ok_or_else(|| Problem::no_such("通道", "channel"))?;
    let tag = Tag::of(&super::document(found, None));
    let status = state.engine().channel_statuses().into_iter().find(|status| status.id == id);
    Ok(Tagged(super::document(found, status), tag))
}
