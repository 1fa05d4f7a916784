//! Deliveries under way on one connection, and the PDUs that each of them takes.

use std::collections::HashMap;

use domain::downstream::{DeliveryKey, Handed};

/// What waits for the customer's answers.
#[derive(Default)]
pub(super) struct UnderWay {
    next: u64,
    by_token: HashMap<u64, DeliveryKey>,
    open: HashMap<DeliveryKey, Open>,
}

struct Open {
    /// PDUs without an answer.
    left: usize,
    /// The worst of the answers so far.
    handed: Handed,
}

impl UnderWay {
    /// A PDU of a delivery is about to be written: its token.
    pub(super) fn add(&mut self, key: DeliveryKey) -> u64 {
        self.next += 1;
        self.by_token.insert(self.next, key);
        self.open.entry(key).or_insert(Open { left: 0, handed: Handed::Taken }).left += 1;
        self.next
    }

    /// An answer came, or none: what became of the delivery, if that was the last of its PDUs.
    pub(super) fn answered(&mut self, token: u64, handed: Handed) -> Option<(DeliveryKey, Handed)> {
        let key = self.by_token.remove(&token)?;
        let open = self.open.get_mut(&key)?;
        open.left = open.left.saturating_sub(1);
        if handed != Handed::Taken {
            open.handed = handed;
        }
        let handed = open.handed;
        (open.left == 0).then(|| {
            self.open.remove(&key);
            (key, handed)
        })
    }

    /// The connection is over: all that is not answered.
    pub(super) fn rest(&mut self) -> Vec<DeliveryKey> {
        self.by_token.clear();
        self.open.drain().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::downstream::{WaitingKind, WaitingPlace};
    use domain::ids::PartitionId;

    use super::*;

    fn key(part: u16) -> DeliveryKey {
        let (place, kind) = (WaitingPlace::START, WaitingKind::Report);
        DeliveryKey { place, kind, partition: PartitionId(0), part }
    }

    #[test]
    fn a_delivery_comes_back_once_with_its_worst_answer() {
        let mut under_way = UnderWay::default();
        let tokens = [under_way.add(key(0)), under_way.add(key(0))];
        assert_eq!(under_way.answered(tokens[1], Handed::Refused), None);
        assert_eq!(under_way.answered(tokens[1], Handed::Taken), None, "a token answers once");
        assert_eq!(under_way.answered(tokens[0], Handed::Taken), Some((key(0), Handed::Refused)));
        let one = under_way.add(key(1));
        assert_eq!(under_way.rest(), [key(1)]);
        assert_eq!(under_way.answered(one, Handed::Taken), None);
    }
}
