//! How an operation of the writer ends badly, and what that means for the transaction that it was part of.

use domain::ledger::LedgerError;
use rusqlite::ErrorCode;

use crate::sealing::UnsealError;

pub(super) type Outcome<T> = Result<T, Fault>;

/// Why an operation did not happen.
#[derive(Debug)]
pub(super) enum Fault {
    /// Refused before it wrote anything: the other operations of its transaction are not touched.
    Refused(LedgerError),
    /// The transaction can no longer be trusted.
    Broken(LedgerError),
}

impl Fault {
    pub(super) fn into_error(self) -> LedgerError {
        match self {
            Self::Refused(error) | Self::Broken(error) => error,
        }
    }

    /// A row that cannot be.
    pub(super) fn inconsistent(table: &'static str, column: &'static str, detail: impl Into<String>) -> Self {
        Self::Broken(LedgerError::Inconsistent { table, column, detail: detail.into() })
    }
}

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

impl From<UnsealError> for Fault {
    fn from(error: UnsealError) -> Self {
        Self::inconsistent(error.table, "sealed", "does not open with the keys in the key file")
    }
}
