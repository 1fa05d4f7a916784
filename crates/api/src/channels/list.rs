//! List channels.

use axum::Json;
use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 通道列表 · List channels
///
/// As configured, without passwords, and what each is doing now.
#[utoipa::path(
    get, path = "/v1/channels", tag = "channels", security(("key" = ["channels:read"])),
    responses((status = 200, body = json::Channels, description = "All channels."))
)]
pub(crate) async fn list(
    _caller: Allowed<can::ReadChannels>,
    State(state): State<ApiState>,
) -> Result<Json<json::Channels>, Problem> {
    let configs = state.engine().channels().await?;
    let statuses = state.engine().channel_statuses();
    let channels = configs.iter().map(|config| {
        let status = statuses.iter().find(|status| status.id == config.id).cloned();
        super::document(config, status)
    });
    Ok(Json(json::Channels { channels: channels.collect() }))
}
