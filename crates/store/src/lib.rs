//! The ledger on SQLite and on PostgreSQL, the control database; sealing at rest; migrations.

#[macro_use]
mod statements;

pub mod control;
pub mod ledger;
mod moves;
pub mod postgres;
pub mod sealing;
pub mod upload;

#[cfg(test)]
#[path = "../tests/it/postgres_server.rs"]
mod postgres_server;
