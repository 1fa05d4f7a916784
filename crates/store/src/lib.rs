//! The ledger and the control database on SQLite and on PostgreSQL; the move from one to the other; sealing at rest;
//! migrations.

#[macro_use]
mod statements;

pub(crate) use ::moves;
pub(crate) use ::moves::verified;
pub use ::sealing;
pub use ::sealing::upload;

pub mod control;
pub mod copy;
pub mod ledger;
pub mod postgres;

#[cfg(test)]
#[path = "../tests/it/postgres_server.rs"]
mod postgres_server;
