//! How an operation ends badly, and what that means for the transaction that it was part of.

use std::time::Duration;

use domain::ledger::LedgerError;
use domain::time::Timestamp;

use sealing::UnsealError;

pub type Outcome<T> = Result<T, Fault>;

/// How far the clock may be behind the last commit before decisions on it would be wrong (design, time).
const MAX_CLOCK_LAG: Duration = Duration::from_secs(5);

/// Why an operation did not happen.
#[derive(Debug)]
pub enum Fault {
    /// Refused before it wrote anything: the other operations of its transaction are not touched.
    Refused(LedgerError),
    /// The transaction can no longer be trusted.
    Broken(LedgerError),
}

impl Fault {
    pub fn into_error(self) -> LedgerError {
        match self {
            Self::Refused(error) | Self::Broken(error) => error,
        }
    }

    /// A row that cannot be.
    pub fn inconsistent(table: &'static str, column: &'static str, detail: impl Into<String>) -> Self {
        Self::Broken(LedgerError::Inconsistent { table, column, detail: detail.into() })
    }

    /// A message's record that is not one.
    pub fn unreadable_life() -> Self {
        Self::inconsistent("message", "life", "not a record of this version")
    }

    /// A person's record that is not one.
    pub fn unreadable_person() -> Self {
        Self::inconsistent("person", "facts", "not a record of this version")
    }
}

impl From<UnsealError> for Fault {
    fn from(error: UnsealError) -> Self {
        Self::inconsistent(error.table, "sealed", "does not open with the keys in the key file")
    }
}

/// A partition's now: never behind its last commit, and refused when the clock is far behind it.
pub fn now(last: Timestamp, clock: Timestamp) -> Outcome<Timestamp> {
    let lag = last.since(clock);
    if lag > MAX_CLOCK_LAG {
        let behind_millis = i64::try_from(lag.as_millis()).unwrap_or(i64::MAX);
        return Err(Fault::Refused(LedgerError::ClockBehind { behind_millis }));
    }
    Ok(last.max(clock))
}
