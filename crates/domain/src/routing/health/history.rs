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

    /// The turn of this word, and for a channel that went down this trouble's.
    #[must_use]
    pub fn from_words(turn: &str, trouble: &str) -> Option<Self> {
        let plain = [Self::Connected, Self::Probing, Self::Recovering, Self::Up];
        let down = Trouble::ALL.into_iter().map(Self::Down).filter(|down| down.trouble_word() == trouble);
        plain.into_iter().chain(down).find(|known| known.word() == turn)
    }

    /// Why it went down, as a word; empty for every other turn.
    #[must_use]
    pub fn trouble_word(self) -> &'static str {
        self.trouble().map_or("", Trouble::word)
    }

    /// For a person: what it means, in Chinese and English.
    #[must_use]
    pub const fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::Connected => ("已连接", "connected"),
            Self::Down(trouble) => trouble.explain(),
            Self::Probing => ("试发少量短信", "a few messages find out whether it works again"),
            Self::Recovering => {
                ("已恢复，逐秒加量", "it works again, and carries more from second to second")
            }
            Self::Up => ("正常", "as good as any other"),
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

/// The last turns, and how many of them nobody has written down yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct History {
    changes: VecDeque<Change>,
    unsaved: usize,
}

impl History {
    pub(super) fn add(&mut self, at_millis: u64, turn: Turn) {
        if self.changes.len() >= Change::MOST {
            self.changes.pop_front();
        }
        self.changes.push_back(Change { at_millis, turn });
        self.unsaved = (self.unsaved + 1).min(self.changes.len());
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    /// Those that nobody has written down, oldest first.
    pub(super) fn unsaved(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().skip(self.changes.len() - self.unsaved)
    }

    /// The oldest `count` of them are written down now.
    pub(super) fn saved(&mut self, count: usize) {
        self.unsaved = self.unsaved.saturating_sub(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_known_by_their_words() {
        let downs = Trouble::ALL.map(Turn::Down);
        for turn in [Turn::Connected, Turn::Probing, Turn::Recovering, Turn::Up].into_iter().chain(downs) {
            assert_eq!(Turn::from_words(turn.word(), turn.trouble_word()), Some(turn));
        }
        assert_eq!(Turn::from_words("down", ""), None);
    }

    #[test]
    fn what_is_not_written_down_is_told_until_it_is_and_never_more_than_is_kept() {
        let mut history = History::default();
        history.add(1, Turn::Connected);
        history.add(2, Turn::Up);
        let unsaved = |history: &History| history.unsaved().map(|it| it.at_millis).collect::<Vec<_>>();
        assert_eq!(unsaved(&history), [1, 2]);
        history.add(3, Turn::Probing);
        history.saved(2);
        assert_eq!(unsaved(&history), [3]);
        (10..100).for_each(|at| history.add(at, Turn::Up));
        assert_eq!(unsaved(&history).len(), Change::MOST);
        history.saved(usize::MAX);
        assert_eq!((unsaved(&history).len(), history.changes().count()), (0, Change::MOST));
    }
}
