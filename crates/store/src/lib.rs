//! The ledger and the control database on SQLite; sealing at rest; migrations.

pub mod sealing;
