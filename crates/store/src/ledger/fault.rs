//! What an error of SQLite means for the transaction that it happened in.

use domain::ledger::LedgerError;
use rusqlite::ErrorCode;

pub(super) use crate::moves::fault::{Fault, Outcome};

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let kind = match &error {
            rusqlite::Error::SqliteFailure(failure, _) => failure.code,
            _ => ErrorCode::Unknown,
        };
        Self::Broken(match kind {
            ErrorCode::DiskFull => LedgerError::Full,
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::Unknown => {
                LedgerError::Inconsistent { table: "ledger", column: "file", detail: error.to_string() }
            }
            _ => LedgerError::Unavailable(error.to_string()),
        })
    }
}
