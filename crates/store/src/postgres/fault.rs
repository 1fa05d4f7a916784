//! What an error of PostgreSQL means: for the transaction, and for its caller.

use domain::ledger::LedgerError;
use pg::{Remedy, code, may_pass, remedy};
use sea_orm::sqlx::Error as SqlError;

use crate::moves::fault::Fault;
use crate::sealing::UnsealError;

/// Why a transaction did not happen.
#[derive(Debug)]
pub(super) enum Trouble {
    Fault(Fault),
    Sql(SqlError),
}

pub(super) type Done<T> = Result<T, Trouble>;

impl Trouble {
    /// Whether the same transaction may succeed if it is tried again now.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Fault(_) => false,
            Self::Sql(error) => may_pass(error),
        }
    }

    /// Whether nobody knows what became of a commit that ended so.
    pub(super) fn is_lost_connection(&self) -> bool {
        matches!(self, Self::Sql(error) if remedy(error) == Remedy::Reconnect)
    }

    /// No message of the database holds a phone or a text: it was never given one unsealed.
    pub(super) fn into_error(self) -> LedgerError {
        match self {
            Self::Fault(fault) => fault.into_error(),
            Self::Sql(error) => ledger_error(&error),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<SqlError> for Trouble {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Fault(Fault::Refused(error))
    }
}

impl From<UnsealError> for Trouble {
    fn from(error: UnsealError) -> Self {
        Self::Fault(error.into())
    }
}

fn ledger_error(error: &SqlError) -> LedgerError {
    if may_pass(error) {
        return LedgerError::Unavailable(error.to_string());
    }
    match error {
        SqlError::PoolClosed => LedgerError::Closed,
        SqlError::PoolTimedOut => {
            LedgerError::Unavailable("no connection to PostgreSQL came free in time".to_owned())
        }
        SqlError::Database(error) => match code(&**error).as_str() {
            "53100" => LedgerError::Full,
            // Too many connections, out of memory, a lock or a statement that took too long, read-only after a failover.
            "53300" | "53200" | "55P03" | "57014" | "25006" => {
                LedgerError::Unavailable(error.message().to_owned())
            }
            _ => inconsistent(error.message().to_owned()),
        },
        other => inconsistent(other.to_string()),
    }
}

fn inconsistent(detail: String) -> LedgerError {
    LedgerError::Inconsistent { table: "ledger", column: "database", detail }
}
