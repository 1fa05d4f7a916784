//! Routes: ordered, weighted groups of channels.

mod list;
mod put;

use domain::control::RouteConfig;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(put::put))
}

fn document(route: &RouteConfig) -> json::Route {
    let steps = route.steps.iter().map(|step| json::RouteStep {
        channels: step
            .channels
            .iter()
            .map(|(channel, weight)| json::WeightedChannel { channel: channel.to_string(), weight: *weight })
            .collect(),
    });
    json::Route { id: route.id.to_string(), name: route.name.clone(), steps: steps.collect() }
}
