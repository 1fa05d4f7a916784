//! From the engines' errors to those of the port, by code and never by text.

use domain::control::ControlError;
use sea_orm::sqlx::Error as SqlxError;
use sea_orm::{DbErr, RuntimeErr};

use pg::PlaceError;
use sealing::UnsealError;

/// The low byte of an SQLite result code tells its kind; the rest is detail.
const PRIMARY_CODE: i64 = 0xff;
/// `SQLITE_FULL`.
const DISK_FULL: i64 = 13;
/// `disk_full`.
const POSTGRES_FULL: &str = "53100";

/// Why a control database cannot be opened. All but `Database` and `Io` need a person.
#[derive(Debug, thiserror::Error)]
pub enum OpenControlError {
    /// Written by a newer version of the program: an older one would misread it.
    #[error(
        "the control database has schema version {found}, and this program knows versions up to {known}: start the newer program, or restore a backup made before the upgrade"
    )]
    NewerSchema { found: u32, known: u32 },
    /// On PostgreSQL, where a person decides when: the schema is missing or from an older program.
    #[error(
        "the database has schema {found} of the control tables and this program needs {known}; stop every node, run: hongyan migrate"
    )]
    OlderSchema { found: u32, known: u32 },
    /// A migration that no version of this program has made.
    #[error("the control database was changed by another program (unknown step `{step}`)")]
    ForeignSchema { step: String },
    /// The database was sealed with other keys: what this node wrote, no other could read.
    #[error(
        "the database was sealed with other keys than those of this node's key file; copy the key file of a node that works here"
    )]
    OtherKeys,
    /// The database is not reached.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The folder cannot be made or read.
    #[error("cannot use the data folder: {0}")]
    Io(#[from] std::io::Error),
    /// The engine refused; another try may succeed.
    #[error("cannot open the control database: {0}")]
    Database(#[from] ControlError),
}

/// `thing` names what the statement was about, for [`ControlError::Exists`].
pub(super) fn of_database(error: &DbErr, thing: &'static str) -> ControlError {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner)) => of_sql(inner, thing),
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => {
            ControlError::Inconsistent { table: thing, column: "type" }
        }
        other => ControlError::Unavailable(other.to_string()),
    }
}

/// [`of_database`], of the driver itself. No message of an engine holds a phone or a text: it was never given one
/// unsealed.
pub(super) fn of_sql(error: &SqlxError, thing: &'static str) -> ControlError {
    let SqlxError::Database(refused) = error else { return ControlError::Unavailable(error.to_string()) };
    if refused.is_unique_violation() {
        return ControlError::Exists(thing);
    }
    match refused.code() {
        Some(code) if is_full(&code) => ControlError::Full,
        _ => ControlError::Unavailable(refused.message().to_owned()),
    }
}

/// SQLite's codes are numbers of at most four digits, PostgreSQL's have five characters.
fn is_full(code: &str) -> bool {
    let sqlite = || {
        code.len() < POSTGRES_FULL.len()
            && code.parse().is_ok_and(|code: i64| code & PRIMARY_CODE == DISK_FULL)
    };
    code == POSTGRES_FULL || sqlite()
}

pub(super) fn of_bulk(error: &rusqlite::Error) -> ControlError {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) if failure.code == rusqlite::ErrorCode::DiskFull => {
            ControlError::Full
        }
        other => ControlError::Unavailable(other.to_string()),
    }
}

pub(super) fn of_sealed(error: &UnsealError) -> ControlError {
    ControlError::Inconsistent { table: error.table, column: "sealed" }
}
