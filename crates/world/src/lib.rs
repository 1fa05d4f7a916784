//! The seeded world: one to three real engines, their rules and their ledger on SQLite in virtual time, on one thread, with
//! everything that happens decided by a seed, and a small independent model that checks after every step.
//!
//! What is real: [`engine::Engine`] with its dispatch, settling, receipts, inbound, campaigns and sweeps; the partition
//! writers, their queues, group commits, files and logs; policy, retries, routing; the sessions of both ends of a carrier
//! connection. What is simulated: time, chance, carriers, the drivers between sessions and engine, the control database,
//! the death of processes and machines, failing storage. See docs/simulation.md.
//! Invariant: equal seeds and steps give equal stories.

mod audience;
mod books;
mod campaigns;
mod carrier;
mod cast;
mod clock;
mod control;
mod coverage;
mod deliveries;
mod ending;
mod events;
#[cfg(debug_assertions)]
mod faults;
mod flight;
mod hearing;
mod link;
mod model;
#[cfg(not(debug_assertions))]
mod no_faults;
mod node;
mod nodes;
mod orders;
mod people;
mod random;
mod simulate;
mod storage;
mod watch;
mod webhooks;
mod wires;
mod world;

#[cfg(not(debug_assertions))]
use no_faults as faults;

pub use coverage::Coverage;
pub use faults::Fault;
pub use simulate::{Failure, Options, Report, simulate};
