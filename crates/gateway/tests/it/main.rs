//! The drivers of all protocols against the simulated carrier, over loopback.

mod bench_channel;
mod bench_provider;
mod callbacks;
#[expect(dead_code, reason = "the tests of `app` use the rest of it")]
mod customer;
mod downstream;
mod faults;
mod outbound;
mod protocols;
mod providers;
mod quirks;
mod split;
mod traffic;
