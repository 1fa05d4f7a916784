//! The seeded world: the real engine, its rules and its ledger on SQLite in virtual time, on one thread, with everything
//! that happens decided by a seed, and a small independent model that checks after every step.
//!
//! What is real: [`engine::Engine`] with its dispatch, settling, receipts, inbound and sweeps; the partition writers, their
//! queues, group commits, files and logs; policy, retries, routing. What is simulated: time, chance, carriers behind the
//! channel port, the control database, the death of process and machine, failing storage. See docs/simulation.md.
//! Invariant: equal seeds and steps give equal stories.

mod audience;
mod carrier;
mod cast;
mod clock;
mod control;
mod coverage;
mod ending;
mod events;
mod faults;
mod model;
mod node;
mod people;
mod random;
mod simulate;
mod watch;
mod wires;
mod world;

pub use coverage::Coverage;
pub use faults::Fault;
pub use simulate::{Failure, Options, Report, simulate};
