//! What happens to messages, decided once for both engines.
//!
//! Owns the packed records of a message and of a person, the transitions and what each leaves behind (trail, tally,
//! queue row), and what a row is read as. Refuses nothing by itself and does no I/O: an engine implements
//! [`Moves`](steps::Moves) and stores what it is told. SQLite does so row by row inside its writer; PostgreSQL gathers
//! everything of a transaction and writes it set by set.

pub(crate) mod aged;
pub(crate) mod board;
pub(crate) mod claim;
pub(crate) mod fault;
pub(crate) mod lane;
pub(crate) mod life;
pub(crate) mod parts;
pub(crate) mod person;
pub(crate) mod receipt;
pub(crate) mod records;
pub(crate) mod recover;
pub(crate) mod sealed;
pub(crate) mod settle;
pub(crate) mod steps;
pub(crate) mod stream;
pub(crate) mod sweep;
pub(crate) mod tally;

/// Names under which values are sealed; part of the keys, so they never change.
pub(crate) const MESSAGE_TABLE: &str = "message";
pub(crate) const SUPPRESSION_TABLE: &str = "suppression";
pub(crate) const INBOUND_TABLE: &str = "inbound";
