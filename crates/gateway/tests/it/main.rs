//! The drivers of all protocols against the simulated carrier, over loopback.

mod bench_channel;
mod bench_provider;
mod callbacks;
mod faults;
mod protocols;
mod providers;
mod quirks;
mod traffic;
