//! What the ledger and the control database both need of PostgreSQL: where a database is and how its connections are set,
//! what its errors mean, how often something is tried again, and statements with names.
//!
//! Knows no table. Invariants: no error shows a URL, which may hold a password; every connection has time-outs.

mod begin;
mod fault;
mod place;
mod statements;
mod tries;

pub use begin::begin;
pub use fault::{Remedy, code, may_pass, remedy};
pub use place::{PlaceError, PostgresPlace};
pub use tries::Tries;
