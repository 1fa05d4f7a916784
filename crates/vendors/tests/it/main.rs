//! Other vendors' interfaces over the real engine and the real store, asked by their own SDKs.

#[expect(dead_code, reason = "the tests of the API use the rest")]
#[path = "../../../api/tests/it/house.rs"]
mod house;
#[expect(dead_code, reason = "the tests of carrier protocols use the rest")]
#[path = "../../../app/tests/it/peer.rs"]
mod peer;
mod sdks;

/// What these tests serve beside the API.
fn beside(state: &api::ApiState) -> axum::Router {
    vendors::router(state)
}
