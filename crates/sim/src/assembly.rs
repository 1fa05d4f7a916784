//! Long messages: parts are collected by their reference, over all connections; a message counts once all its parts came.
//!
//! A slot lives until its message is whole and every first report of its parts was sent, because only then is it known whether
//! the message was delivered.

use std::collections::HashMap;

use domain::policy::text_hash;

/// Parts of one message that can be told apart.
pub(crate) const PARTS_LIMIT: u8 = 64;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LongKey {
    pub(crate) phone: u64,
    pub(crate) reference: u16,
    pub(crate) total: u8,
}

struct Long {
    key: LongKey,
    /// Texts by part; empty once whole.
    texts: Vec<Option<String>>,
    /// The hash of the whole text, once whole.
    hash: Option<u64>,
    /// Bits of the parts reported as delivered.
    delivered: u64,
    /// First reports scheduled and not sent yet.
    reports_due: u32,
}

/// What a part did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) slot: u32,
    /// The whole text's hash, when this part was the last one missing.
    pub(crate) completed: Option<u64>,
    /// The part had come before.
    pub(crate) repeated: bool,
}

#[derive(Default)]
pub(crate) struct Assembly {
    slots: Vec<Option<Long>>,
    free: Vec<u32>,
    open: HashMap<LongKey, u32>,
}

impl Assembly {
    /// Takes part `number` (1 to `total`, at most [`PARTS_LIMIT`]); `reported`: a report will follow.
    pub(crate) fn place(&mut self, key: LongKey, number: u8, text: String, reported: bool) -> Placed {
        let slot = self.open.get(&key).copied().unwrap_or_else(|| self.begin(key));
        let mut placed = Placed { slot, completed: None, repeated: false };
        if let Some(long) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) {
            if let Some(place) = long.texts.get_mut(usize::from(number.saturating_sub(1))) {
                placed.repeated = place.replace(text).is_some();
            }
            long.reports_due += u32::from(reported);
            if long.texts.iter().all(Option::is_some) {
                let whole: String = long.texts.drain(..).flatten().collect();
                long.hash = Some(text_hash(&whole));
                placed.completed = long.hash;
                self.open.remove(&key);
            }
        }
        self.release(slot);
        placed
    }

    /// The first report of a part was sent. Gives phone and hash of the message if it is delivered as a whole with that.
    pub(crate) fn reported(&mut self, slot: u32, number: u8, delivered: bool) -> Option<(u64, u64)> {
        let long = self.slots.get_mut(slot as usize)?.as_mut()?;
        long.reports_due = long.reports_due.saturating_sub(1);
        let all = u64::MAX >> (u64::BITS - u32::from(long.key.total.clamp(1, PARTS_LIMIT)));
        let before = long.delivered;
        if delivered {
            long.delivered |= 1 << number.saturating_sub(1).min(PARTS_LIMIT - 1);
        }
        let whole = before != all && long.delivered == all;
        let message = long.hash.filter(|_| whole).map(|hash| (long.key.phone, hash));
        self.release(slot);
        message
    }

    /// Messages of which parts are missing.
    pub(crate) fn incomplete(&self) -> usize {
        self.open.len()
    }

    fn begin(&mut self, key: LongKey) -> u32 {
        let texts = vec![None; usize::from(key.total)];
        let long = Some(Long { key, texts, hash: None, delivered: 0, reports_due: 0 });
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = long;
                slot
            }
            None => {
                self.slots.push(long);
                (self.slots.len() - 1) as u32
            }
        };
        self.open.insert(key, slot);
        slot
    }

    fn release(&mut self, slot: u32) {
        if let Some(place) = self.slots.get_mut(slot as usize)
            && place.as_ref().is_some_and(|long| long.hash.is_some() && long.reports_due == 0)
        {
            *place = None;
            self.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: LongKey = LongKey { phone: 8_613_800_138_000, reference: 7, total: 2 };

    #[test]
    fn parts_in_any_order_make_one_message_and_its_delivery() {
        let mut assembly = Assembly::default();
        let second = assembly.place(KEY, 2, "世界".to_owned(), true);
        assert_eq!((second.completed, assembly.incomplete()), (None, 1));
        // The report of a part may come before the message is whole.
        assert_eq!(assembly.reported(second.slot, 2, true), None);
        let first = assembly.place(KEY, 1, "你好".to_owned(), true);
        assert_eq!(first.completed, Some(text_hash("你好世界")));
        assert_eq!(assembly.incomplete(), 0);
        assert_eq!(assembly.reported(first.slot, 1, true), Some((KEY.phone, text_hash("你好世界"))));
        assert!(assembly.slots.iter().all(Option::is_none), "the slot is free again");
    }

    #[test]
    fn a_repeated_part_neither_completes_nor_delivers_twice() {
        let mut assembly = Assembly::default();
        let first = assembly.place(KEY, 1, "a".to_owned(), true);
        let again = assembly.place(KEY, 1, "a".to_owned(), true);
        assert!(!first.repeated && again.repeated && again.completed.is_none());
        assert_eq!(assembly.reported(first.slot, 1, true), None);
        assert_eq!(assembly.reported(first.slot, 1, true), None);
        let second = assembly.place(KEY, 2, "b".to_owned(), true);
        assert_eq!(second.completed, Some(text_hash("ab")));
        assert!(assembly.reported(second.slot, 2, true).is_some());
    }

    #[test]
    fn one_failed_part_is_no_delivery() {
        let mut assembly = Assembly::default();
        let slot = assembly.place(KEY, 1, "a".to_owned(), true).slot;
        assembly.place(KEY, 2, "b".to_owned(), true);
        assert_eq!(assembly.reported(slot, 1, true), None);
        assert_eq!(assembly.reported(slot, 2, false), None);
    }
}
