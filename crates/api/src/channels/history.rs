//! What happened to a channel.

use axum::Json;
use axum::extract::State;
use domain::control::ChannelTurn;
use domain::ids::ChannelId;

use crate::auth::{Allowed, can};
use crate::json;
use crate::language::Language;
use crate::page::Paging;
use crate::problem::Problem;
use crate::request::{Id, Params};
use crate::state::ApiState;

/// 通道健康记录 · What happened to a channel
///
/// Newest first: when it went down and why, when it was tried again, when it came back, as each node saw it. Kept over
/// restarts: the last 1,000 turns of a channel, for half a year.
#[utoipa::path(
    get, path = "/v1/channels/{id}/history", tag = "channels", security(("key" = ["channels:read"])),
    params(("id" = String, Path, description = "The channel.", example = "chn_1"), Paging),
    responses((status = 200, body = json::Page<json::ChannelEvent>, description = "A page of it."))
)]
pub(crate) async fn history(
    _caller: Allowed<can::ReadChannels>,
    State(state): State<ApiState>,
    language: Language,
    Id(id): Id<ChannelId>,
    Params(paging): Params<Paging>,
) -> Result<Json<json::Page<json::ChannelEvent>>, Problem> {
    let limit = paging.limit()?;
    let all = state.engine().channels().await?;
    if all.iter().all(|channel| channel.id != id) {
        return Err(Problem::no_such("通道", "channel"));
    }
    let turns = state.engine().channel_turns(id, paging.cursor()?, limit).await?;
    let full = turns.len() == limit as usize;
    let next = turns.last().filter(|_| full).map(|last| last.id.to_string());
    let event = |turn: ChannelTurn| json::ChannelEvent {
        id: turn.id.to_string(),
        at: json::Moment::new(turn.at, state.zone()),
        turn: turn.turn.word().to_owned(),
        because: turn.turn.trouble().map(|trouble| trouble.word().to_owned()),
        explanation: language.of_two(turn.turn.explain()).to_owned(),
        node: turn.node,
    };
    Ok(Json(json::Page { items: turns.into_iter().map(event).collect(), next }))
}
