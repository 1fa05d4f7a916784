//! Long inbound messages: parts come in any order, repeated, and over several connections.

use std::collections::HashMap;

use domain::channel::CarrierMessageId;
use domain::phone::Phone;
use domain::text::Concat;

/// How long parts wait for the others, in milliseconds (the 3 minutes that gateways use).
const PATIENCE_MILLIS: u64 = 180_000;
/// Long messages being put together per channel; beyond it the oldest is delivered as it is.
const MOST: usize = 1_000;

/// A whole text with the DELIVERs that brought it.
pub(crate) struct Assembled<A> {
    /// The carrier's id of the part that came first.
    pub(crate) id: CarrierMessageId,
    pub(crate) text: String,
    pub(crate) acks: Vec<A>,
}

#[derive(PartialEq, Eq, Hash, Clone)]
pub(crate) struct Key {
    pub(crate) from: Phone,
    pub(crate) to: Box<str>,
    pub(crate) reference: u16,
    pub(crate) total: u8,
}

struct Incomplete<A> {
    since: u64,
    id: CarrierMessageId,
    texts: Vec<Option<String>>,
    acks: Vec<A>,
}

/// The parts that wait. Acknowledgements of earlier parts wait with them: the carrier repeats what we lose.
pub(crate) struct Assembly<A> {
    waiting: HashMap<Key, Incomplete<A>>,
}

impl<A> Default for Assembly<A> {
    fn default() -> Self {
        Self { waiting: HashMap::new() }
    }
}

impl<A> Assembly<A> {
    /// Takes a part; returns the whole when it was the last one missing.
    pub(crate) fn add(
        &mut self,
        key: &Key,
        concat: Concat,
        text: String,
        (id, ack): (CarrierMessageId, A),
        now: u64,
    ) -> Option<Assembled<A>> {
        let total = usize::from(concat.total);
        let incomplete = self.waiting.entry(key.clone()).or_insert_with(|| Incomplete {
            since: now,
            id,
            texts: vec![None; total],
            acks: Vec::new(),
        });
        incomplete.acks.push(ack);
        if let Some(place) = incomplete.texts.get_mut(usize::from(concat.number).saturating_sub(1)) {
            *place = Some(text);
        }
        if incomplete.texts.iter().any(Option::is_none) {
            return None;
        }
        self.waiting.remove(key).map(Incomplete::join)
    }

    /// What has waited too long (or is one too many), joined from the parts that came.
    pub(crate) fn expired(&mut self, now: u64) -> Vec<(Key, Assembled<A>)> {
        let mut late: Vec<Key> = self
            .waiting
            .iter()
            .filter(|(_, incomplete)| now.saturating_sub(incomplete.since) >= PATIENCE_MILLIS)
            .map(|(key, _)| key.clone())
            .collect();
        if late.is_empty() && self.waiting.len() > MOST {
            late.extend(self.waiting.iter().min_by_key(|(_, parts)| parts.since).map(|(key, _)| key.clone()));
        }
        late.into_iter()
            .filter_map(|key| self.waiting.remove(&key).map(|incomplete| (key, incomplete.join())))
            .collect()
    }
}

impl<A> Incomplete<A> {
    fn join(self) -> Assembled<A> {
        Assembled { id: self.id, text: self.texts.into_iter().flatten().collect(), acks: self.acks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::phone::Country;

    fn key(reference: u16) -> Key {
        let from = Phone::parse("13800138000", Country::CN).unwrap();
        Key { from, to: "10690001".into(), reference, total: 2 }
    }

    fn part(number: u8) -> Concat {
        Concat { reference: 7, total: 2, number }
    }

    fn ack(sequence: u64) -> (CarrierMessageId, u64) {
        (CarrierMessageId::Number(sequence), sequence)
    }

    #[test]
    fn parts_join_in_order_whatever_their_order_of_arrival() {
        let mut assembly = Assembly::default();
        assert!(assembly.add(&key(7), part(2), "二".into(), ack(1), 0).is_none());
        assert!(
            assembly.add(&key(7), part(2), "二".into(), ack(2), 1).is_none(),
            "a repetition is not the rest"
        );
        let whole = assembly.add(&key(7), part(1), "一".into(), ack(3), 2).unwrap();
        assert_eq!((whole.text.as_str(), whole.acks), ("一二", vec![1, 2, 3]));
        assert_eq!(whole.id, CarrierMessageId::Number(1));
        assert!(assembly.expired(u64::MAX).is_empty());
    }

    #[test]
    fn what_stays_incomplete_is_delivered_as_it_is() {
        let mut assembly = Assembly::default();
        assembly.add(&key(8), part(1), "一".into(), ack(1), 0);
        assert!(assembly.expired(PATIENCE_MILLIS - 1).is_empty());
        assert_eq!(assembly.expired(PATIENCE_MILLIS)[0].1.text, "一");
    }
}
