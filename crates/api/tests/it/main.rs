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
#[expect(dead_code, reason = "the tests of carrier protocols use the rest")]
#[path = "../../../app/tests/it/peer.rs"]
mod peer;
mod people;
mod permissions;
mod reports;
mod server;
mod sessions;
mod sources;
mod tls;
mod vendors;
mod webhooks;
