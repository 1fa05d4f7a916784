//! The ledger and the control database on SQLite and on PostgreSQL; the move from one to the other; sealing at rest;
//! migrations.

#[macro_use]
mod statements;

mod anchor;
pub mod control;
pub mod copy;
pub mod ledger;
mod moves;
pub mod postgres;
pub mod sealing;
pub mod upload;
mod verified;

#[cfg(test)]
#[path = "../tests/it/postgres_server.rs"]
mod postgres_server;
