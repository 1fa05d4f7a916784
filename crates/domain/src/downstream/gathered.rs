//! Long texts from the parts that several nodes have kept: decided on what is durable alone.
//!
//! Every node that has kept a part reads all parts afterwards. So whoever kept the last one finds the text whole, perhaps
//! together with others; all of them find the same parts and the same id, the smallest among them, and the ledger takes a
//! message under one id once.

use std::collections::BTreeMap;

use super::assembly::read;
use super::{Part, PartKey, Waiting, WaitingPlace, What, Whole};
use crate::ids::{CustomerId, MessageId};
use crate::phone::Phone;

/// A part that came again: another one stands for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repeat {
    pub place: WaitingPlace,
    pub phone: Phone,
    /// What the first one was answered with.
    pub id: u128,
}

/// What is kept for one customer in one partition.
#[derive(Default, Debug)]
pub struct Gathered {
    pub whole: Vec<Whole>,
    /// Texts of which parts are missing and whose reference is in use by a later one.
    pub ended: Vec<Whole>,
    /// Texts of which parts are missing.
    pub open: Vec<Whole>,
    pub repeats: Vec<Repeat>,
}

/// Puts parts together, in the order in which their ids were made.
#[must_use]
pub fn gather(customer: CustomerId, kept: &[Waiting]) -> Gathered {
    let mut parts: Vec<(PartKey, Part)> = Vec::with_capacity(kept.len());
    for Waiting { place, phone, what } in kept {
        if let What::Fragment { body } = what
            && let Some((key, _, part)) = read(customer, *phone, *place, body)
        {
            parts.push((key, part));
        }
    }
    parts.sort_by_key(|(_, part)| part.place.item);
    let mut gathered = Gathered::default();
    let mut open: BTreeMap<PartKey, BTreeMap<u8, Part>> = BTreeMap::new();
    for (key, part) in parts {
        let text = open.entry(key.clone()).or_default();
        match text.get(&part.number) {
            Some(known) if known.text == part.text => {
                gathered.repeats.push(Repeat { place: part.place, phone: key.phone, id: known.id });
                continue;
            }
            Some(_) => gathered.ended.push(whole(key.clone(), std::mem::take(text))),
            None => {}
        }
        text.insert(part.number, part);
        if text.len() == usize::from(key.total)
            && let Some(text) = open.remove(&key)
        {
            gathered.whole.push(whole(key, text));
        }
    }
    gathered.open = open.into_iter().map(|(key, text)| whole(key, text)).collect();
    gathered
}

fn whole(key: PartKey, parts: BTreeMap<u8, Part>) -> Whole {
    let parts: Vec<Part> = parts.into_values().collect();
    let first = parts.iter().min_by_key(|part| part.place.item);
    let (message, began) = first.map_or_else(Default::default, |part| (part.place.item, part.place.at));
    Whole { key, message: MessageId::from_raw(message), parts, began }
}

#[cfg(test)]
mod tests {
    use super::super::write_part;
    use super::*;
    use crate::phone::Country;
    use crate::time::Timestamp;

    const CUSTOMER: CustomerId = CustomerId(1);

    fn kept(item: i64, number: u8, text: &str) -> Waiting {
        let phone = Phone::parse("13800138000", Country::CN).unwrap();
        let key = PartKey { customer: CUSTOMER, phone, source: "1069".into(), reference: 7, total: 2 };
        let place = WaitingPlace { at: Timestamp::from_millis(1_000 + item), item };
        let part = Part {
            number,
            id: u128::from(item.unsigned_abs()),
            text: text.to_owned(),
            on_success: true,
            on_failure: true,
            place,
            valid_until: Timestamp::FAR_FUTURE,
            send_at: None,
        };
        let body = write_part(&key, MessageId::from_raw(item), &part);
        Waiting { place, phone, what: What::Fragment { body } }
    }

    fn ids(wholes: &[Whole]) -> Vec<(i64, String)> {
        wholes.iter().map(|whole| (whole.message.raw(), whole.text())).collect()
    }

    #[test]
    fn whoever_reads_all_parts_finds_the_same_text_under_the_smallest_id() {
        for order in [[0, 1], [1, 0]] {
            let parts = [kept(20, 1, "a"), kept(10, 2, "b")];
            let gathered = gather(CUSTOMER, &order.map(|place: usize| parts[place].clone()));
            assert_eq!(ids(&gathered.whole), [(10, "ab".to_owned())]);
            assert_eq!(gathered.whole[0].began, Timestamp::from_millis(1_010));
            assert!(gathered.open.is_empty() && gathered.ended.is_empty() && gathered.repeats.is_empty());
        }
        let alone = gather(CUSTOMER, &[kept(20, 1, "a")]);
        assert_eq!((ids(&alone.open), alone.whole.len()), (vec![(20, "a".to_owned())], 0));
    }

    #[test]
    fn a_part_that_comes_again_is_the_first_one_and_another_text_ends_the_one_before() {
        let again = gather(CUSTOMER, &[kept(10, 1, "a"), kept(20, 1, "a"), kept(30, 2, "b")]);
        assert_eq!(ids(&again.whole), [(10, "ab".to_owned())]);
        assert_eq!(again.repeats.iter().map(|r| (r.place.item, r.id)).collect::<Vec<_>>(), [(20, 10)]);
        let other = gather(CUSTOMER, &[kept(10, 1, "old"), kept(20, 1, "new"), kept(30, 2, "er")]);
        assert_eq!(ids(&other.ended), [(10, "old".to_owned())]);
        assert_eq!(ids(&other.whole), [(20, "newer".to_owned())]);
    }
}
