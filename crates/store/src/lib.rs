//! The ledger and the control database on SQLite; sealing at rest; migrations.

pub mod control;
pub mod ledger;
pub mod sealing;
pub mod upload;
