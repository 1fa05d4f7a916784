//! What happens to messages, decided once for both engines.
//!
//! Owns the packed records of a message and of a person, the transitions and what each leaves behind (trail, tally,
//! queue row), and what a row is read as. Refuses nothing by itself and does no I/O: an engine implements
//! [`Moves`](steps::Moves) and stores what it is told. SQLite does so row by row inside its writer; PostgreSQL gathers
//! everything of a transaction and writes it set by set.

pub mod aged;
pub mod board;
pub mod claim;
pub mod events;
pub mod fault;
pub mod lane;
pub mod life;
pub mod orders;
pub mod parts;
pub mod person;
pub mod receipt;
pub mod records;
pub mod recover;
pub mod sealed;
pub mod settle;
pub mod steps;
pub mod stream;
pub mod sweep;
pub mod tally;
pub mod told;
pub mod verified;
pub mod waiting;

/// Names under which values are sealed; part of the keys, so they never change.
pub const MESSAGE_TABLE: &str = "message";
pub const SUPPRESSION_TABLE: &str = "suppression";
pub const INBOUND_TABLE: &str = "inbound";
pub const WAITING_TABLE: &str = "waiting";
