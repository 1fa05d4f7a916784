//! The ledger on SQLite: one file and one writer thread per partition.
//!
//! Owns `<data>/ledger/`: `p000.db` and so on, their logs, and the lock that keeps a second process out. Refuses a
//! folder written by a newer program and one that somebody else has open. Everything a caller is told is on disk.
//! How a partition works inside is in `partition.rs`; how it is driven, in `writer.rs`.

mod accept;
mod bench;
mod claim;
mod command;
mod events;
mod fault;
mod handed;
mod hot;
mod lane;
mod money;
mod numbers;
mod open;
mod orders;
mod partition;
mod parts;
mod people;
mod port;
mod read;
mod receipt;
mod recover;
mod schema;
mod settle;
mod sql;
mod stepped;
mod sweep;
mod tally;
mod verify;
mod waiting;
mod writer;

pub(crate) use events::RESTART_GAP as EVENT_GAP;
pub use open::{LedgerOpenError, OpenOptions};
pub(crate) use open::{existing as stopped_files, moved_mark};
pub use port::SqliteLedger;
pub(crate) use schema::statements as schema_statements;
pub use stepped::{Loss, Stepped, Stepper, Trouble};
pub use verify::verify;

pub use crate::verified::{Finding, Rule, Verified};
