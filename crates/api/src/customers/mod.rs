//! Customers that connect to us over a carrier protocol.

mod delete;
mod list;
mod put;

use domain::downstream::Customer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(put::put)).routes(routes!(delete::delete))
}

/// A customer without its password.
fn document(customer: &Customer) -> json::Customer {
    let call_back = customer.call_back.as_ref();
    json::Customer {
        id: customer.id.to_string(),
        name: customer.name.clone(),
        protocol: customer.protocol.word().to_owned(),
        login: customer.login.clone(),
        networks: customer.networks.iter().map(ToString::to_string).collect(),
        addresses: customer.addresses.clone(),
        connections: customer.connections,
        window: customer.window,
        parts_per_second: customer.parts_per_second,
        category: customer.category.into(),
        signature: customer.signature.clone(),
        signing: customer.signing.into(),
        route: customer.route.map(|route| route.to_string()),
        enabled: customer.enabled,
        call_back: call_back.map(|to| json::CallBack { host: to.host.clone(), port: to.port }),
    }
}
