//! How an operation on a file ends badly, and what an error of SQLite means for the transaction that it happened in.

use domain::ledger::LedgerError;
use rusqlite::ErrorCode;

use crate::moves::fault as moved;
use crate::sealing::UnsealError;
use files::Gone;

pub(super) type Outcome<T> = Result<T, Fault>;

/// [`moved::Fault`], where SQLite's own errors may be among the reasons.
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
        moved::Fault::inconsistent(table, column, detail).into()
    }

    /// A message's record that is not one.
    pub(super) fn unreadable_life() -> Self {
        moved::Fault::unreadable_life().into()
    }

    /// A person's record that is not one.
    pub(super) fn unreadable_person() -> Self {
        moved::Fault::unreadable_person().into()
    }
}

impl From<moved::Fault> for Fault {
    fn from(fault: moved::Fault) -> Self {
        match fault {
            moved::Fault::Refused(error) => Self::Refused(error),
            moved::Fault::Broken(error) => Self::Broken(error),
        }
    }
}

impl From<Gone> for Fault {
    fn from(gone: Gone) -> Self {
        let detail = gone.to_string();
        Self::Broken(LedgerError::Inconsistent { table: "ledger", column: "file", detail })
    }
}

impl From<Fault> for moved::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => Self::Refused(error),
            Fault::Broken(error) => Self::Broken(error),
        }
    }
}

impl From<UnsealError> for Fault {
    fn from(error: UnsealError) -> Self {
        moved::Fault::from(error).into()
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
