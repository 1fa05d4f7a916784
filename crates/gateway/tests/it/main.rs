//! The CMPP driver against the simulated carrier, over loopback.

mod bench_channel;
mod faults;
mod traffic;
