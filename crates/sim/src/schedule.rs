//! Things that fall due later, in ticks.
//!
//! One map node per tick, not per thing: with tens of thousands of receipts a second that is an order of magnitude cheaper than
//! a heap.

use std::collections::{BTreeMap, VecDeque};

use wire::Millis;

/// A queue by due time. Things of one tick come out in the order they went in.
pub(crate) struct Schedule<T> {
    tick_ms: u64,
    ticks: BTreeMap<u64, Vec<T>>,
    due: VecDeque<T>,
}

impl<T> Schedule<T> {
    pub(crate) fn new(tick_ms: u64) -> Self {
        Self { tick_ms: tick_ms.max(1), ticks: BTreeMap::new(), due: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, at: Millis, thing: T) {
        self.ticks.entry(at.0.div_ceil(self.tick_ms)).or_default().push(thing);
    }

    /// Puts a thing in front of everything else.
    pub(crate) fn push_front(&mut self, thing: T) {
        self.due.push_front(thing);
    }

    /// The next thing that is due.
    pub(crate) fn pop(&mut self, now: Millis) -> Option<T> {
        if self.due.is_empty() {
            let tick = now.0 / self.tick_ms;
            while let Some(first) = self.ticks.first_entry().filter(|first| *first.key() <= tick) {
                let things = first.remove();
                self.due.extend(things);
            }
        }
        self.due.pop_front()
    }

    /// When the next thing falls due.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        if !self.due.is_empty() {
            return Some(Millis(0));
        }
        self.ticks.first_key_value().map(|(tick, _)| Millis(tick * self.tick_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_early_and_everything_comes() {
        let mut schedule = Schedule::new(5);
        for at in [12, 3, 7, 3, 100] {
            schedule.push(Millis(at), at);
        }
        assert_eq!(schedule.pop(Millis(2)), None);
        assert_eq!(schedule.next_due(), Some(Millis(5)));
        let mut seen = Vec::new();
        for now in 0..=100 {
            while let Some(at) = schedule.pop(Millis(now)) {
                assert!(at <= now && now <= at + 5);
                seen.push(at);
            }
        }
        assert_eq!(seen, [3, 3, 7, 12, 100]);
        assert_eq!(schedule.next_due(), None);
    }
}
