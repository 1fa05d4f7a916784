//! The ledger on SQLite and on PostgreSQL with its migrations, and the move from one engine to the other; with it the control
//! database, so that whoever opens one can open the other.

pub use ::control;
pub(crate) use ::moves;
pub(crate) use ::moves::verified;
pub use ::sealing;
pub use ::sealing::upload;

pub mod copy;
pub mod ledger;
pub mod postgres;
pub mod source;

#[cfg(test)]
#[path = "../../pg/tests/stage/postgres_server.rs"]
mod postgres_server;
