//! Channels: the ways out, with what they are doing now.

mod list;
mod put;

use domain::control::ChannelConfig;
use domain::routing::Condition;
use engine::dispatch::ChannelStatus;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(put::put))
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

fn live(status: ChannelStatus) -> json::ChannelLive {
    let condition = match status.condition {
        Condition::Up => "up",
        Condition::Probing { .. } => "probing",
        Condition::Down { .. } => "down",
    };
    json::ChannelLive {
        connections_up: status.connections_up,
        condition: condition.to_owned(),
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
