//! The ledger on PostgreSQL 15 or newer, alone or with Citus: many nodes, one database.
//!
//! Owns the `ledger_*` tables. `partition` leads every key, and each statement names one constant partition, so that
//! with Citus all of a transaction lies on one worker. Invariants: claims, suppressions, consents and lane changes of
//! a partition are serialised over all nodes by the lock on its row, taken by a statement of its own before anything
//! is read; what accept, settle and receipts change of a message, they change holding its row; the rows of
//! one statement are locked in order of their keys. Refuses a database whose schema is not this program's. Nothing depends on notifications,
//! advisory locks or the state of a session; the memory of a node only says what may be worth asking for.

mod accept;
mod batch;
mod bench;
mod citus;
mod claim;
mod database;
mod due;
mod early;
mod events;
mod fault;
mod give_back;
mod inspect;
mod lanes;
mod migrate;
mod money;
mod numbers;
mod open;
mod orders;
mod people;
mod port;
mod read;
mod receipts;
mod recover;
mod retire;
mod schema;
mod settle;
mod sql;
mod sweep;
mod tally;
mod verify;
mod waiting;

pub use inspect::{ServerFacts, ServerWatch, check, server_facts};
pub use migrate::{MigrateError, Migrated, migrate};
pub use open::{PostgresOpenError, PostgresOptions};
pub use pg::{PlaceError, PostgresPlace};
pub use port::PostgresLedger;
pub use verify::verify;

pub(crate) use early::carrier_id_bytes;
pub(crate) use numbers::lesson_rows;

/// All that makes the ledger's tables, in order.
pub(crate) fn schema_statements() -> impl Iterator<Item = &'static str> {
    schema::statements()
}
