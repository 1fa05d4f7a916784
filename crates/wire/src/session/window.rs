//! The window: requests sent and not answered, in the order of sending, found by sequence number in constant
//! time.
//!
//! A sequence number names its slot by its low bits; a number whose slot is still taken is skipped, so one
//! answer that never comes does not hold up the others. Memory is fixed when the session begins.
//!
//! Invariants: at most `limit` requests are open; a token that went in comes out of `answer` (in time) or
//! `pop_oldest` exactly once. A token popped after its time-out is remembered for a while, so that a late
//! answer can still be told.

use std::collections::VecDeque;

use super::{Millis, Request};

/// The largest window: beyond it memory per connection stops being small, and no carrier grants nearly as
/// much.
pub const WINDOW_LIMIT: usize = 32_768;
/// Timed-out requests remembered for late answers.
const LATE_LIMIT: usize = 1024;
/// "No slot" in the list of open requests.
const NONE: u32 = u32::MAX;

/// Which sequence numbers a session uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// The number before the first.
    pub(crate) after: u32,
    /// The number after which they begin anew at 1.
    pub(crate) largest: u32,
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) sequence: u32,
    pub(crate) token: u64,
    pub(crate) request: Request,
    pub(crate) sent_at: Millis,
}

/// What an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    InTime(Pending),
    Late(Pending),
    Stray,
}

#[derive(Clone, Copy)]
struct Slot {
    pending: Option<Pending>,
    older: u32,
    newer: u32,
}

pub(crate) struct Window {
    slots: Vec<Slot>,
    mask: u32,
    limit: usize,
    open: usize,
    last_sequence: u32,
    largest: u32,
    oldest: u32,
    newest: u32,
    late: VecDeque<Pending>,
}

impl Window {
    /// A window of `limit` requests, between 1 and [`WINDOW_LIMIT`]; `numbers` says which sequence numbers.
    pub(crate) fn new(limit: usize, numbers: Numbers) -> Self {
        let limit = limit.clamp(1, WINDOW_LIMIT);
        // Twice the window, so that a free slot is near even when the window is full.
        let slots = limit.saturating_mul(2).next_power_of_two();
        Self {
            slots: vec![Slot { pending: None, older: NONE, newer: NONE }; slots],
            mask: u32::try_from(slots.saturating_sub(1)).unwrap_or(0),
            limit,
            open: 0,
            last_sequence: numbers.after,
            largest: numbers.largest,
            oldest: NONE,
            newest: NONE,
            late: VecDeque::new(),
        }
    }

    pub(crate) fn free(&self) -> usize {
        self.limit.saturating_sub(self.open)
    }

    pub(crate) fn open_requests(&self) -> usize {
        self.open
    }

    /// A sequence number that no open request has; also for PDUs outside the window.
    pub(crate) fn next_sequence(&mut self) -> u32 {
        loop {
            self.last_sequence =
                if self.last_sequence >= self.largest { 0 } else { self.last_sequence.saturating_add(1) };
            let free = self.slot(self.last_sequence & self.mask).is_none_or(|slot| slot.pending.is_none());
            if free && self.last_sequence != 0 {
                return self.last_sequence;
            }
        }
    }

    /// Opens a request; `None` when the window is full.
    pub(crate) fn open(&mut self, request: Request, token: u64, now: Millis) -> Option<u32> {
        if self.open >= self.limit {
            return None;
        }
        let sequence = self.next_sequence();
        let index = sequence & self.mask;
        let older = self.newest;
        let pending = Pending { sequence, token, request, sent_at: now };
        *self.slot_mut(index)? = Slot { pending: Some(pending), older, newer: NONE };
        match self.slot_mut(older) {
            Some(slot) => slot.newer = index,
            None => self.oldest = index,
        }
        self.newest = index;
        self.open = self.open.saturating_add(1);
        Some(sequence)
    }

    /// Closes the request that an answer of this kind (`None`: of any) and sequence belongs to.
    pub(crate) fn answer(&mut self, sequence: u32, request: Option<Request>) -> Answer {
        let fits = |pending: &Pending| {
            pending.sequence == sequence && request.is_none_or(|request| request == pending.request)
        };
        let index = sequence & self.mask;
        if let Some(pending) = self.slot(index).and_then(|slot| slot.pending).filter(fits) {
            self.unlink(index);
            return Answer::InTime(pending);
        }
        match self.late.iter().position(fits).and_then(|place| self.late.remove(place)) {
            Some(pending) => Answer::Late(pending),
            None => Answer::Stray,
        }
    }

    pub(crate) fn oldest(&self) -> Option<Pending> {
        self.slot(self.oldest)?.pending
    }

    /// Takes the oldest open request out.
    pub(crate) fn pop_oldest(&mut self) -> Option<Pending> {
        let pending = self.oldest()?;
        self.unlink(self.oldest);
        Some(pending)
    }

    /// Takes the oldest open request out and remembers it for a late answer.
    pub(crate) fn expire_oldest(&mut self) -> Option<Pending> {
        let pending = self.pop_oldest()?;
        if self.late.len() >= LATE_LIMIT {
            self.late.pop_front();
        }
        self.late.push_back(pending);
        Some(pending)
    }

    fn unlink(&mut self, index: u32) {
        let Some(slot) = self.slot_mut(index) else { return };
        let (older, newer) = (slot.older, slot.newer);
        *slot = Slot { pending: None, older: NONE, newer: NONE };
        match self.slot_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slot_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        self.open = self.open.saturating_sub(1);
    }

    fn slot(&self, index: u32) -> Option<&Slot> {
        self.slots.get(usize::try_from(index).ok()?)
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Numbers = Numbers { after: 0, largest: u32::MAX };

    #[test]
    fn a_missing_answer_does_not_hold_up_the_others() {
        let mut window = Window::new(2, NUMBERS);
        let stuck = window.open(Request::Submit, 1, Millis(0)).unwrap();
        for token in 2..1000 {
            let sequence = window.open(Request::Submit, token, Millis(token)).unwrap();
            assert_ne!(sequence, stuck);
            assert_eq!(window.open(Request::Submit, 0, Millis(0)), None);
            assert!(
                matches!(window.answer(sequence, Some(Request::Submit)), Answer::InTime(p) if p.token == token)
            );
        }
        assert_eq!(window.oldest().map(|pending| pending.token), Some(1));
        assert_eq!(window.free(), 1);
    }

    #[test]
    fn sequence_numbers_wrap_without_zero() {
        let mut window = Window::new(4, NUMBERS);
        window.last_sequence = u32::MAX - 1;
        assert_eq!(window.next_sequence(), u32::MAX);
        assert_eq!(window.next_sequence(), 1);
    }

    #[test]
    fn a_late_answer_finds_its_token_once() {
        let mut window = Window::new(4, NUMBERS);
        let sequence = window.open(Request::Submit, 7, Millis(0)).unwrap();
        assert_eq!(window.expire_oldest().map(|pending| pending.token), Some(7));
        assert_eq!(window.free(), 4);
        assert_eq!(window.answer(sequence, Some(Request::Query)), Answer::Stray);
        assert!(matches!(window.answer(sequence, Some(Request::Submit)), Answer::Late(p) if p.token == 7));
        assert_eq!(window.answer(sequence, Some(Request::Submit)), Answer::Stray);
    }

    #[test]
    fn order_of_sending_survives_answers_in_any_order() {
        let mut window = Window::new(8, NUMBERS);
        let sequences: Vec<u32> =
            (0..6).map(|token| window.open(Request::Submit, token, Millis(token)).unwrap()).collect();
        for index in [3, 0, 5] {
            assert!(matches!(window.answer(sequences[index], Some(Request::Submit)), Answer::InTime(_)));
        }
        let rest: Vec<u64> =
            std::iter::from_fn(|| window.pop_oldest()).map(|pending| pending.token).collect();
        assert_eq!(rest, [1, 2, 4]);
        assert_eq!(window.free(), 8);
    }
}
