//! A carrier in a box: the server role of CMPP, SGIP, SMGP and SMPP with latency, faults, receipts and replies; cloud providers
//! ([`run_vendor`]); and a load generator.
//!
//! Owns: the simulated carrier ([`run`]), its configuration, and its own account of every message it was given ([`Truth`]),
//! which is the outside truth about what a platform sent; the bare client ([`load`]) that measures what the wire alone costs.
//! Refuses: storage, policy, anything that the platform decides.
//!
//! Invariants:
//! - what happens to the n-th submit for a phone depends on the seed, the phone and n alone, never on the interleaving of
//!   connections;
//! - a receipt or reply is sent until it is acknowledged, over any connection of its account;
//! - phones and texts never appear in a log, a counter or `Debug` output.

mod assembly;
mod books;
mod calendar;
mod carrier;
mod clock;
mod config;
mod connection;
mod counters;
mod delivery;
mod dialect;
mod dice;
mod fault;
mod in_flight;
pub mod load;
mod schedule;
mod table;
mod throttle;
mod truth;
mod vendor;

pub use carrier::{Handle, SimError, report_every, run};
pub use config::{Accounts, Latency, LogNormal, Protocol, Receipts, Replies, SimConfig};
pub use counters::Counters;
pub use fault::{At, Fault, FaultKind, FaultSyntaxError};
pub use truth::{MessageTruth, OptOutTruth, Truth, TruthFileError, read_messages};
pub use vendor::{
    Vendor, VendorConfig, VendorCounters, VendorFault, VendorHandle, VendorMessage, run_vendor,
};
