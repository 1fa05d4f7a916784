//! Long texts from their parts, which come in any order over any connection.
//!
//! Invariants: a text is given out once, whole or as what there is of it when its time is over; parts of one customer
//! never exceed [`ASSEMBLY_PARTS`]; what is written of a part is enough to go on after a restart.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::{ASSEMBLY_AGE, ASSEMBLY_PARTS, WaitingPlace};
use crate::ids::{CustomerId, MessageId};
use crate::phone::Phone;
use crate::time::Timestamp;
use text::Concat;

/// What the parts of one text share.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartKey {
    pub customer: CustomerId,
    pub phone: Phone,
    pub source: Box<str>,
    pub reference: u16,
    pub total: u8,
}

/// One part.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u8,
    /// What it is answered with.
    pub id: u128,
    pub text: String,
    pub on_success: bool,
    pub on_failure: bool,
    /// Where it is kept.
    pub place: WaitingPlace,
    pub valid_until: Timestamp,
    /// The text is not to be sent before then.
    pub send_at: Option<Timestamp>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("number", &self.number)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// A text that is whole, or all that came of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Whole {
    pub key: PartKey,
    /// Fixed with the first part, so that the text becomes one message however often it is tried.
    pub message: MessageId,
    /// In order of their numbers.
    pub parts: Vec<Part>,
    /// When the first part came.
    pub began: Timestamp,
}

impl Whole {
    /// The texts of all parts, joined.
    #[must_use]
    pub fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }

    /// When it may be sent: when all of its parts may.
    #[must_use]
    pub fn send_at(&self) -> Option<Timestamp> {
        self.parts.iter().filter_map(|part| part.send_at).max()
    }
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("message", &self.message).finish_non_exhaustive()
    }
}

/// What became of a part.
#[derive(Debug, PartialEq, Eq)]
pub enum Placed {
    /// Others are missing: it is to be kept, with this message.
    Waits { message: MessageId },
    /// It came before, and is kept already or being kept.
    Known { part: Part, message: MessageId },
    /// It was the last.
    Complete(Whole),
    /// The reference is in use by another text, which ends here, and the part begins a new one.
    Displaces { ended: Whole, message: MessageId },
}

/// As many parts wait as may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

struct Open {
    message: MessageId,
    began: Timestamp,
    parts: BTreeMap<u8, Part>,
}

/// Texts of which parts are missing.
#[derive(Default)]
pub struct Assembly {
    open: HashMap<PartKey, Open>,
    /// Parts by customer.
    counts: HashMap<CustomerId, usize>,
}

impl Assembly {
    /// Takes a part; `message` becomes the text's id if it is the first.
    ///
    /// # Errors
    /// [`Full`].
    pub fn place(
        &mut self,
        key: &PartKey,
        part: Part,
        message: MessageId,
        now: Timestamp,
    ) -> Result<Placed, Full> {
        let mut ended = None;
        if let Some(open) = self.open.get(key)
            && let Some(known) = open.parts.get(&part.number)
        {
            if known.text == part.text {
                return Ok(Placed::Known { part: known.clone(), message: open.message });
            }
            ended = self.take(key);
        }
        let count = self.counts.entry(key.customer).or_default();
        if *count >= ASSEMBLY_PARTS {
            if let Some(ended) = ended {
                self.put_back(ended);
            }
            return Err(Full);
        }
        *count += 1;
        let open = self.open.entry(key.clone()).or_insert_with(|| Open {
            message,
            began: now,
            parts: BTreeMap::new(),
        });
        open.parts.insert(part.number, part);
        let (message, whole) = (open.message, open.parts.len() == usize::from(key.total));
        Ok(match (ended, whole) {
            (Some(ended), _) => Placed::Displaces { ended, message },
            (None, false) => Placed::Waits { message },
            (None, true) => self.take(key).map_or(Placed::Waits { message }, Placed::Complete),
        })
    }

    /// Parts that could not be made into a message: they wait again, unless another text began under their reference
    /// meanwhile, whose parts have been answered. Then they stay where they are kept until the next start.
    pub fn put_back(&mut self, whole: Whole) {
        let Whole { key, message, parts, began } = whole;
        let customer = key.customer;
        if let Entry::Vacant(place) = self.open.entry(key) {
            *self.counts.entry(customer).or_default() += parts.len();
            let parts = parts.into_iter().map(|part| (part.number, part)).collect();
            place.insert(Open { message, began, parts });
        }
    }

    /// A part that could not be kept.
    pub fn withdraw(&mut self, key: &PartKey, number: u8) {
        let Some(open) = self.open.get_mut(key) else { return };
        let gone = open.parts.remove(&number).is_some();
        if open.parts.is_empty() {
            self.open.remove(key);
        }
        self.less(key.customer, usize::from(gone));
    }

    /// All of one customer's texts, in order of their first parts.
    pub fn leave(&mut self, customer: CustomerId) -> Vec<Whole> {
        let mut keys: Vec<PartKey> =
            self.open.keys().filter(|key| key.customer == customer).cloned().collect();
        keys.sort_unstable();
        keys.iter().filter_map(|key| self.take(key)).collect()
    }

    /// Texts whose time is over.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Whole> {
        let before = now.minus(ASSEMBLY_AGE);
        let mut old: Vec<PartKey> =
            self.open.iter().filter(|(_, open)| open.began < before).map(|(key, _)| key.clone()).collect();
        old.sort_unstable();
        old.iter().filter_map(|key| self.take(key)).collect()
    }

    /// Puts a part that was kept back into its place after a restart. `None`: it is not one.
    pub fn restore(
        &mut self,
        customer: CustomerId,
        phone: Phone,
        place: WaitingPlace,
        body: &str,
    ) -> Option<()> {
        let (key, message, part) = read(customer, phone, place, body)?;
        let open =
            self.open.entry(key).or_insert_with(|| Open { message, began: place.at, parts: BTreeMap::new() });
        open.began = open.began.min(place.at);
        // Parts that were kept by several nodes each brought an id.
        open.message = open.message.min(message);
        if open.parts.insert(part.number, part).is_none() {
            *self.counts.entry(customer).or_default() += 1;
        }
        Some(())
    }

    /// Parts that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.values().sum()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn take(&mut self, key: &PartKey) -> Option<Whole> {
        let Open { message, began, parts } = self.open.remove(key)?;
        self.less(key.customer, parts.len());
        Some(Whole { key: key.clone(), message, parts: parts.into_values().collect(), began })
    }

    fn less(&mut self, customer: CustomerId, parts: usize) {
        if let Some(count) = self.counts.get_mut(&customer) {
            *count = count.saturating_sub(parts);
            if *count == 0 {
                self.counts.remove(&customer);
            }
        }
    }
}

/// Between the end of a part's validity and the time at which it is to be sent, if there is one.
const LATER: char = '@';

/// What [`read`] reads: one field a line, the text last.
#[must_use]
pub fn write(key: &PartKey, message: MessageId, part: &Part) -> String {
    let PartKey { source, reference, total, .. } = key;
    let Part { number, id, text, on_success, on_failure, valid_until, send_at, .. } = part;
    let later = send_at.map(|at| format!("{LATER}{}", at.millis())).unwrap_or_default();
    let flags = u8::from(*on_success) | u8::from(*on_failure) << 1;
    format!(
        "{source}\n{reference}\n{total}\n{number}\n{id}\n{flags}\n{}{later}\n{}\n{text}",
        valid_until.millis(),
        message.raw()
    )
}

pub(super) fn read(
    customer: CustomerId,
    phone: Phone,
    place: WaitingPlace,
    body: &str,
) -> Option<(PartKey, MessageId, Part)> {
    let mut fields = body.splitn(9, '\n');
    let source = fields.next()?.into();
    let concat = Concat {
        reference: fields.next()?.parse().ok()?,
        total: fields.next()?.parse().ok()?,
        number: fields.next()?.parse().ok()?,
    };
    let id = fields.next()?.parse().ok()?;
    let flags: u8 = fields.next()?.parse().ok()?;
    let times = fields.next()?;
    let (valid_until, send_at) = match times.split_once(LATER) {
        None => (times, None),
        Some((valid_until, at)) => (valid_until, Some(Timestamp::from_millis(at.parse().ok()?))),
    };
    let valid_until = Timestamp::from_millis(valid_until.parse().ok()?);
    let message = MessageId::from_raw(fields.next()?.parse().ok()?);
    let text = fields.next()?.to_owned();
    let key = PartKey { customer, phone, source, reference: concat.reference, total: concat.total };
    let (on_success, on_failure) = (flags & 1 != 0, flags & 2 != 0);
    let number = concat.number;
    Some((key, message, Part { number, id, text, on_success, on_failure, place, valid_until, send_at }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::Country;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn key(total: u8) -> PartKey {
        let phone = Phone::parse("13800138000", Country::CN).unwrap();
        PartKey { customer: CustomerId(1), phone, source: "10690001".into(), reference: 7, total }
    }

    fn part(number: u8, text: &str) -> Part {
        let place = WaitingPlace { at: NOW, item: i64::from(number) };
        Part {
            number,
            id: u128::from(number) + 100,
            text: text.to_owned(),
            on_success: true,
            on_failure: false,
            place,
            valid_until: NOW,
            send_at: None,
        }
    }

    const FIRST: MessageId = MessageId::from_raw(1);
    const OTHER: MessageId = MessageId::from_raw(2);

    #[test]
    fn parts_in_any_order_make_one_text_under_the_first_ones_id() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.place(&key(3), part(3, "c"), FIRST, NOW), Ok(Placed::Waits { message: FIRST }));
        assert_eq!(assembly.place(&key(3), part(1, "a"), OTHER, NOW), Ok(Placed::Waits { message: FIRST }));
        let again = Placed::Known { part: part(1, "a"), message: FIRST };
        assert_eq!(assembly.place(&key(3), Part { id: 9, ..part(1, "a") }, OTHER, NOW), Ok(again));
        let Ok(Placed::Complete(whole)) = assembly.place(&key(3), part(2, "b"), OTHER, NOW) else {
            panic!("the last part completes the text")
        };
        assert_eq!((whole.text().as_str(), whole.message), ("abc", FIRST));
        assert_eq!(whole.parts.iter().map(|part| part.id).collect::<Vec<_>>(), [101, 102, 103]);
        assert!(assembly.is_empty());
        assembly.put_back(whole);
        assembly.withdraw(&key(3), 2);
        assert_eq!(assembly.len(), 2);
        assert!(matches!(assembly.place(&key(3), part(2, "b"), OTHER, NOW), Ok(Placed::Complete(_))));
    }

    #[test]
    fn a_reference_that_is_used_again_ends_the_text_before() {
        let mut assembly = Assembly::default();
        assembly.place(&key(2), part(1, "old"), FIRST, NOW).unwrap();
        let Ok(Placed::Displaces { ended, message }) = assembly.place(&key(2), part(1, "new"), OTHER, NOW)
        else {
            panic!("another text")
        };
        assert_eq!((ended.text().as_str(), ended.message, message), ("old", FIRST, OTHER));
        let Ok(Placed::Complete(whole)) = assembly.place(&key(2), part(2, "er"), FIRST, NOW) else {
            panic!("whole")
        };
        assert_eq!(whole.text(), "newer");
    }

    #[test]
    fn what_is_put_back_takes_no_place_of_a_text_that_began_meanwhile() {
        let mut assembly = Assembly::default();
        assembly.place(&key(2), part(1, "old"), FIRST, NOW).unwrap();
        let Ok(Placed::Complete(old)) = assembly.place(&key(2), part(2, "er"), FIRST, NOW) else {
            panic!("whole")
        };
        assembly.place(&key(2), part(1, "new"), OTHER, NOW).unwrap();
        assembly.put_back(old);
        assert_eq!(assembly.len(), 1);
        let Ok(Placed::Complete(whole)) = assembly.place(&key(2), part(2, "er"), FIRST, NOW) else {
            panic!("whole")
        };
        assert_eq!((whole.text().as_str(), whole.message), ("newer", OTHER));
    }

    #[test]
    fn parts_are_bounded_in_number_and_age() {
        let mut assembly = Assembly::default();
        for reference in 0..ASSEMBLY_PARTS as u16 {
            let key = PartKey { reference, ..key(2) };
            assert!(assembly.place(&key, part(1, "a"), FIRST, NOW).is_ok());
        }
        assert_eq!(
            assembly.place(&PartKey { reference: u16::MAX, ..key(2) }, part(1, "a"), FIRST, NOW),
            Err(Full)
        );
        let other = PartKey { customer: CustomerId(2), ..key(2) };
        assert!(
            assembly.place(&other, part(1, "a"), FIRST, NOW).is_ok(),
            "another customer has its own bound"
        );
        assert!(assembly.expire(NOW.plus(ASSEMBLY_AGE)).is_empty());
        assert_eq!(assembly.leave(CustomerId(2)).len(), 1);
        assert!(assembly.place(&other, part(1, "a"), FIRST, NOW).is_ok());
        let later = Timestamp::from_millis(NOW.plus(ASSEMBLY_AGE).millis() + 1);
        assert_eq!(assembly.expire(later).len(), ASSEMBLY_PARTS + 1);
        assert_eq!(assembly.len(), 0);
    }

    #[test]
    fn what_is_written_of_a_part_is_enough_to_go_on() {
        let mut assembly = Assembly::default();
        let later = NOW.plus(ASSEMBLY_AGE);
        let one = Part { send_at: Some(later), ..part(1, "第一行\n第二行") };
        let body = write(&key(2), FIRST, &one);
        let key = key(2);
        assembly.restore(key.customer, key.phone, one.place, &body).unwrap();
        let Ok(Placed::Complete(whole)) = assembly.place(&key, part(2, "!"), OTHER, NOW) else {
            panic!("whole")
        };
        assert_eq!((whole.text().as_str(), whole.message), ("第一行\n第二行!", FIRST));
        assert_eq!((&whole.parts[0], whole.send_at()), (&one, Some(later)));
        let phone = whole.key.phone;
        assert_eq!(assembly.restore(CustomerId(1), phone, one.place, "10690001\n7"), None);
    }
}
