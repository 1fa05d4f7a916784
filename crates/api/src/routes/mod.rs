//! Routes: ordered, weighted groups of channels.

mod explain;
mod list;
mod put;
mod show;

use domain::control::RouteConfig;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(show::show, put::put))
        .routes(routes!(explain::explain))
}

fn document(route: &RouteConfig) -> json::Route {
    let steps = route.steps.iter().map(|step| json::RouteStep {
        pick: step.pick.into(),
        above_ceiling: step.above_ceiling,
        channels: step
            .channels
            .iter()
            .map(|(channel, weight)| json::WeightedChannel { channel: channel.to_string(), weight: *weight })
            .collect(),
    });
    let scope = &route.scope;
    json::Route {
        id: route.id.to_string(),
        name: route.name.clone(),
        steps: steps.collect(),
        scope: json::RouteScope {
            accounts: scope.accounts.iter().map(ToString::to_string).collect(),
            categories: scope.categories.iter().map(|category| (*category).into()).collect(),
            carriers: scope.carriers.iter().map(|carrier| (*carrier).into()).collect(),
            countries: scope.countries.iter().map(ToString::to_string).collect(),
            signatures: scope.signatures.clone(),
        },
        ceiling: route.ceiling.map(Into::into),
    }
}
