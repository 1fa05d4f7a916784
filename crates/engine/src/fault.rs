//! Whose fault an error is: what the API's status code and the caller's next step depend on.

use domain::control::ControlError;
use domain::ledger::LedgerError;

/// Who can do something about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// The request is wrong; repeating it changes nothing.
    Caller,
    /// What was named is not there (or is another tenant's, which is the same).
    NotFound,
    /// The thing is in a state that does not allow it, or somebody else was faster: read again.
    Conflict,
    /// Another try later may succeed without anybody's doing.
    Retry,
    /// The operator must make room on the disk; nothing was lost.
    DiskFull,
    /// A fault of this installation; a person must look.
    Ours,
}

impl Whose {
    pub(crate) fn of_control(error: &ControlError) -> Self {
        match error {
            ControlError::Full => Self::DiskFull,
            ControlError::Unavailable(_) => Self::Retry,
            ControlError::Exists(_) | ControlError::Changed(_) | ControlError::Gone(_) => Self::Conflict,
            ControlError::Inconsistent { .. } => Self::Ours,
        }
    }

    pub(crate) fn of_ledger(error: &LedgerError) -> Self {
        match error {
            LedgerError::Full => Self::DiskFull,
            LedgerError::Unavailable(_)
            | LedgerError::Closed
            | LedgerError::Fenced
            | LedgerError::ClockBehind { .. } => Self::Retry,
            LedgerError::NoSuch(_) => Self::NotFound,
            // The engine funds an allowance before it answers.
            LedgerError::Overdrawn { .. } | LedgerError::Inconsistent { .. } => Self::Ours,
        }
    }
}
