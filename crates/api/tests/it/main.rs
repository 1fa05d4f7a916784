//! The API over the real engine and the real store, request by request.

mod accounts;
mod audience;
mod audit;
mod campaigns;
mod channels;
mod clock;
mod contract;
mod corrections;
mod customers;
mod doors;
mod events;
mod exports;
mod funds;
mod house;
mod keys;
mod live;
mod manners;
mod messages;
mod metrics;
mod money;
mod numbers;
mod oidc;
mod people;
mod permissions;
mod reports;
mod server;
mod sessions;
mod sources;
mod tls;
mod webhooks;

/// What these tests serve beside the API.
fn beside(_: &api::ApiState) -> axum::Router {
    axum::Router::new()
}
