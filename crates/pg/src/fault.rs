//! What an error of PostgreSQL means for the transaction that met it.

use sea_orm::sqlx::Error as SqlError;
use sea_orm::sqlx::error::DatabaseError;

/// What can be done about an error of the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// The same transaction again, at once: it lost against another one.
    Again,
    /// The same transaction again, on another connection.
    Reconnect,
    /// Nothing here.
    None,
}

/// Whether the same transaction may succeed if it is tried again now.
#[must_use]
pub fn may_pass(error: &SqlError) -> bool {
    remedy(error) != Remedy::None
}

/// What can be done about it. Codes: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
#[must_use]
pub fn remedy(error: &SqlError) -> Remedy {
    match error {
        SqlError::Io(_) | SqlError::Tls(_) | SqlError::Protocol(_) | SqlError::WorkerCrashed => {
            Remedy::Reconnect
        }
        SqlError::Database(error) => match code(&**error).as_str() {
            // Serialisation failure, deadlock.
            "40001" | "40P01" => Remedy::Again,
            // Shutting down, crashed, starting, idle for too long in a transaction.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Remedy::Reconnect,
            code if code.starts_with("08") => Remedy::Reconnect,
            _ => Remedy::None,
        },
        _ => Remedy::None,
    }
}

/// What the server calls the error; empty where it says nothing.
#[must_use]
pub fn code(error: &dyn DatabaseError) -> String {
    error.code().unwrap_or_default().into_owned()
}
