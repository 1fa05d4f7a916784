//! From the engines' errors to those of the port, by code and never by text.

use domain::control::ControlError;
use sea_orm::sqlx::Error as SqlxError;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

use crate::sealing::UnsealError;

/// The low byte of an SQLite result code tells its kind; the rest is detail.
const PRIMARY_CODE: i64 = 0xff;
/// `SQLITE_FULL`.
const DISK_FULL: i64 = 13;

/// Why a control database cannot be opened. All but `Database` and `Io` need a person.
#[derive(Debug, thiserror::Error)]
pub enum OpenControlError {
    /// Written by a newer version of the program: an older one would misread it.
    #[error(
        "the control database has schema version {found}, and this program knows versions up to {known}: start the newer program, or restore a backup made before the upgrade"
    )]
    NewerSchema { found: u32, known: u32 },
    /// A migration that no version of this program has made.
    #[error("the control database was changed by another program (unknown step `{step}`)")]
    ForeignSchema { step: String },
    /// The folder cannot be made or read.
    #[error("cannot use the data folder: {0}")]
    Io(#[from] std::io::Error),
    /// The engine refused; another try may succeed.
    #[error("cannot open the control database: {0}")]
    Database(#[from] ControlError),
}

/// `thing` names what the statement was about, for [`ControlError::Exists`].
pub(super) fn of_database(error: &DbErr, thing: &'static str) -> ControlError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => return ControlError::Exists(thing),
        _ if disk_is_full(error) => return ControlError::Full,
        _ => {}
    }
    match error {
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => {
            ControlError::Inconsistent { table: thing, column: "type" }
        }
        other => ControlError::Unavailable(other.to_string()),
    }
}

fn disk_is_full(error: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(inner))
    | DbErr::Exec(RuntimeErr::SqlxError(inner))
    | DbErr::Query(RuntimeErr::SqlxError(inner))) = error
    else {
        return false;
    };
    let SqlxError::Database(refused) = inner.as_ref() else { return false };
    let code = refused.code().and_then(|code| code.parse::<i64>().ok());
    code.is_some_and(|code| code & PRIMARY_CODE == DISK_FULL)
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
