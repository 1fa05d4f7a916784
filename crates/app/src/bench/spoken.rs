//! The protocols of the measurements, as every process that takes part names them.

use clap::ValueEnum;
use domain::control::Protocol;
use serde::{Deserialize, Serialize};

/// A protocol in the version that is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(super) enum Spoken {
    Cmpp20,
    #[default]
    Cmpp30,
    Sgip12,
    Smgp30,
    Smpp34,
}

impl Spoken {
    /// One of each family, in the order in which they are measured.
    pub(super) const FAMILIES: [Self; 4] = [Self::Cmpp30, Self::Sgip12, Self::Smgp30, Self::Smpp34];

    /// What channels and customers are configured with.
    pub(super) fn configured(self) -> Protocol {
        match self {
            Self::Cmpp20 => Protocol::Cmpp20,
            Self::Cmpp30 => Protocol::Cmpp30,
            Self::Sgip12 => Protocol::Sgip12,
            Self::Smgp30 => Protocol::Smgp30,
            Self::Smpp34 => Protocol::Smpp34,
        }
    }

    /// What the simulated carrier speaks.
    pub(super) fn simulated(self) -> sim::Protocol {
        match self {
            Self::Cmpp20 | Self::Cmpp30 => sim::Protocol::Cmpp,
            Self::Sgip12 => sim::Protocol::Sgip,
            Self::Smgp30 => sim::Protocol::Smgp,
            Self::Smpp34 => sim::Protocol::Smpp,
        }
    }

    /// At which port customers speak it.
    pub(super) fn family(self) -> gateway::Family {
        match self {
            Self::Cmpp20 | Self::Cmpp30 => gateway::Family::Cmpp,
            Self::Sgip12 => gateway::Family::Sgip,
            Self::Smgp30 => gateway::Family::Smgp,
            Self::Smpp34 => gateway::Family::Smpp,
        }
    }

    /// The name that figures have.
    pub(super) fn word(self) -> &'static str {
        self.configured().word()
    }
}
