//! How a command ends: what the exit code tells a script.
//!
//! 0 done · 1 a fault here · 2 wrong input · 3 the platform cannot be reached · 4 the platform refused.

use std::process::ExitCode;

/// Why a command did not do what was asked. The text is in the reader's language already.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line or a file named on it is wrong.
    #[error("{0}")]
    Input(String),
    /// Nobody answers at the address.
    #[error("{0}")]
    Unreachable(String),
    /// The platform said no: what it said.
    #[error("{0}")]
    Refused(String),
    /// Something else.
    #[error("{0:#}")]
    Other(anyhow::Error),
}

impl Failure {
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Other(_) => 1,
            Self::Input(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Refused(_) => 4,
        })
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}
