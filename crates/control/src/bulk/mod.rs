//! Bulk work, on either engine: sets of rows that an object mapper would write one by one.
//!
//! Invariants: a command is answered only after its commit, and repeating one that was committed changes nothing; a
//! command that fails takes no other with it. What becomes of a person is decided in `merge`, once for both engines.

mod merge;
mod postgres;
mod prepare;
mod record;
mod rejected;
pub(super) mod sqlite;

use domain::control::{Contact, ContactFilter, ControlError, Upserted};
use domain::ids::{AccountId, AudienceId, ImportId};

pub(super) use postgres::PostgresBulk;
pub(super) use prepare::{Slice, Upsert, Upserting, prepare, slices};
pub(super) use record::sealed_contact;
pub(super) use rejected::{
    SealedRow, TABLE as REJECTED_TABLE, read as read_rejected, row_name as rejected_name,
    seal as seal_rejected,
};
pub(super) use sqlite::SqliteBulk;
pub use sqlite::phone_slots;

/// What is to be written.
pub(super) enum Command {
    Upsert(Upsert),
    Append { account: AccountId, audience: AudienceId, chunks: Vec<SealedChunk> },
    Reject { account: AccountId, import: ImportId, rows: Vec<SealedRow> },
}

/// What was done.
pub(super) enum Outcome {
    Upserted(Upserted),
    Done,
}

pub(super) type Answer = Result<Outcome, ControlError>;

/// A chunk of an audience as it is stored.
pub(super) struct SealedChunk {
    pub(super) number: i64,
    pub(super) digest: Vec<u8>,
    pub(super) sealed: Vec<u8>,
}

/// The engine that does it.
pub(super) enum Bulk {
    Sqlite(SqliteBulk),
    Postgres(PostgresBulk),
}

impl Bulk {
    /// Durable on return.
    pub(super) async fn run(&self, command: Command) -> Answer {
        match self {
            Self::Sqlite(bulk) => bulk.run(command).await,
            Self::Postgres(bulk) => bulk.run(&command).await,
        }
    }

    /// A page of contacts in order of their ids.
    pub(super) async fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        limit: u32,
    ) -> Result<Vec<Contact>, ControlError> {
        match self {
            Self::Sqlite(bulk) => bulk.contacts(account, filter, limit).await,
            Self::Postgres(bulk) => bulk.contacts(account, filter, limit).await,
        }
    }

    /// Lets what was given be finished.
    pub(super) async fn stop(&self) {
        match self {
            Self::Sqlite(bulk) => bulk.stop().await,
            Self::Postgres(bulk) => bulk.stop().await,
        }
    }
}

/// A worker of ours ended without an answer: whether its work was kept is not known; all of it may be repeated.
pub(super) fn panicked() -> ControlError {
    ControlError::Unavailable("a worker of the control database ended early".to_owned())
}
