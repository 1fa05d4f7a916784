//! What happened to a channel, for whoever asks why it was not used.

use std::collections::VecDeque;

use super::Trouble;

/// A turn in a channel's health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// The first of its connections is up.
    Connected,
    /// It is not used any more.
    Down(Trouble),
    /// It carries a few messages, to find out whether it works again.
    Probing,
    /// It works again, and carries more from second to second.
    Recovering,
    /// It is as good as any other.
    Up,
}

/// One turn and its instant, in milliseconds of the monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    pub at_millis: u64,
    pub turn: Turn,
}

impl Change {
    /// Changes that are kept.
    pub const MOST: usize = 32;
}

impl Turn {
    /// Why it went down.
    #[must_use]
    pub const fn trouble(self) -> Option<Trouble> {
        match self {
            Self::Down(trouble) => Some(trouble),
            Self::Connected | Self::Probing | Self::Recovering | Self::Up => None,
        }
    }

    /// The word used on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Down(_) => "down",
            Self::Probing => "probing",
            Self::Recovering => "recovering",
            Self::Up => "up",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct History(VecDeque<Change>);

impl History {
    pub(super) fn add(&mut self, at_millis: u64, turn: Turn) {
        if self.0.len() >= Change::MOST {
            self.0.pop_front();
        }
        self.0.push_back(Change { at_millis, turn });
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.0.iter()
    }
}
