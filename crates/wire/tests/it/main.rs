//! Scenario and property tests of `wire`, one binary.

mod allocations;
mod decoding;
mod describing;
mod foreign;
mod framing;
#[path = "../../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the file is a library of its own in the fuzz package")]
mod fuzz_bodies;
mod fuzzing;
mod log_in;
mod outbind;
mod pair;
mod pairs;
mod round_trip;
mod sgip;
mod smgp;
mod smpp;
mod timers;
mod tokens;
mod vectors;
