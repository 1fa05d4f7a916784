//! Channels: the ways out, with what they are doing now.

mod history;
mod list;
mod put;
mod show;

use domain::control::{ChannelConfig, Protocol};
use domain::routing::Turn;
use engine::dispatch::ChannelStatus;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::problem::{Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(show::show, put::put))
        .routes(routes!(history::history))
}

/// The protocol of this name, one of those that will do here.
///
/// # Errors
/// A problem that lists them.
pub(crate) fn protocol(word: &str, will_do: impl Fn(Protocol) -> bool) -> Result<Protocol, Problem> {
    Protocol::from_word(word).filter(|protocol| will_do(*protocol)).ok_or_else(|| {
        let fitting = Protocol::ALL.iter().filter(|protocol| will_do(**protocol));
        let words = fitting.map(|protocol| protocol.word()).collect::<Vec<_>>().join(", ");
        Problem::field("/protocol", say(format!("应为：{words}"), format!("Expected: {words}")))
    })
}

/// A channel without its password.
fn document(config: &ChannelConfig, status: Option<ChannelStatus>) -> json::Channel {
    json::Channel {
        id: config.id.to_string(),
        gateway: config.gateway.to_string(),
        name: config.name.clone(),
        protocol: config.protocol.word().to_owned(),
        host: config.host.clone(),
        port: config.port,
        login: config.login.clone(),
        access_code: config.access_code.clone(),
        service_id: config.service_id.clone(),
        connections: config.connections,
        window: config.window,
        parts_per_second: config.parts_per_second,
        carriers: config.carriers.iter().map(|carrier| (*carrier).into()).collect(),
        categories: config.categories.iter().map(|category| (*category).into()).collect(),
        cost: config.cost.into(),
        enabled: config.enabled,
        quirks: config.quirks.settings().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        provider: config.provider.as_ref().map(|provider| provider.shown()),
        live: status.map(live),
    }
}

/// What streams tell of a channel: without what changes by itself.
pub(crate) fn state_of(config: &ChannelConfig, status: Option<ChannelStatus>) -> json::ChannelState {
    let live = status.map(live);
    json::ChannelState {
        id: config.id.to_string(),
        name: config.name.clone(),
        enabled: config.enabled,
        live: live.map(|live| json::ChannelLive { history: Vec::new(), down_for_seconds: None, ..live }),
    }
}

fn live(status: ChannelStatus) -> json::ChannelLive {
    let turn = |(millis_ago, turn): (u64, Turn)| json::ChannelTurn {
        seconds_ago: millis_ago / 1_000,
        turn: turn.word().to_owned(),
        because: turn.trouble().map(|trouble| trouble.word().to_owned()),
    };
    let vitals = status.vitals;
    json::ChannelLive {
        connections_up: status.connections_up,
        condition: status.condition.word().to_owned(),
        down_because: status.condition.trouble().map(|trouble| trouble.word().to_owned()),
        down_for_seconds: status.down_for.map(|millis| millis.div_ceil(1_000)),
        submit_percent: vitals.submit_percent,
        unthrottled_percent: vitals.unthrottled_percent,
        answer_ms: vitals.answer_millis,
        delivered_percent: vitals.delivered_percent,
        history: status.history.into_iter().map(turn).collect(),
        trouble: status.trouble,
        free_parts: status.free_parts,
        claimed: status.claimed,
        submitted: status.submitted,
        throttled: status.throttled,
        refused: status.refused,
        uncertain: status.uncertain,
        receipts: status.receipts,
        inbound: status.inbound,
    }
}
