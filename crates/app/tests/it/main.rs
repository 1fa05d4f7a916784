//! The binary from outside: commands, exit codes, a whole campaign, and what survives `kill -9`.

mod bad_input;
mod demo;
mod house;
mod kill;
mod pdu;
mod simulate;
mod start;
mod story;
