//! The drivers of all protocols against the simulated carrier, over loopback.

mod bench_channel;
mod faults;
mod protocols;
mod quirks;
mod traffic;
