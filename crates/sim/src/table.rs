//! Counts per key in little memory: open addressing, the count in the spare bits of the phone.
//!
//! A phone (E.164, at most fifteen digits) takes 50 bits; the lower 14 of its word are the payload. A slot of one word (a
//! phone) takes 10 to 14 octets, one of two (a phone and a text) 20 to 28. Shards grow one at a time, so no growth stops the
//! carrier for long.

use crate::dice::mix;

/// Bits of the first word beside the phone.
pub(crate) const PAYLOAD_BITS: u32 = 14;
const PAYLOAD: u64 = (1 << PAYLOAD_BITS) - 1;
/// Phones at and above this cannot be kept: E.164 has at most fifteen digits.
pub(crate) const PHONE_LIMIT: u64 = 1_000_000_000_000_000;
/// Few enough to be small when empty, many enough that one grows in about a millisecond at a million keys.
const SHARDS: usize = 64;
const FIRST_SLOTS: usize = 16;

type Shard<const W: usize> = (Vec<[u64; W]>, usize);

/// Keys of a phone and `W - 1` further words, each with a payload of 14 bits.
pub(crate) struct Table<const W: usize> {
    shards: Vec<Shard<W>>,
}

impl<const W: usize> Table<W> {
    pub(crate) fn new() -> Self {
        Self { shards: vec![(Vec::new(), 0); SHARDS] }
    }

    /// The payload of a key, changed by `change`; a new key begins at 0. Gives the payload after the change.
    ///
    /// `phone` is from 1 to below [`PHONE_LIMIT`].
    pub(crate) fn update(&mut self, phone: u64, mut key: [u64; W], change: impl FnOnce(u64) -> u64) -> u64 {
        debug_assert!(phone > 0 && phone < PHONE_LIMIT, "the caller has checked the phone");
        key[0] = phone << PAYLOAD_BITS;
        let hash = hash(&key);
        let (slots, used) = &mut self.shards[hash as usize % SHARDS];
        // Four fifths full: linear probing still finds a free slot within a dozen neighbours.
        if (*used + 1) * 5 > slots.len() * 4 {
            grow(slots);
        }
        let place = find(slots, &key, hash);
        let slot = &mut slots[place];
        if slot[0] == 0 {
            *slot = key;
            *used += 1;
        }
        let payload = change(slot[0] & PAYLOAD).min(PAYLOAD);
        slot[0] = (slot[0] & !PAYLOAD) | payload;
        payload
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|(_, used)| used).sum()
    }

    /// Phone, whole key and payload of every key, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, [u64; W], u64)> + '_ {
        let slots = self.shards.iter().flat_map(|(slots, _)| slots);
        slots.filter(|slot| slot[0] != 0).map(|slot| (slot[0] >> PAYLOAD_BITS, *slot, slot[0] & PAYLOAD))
    }
}

fn hash<const W: usize>(key: &[u64; W]) -> u64 {
    key.iter().fold(0, |hash, word| mix(hash ^ (word & !PAYLOAD).rotate_left(17) ^ (word & PAYLOAD)))
}

/// The slot of a key, or the free slot where it belongs.
fn find<const W: usize>(slots: &[[u64; W]], key: &[u64; W], hash: u64) -> usize {
    let length = slots.len();
    let mut place = ((u128::from(hash) * length as u128) >> 64) as usize;
    loop {
        let slot = &slots[place];
        if slot[0] == 0 || (slot[0] >> PAYLOAD_BITS == key[0] >> PAYLOAD_BITS && slot[1..] == key[1..]) {
            return place;
        }
        place += 1;
        if place == length {
            place = 0;
        }
    }
}

fn grow<const W: usize>(slots: &mut Vec<[u64; W]>) {
    let larger = (slots.len() * 7 / 5).max(FIRST_SLOTS);
    let old = std::mem::replace(slots, vec![[0; W]; larger]);
    for slot in old.into_iter().filter(|slot| slot[0] != 0) {
        let mut key = slot;
        key[0] &= !PAYLOAD;
        let place = find(slots, &key, hash(&key));
        slots[place] = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_keeps_its_own_count() {
        let mut table = Table::<2>::new();
        for round in 1..=3 {
            for phone in 1..=20_000 {
                for text in [7, u64::MAX] {
                    assert_eq!(table.update(phone, [0, text], |count| count + 1), round);
                }
            }
        }
        assert_eq!(table.len(), 40_000);
        assert!(table.iter().all(|(phone, key, count)| {
            (1..=20_000).contains(&phone) && (key[1] == 7 || key[1] == u64::MAX) && count == 3
        }));
    }

    #[test]
    fn counts_stop_at_their_limit_without_touching_the_phone() {
        let mut table = Table::<1>::new();
        let phone = PHONE_LIMIT - 1;
        assert_eq!(table.update(phone, [0], |_| u64::MAX), PAYLOAD);
        assert_eq!(table.update(phone, [0], |count| count + 1), PAYLOAD);
        assert_eq!(table.iter().map(|(phone, ..)| phone).collect::<Vec<_>>(), [phone]);
    }

    #[test]
    fn memory_stays_within_its_promise() {
        let mut table = Table::<2>::new();
        for phone in 1..=300_000 {
            table.update(phone, [0, mix(phone)], |count| count + 1);
        }
        let octets: usize = table.shards.iter().map(|(slots, _)| slots.capacity() * 16).sum();
        assert!(octets / table.len() <= 28, "{} octets per key", octets / table.len());
    }
}
