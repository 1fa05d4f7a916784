//! What a channel remembers of messages whose receipts are asked for, and of inbound messages that were asked for before.
//!
//! Both live in memory and are bounded: what was under way when the process ended is not asked for any more (its receipt may
//! still be pushed), and an inbound message that is told again is recognised by the ledger.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use domain::channel::{CarrierMessageId, Inbound, Receipt};

use super::dialect::Awaited;

/// Messages that are followed at once; beyond it the one that would be asked for next is forgotten.
const MOST: usize = 100_000;
/// Inbound messages that are remembered: more than one look brings.
const MOST_HEARD: usize = 10_000;
/// With callbacks, a receipt is overdue after so long.
const OVERDUE: Duration = Duration::from_secs(600);
/// The longest pause between two questions for one message.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// After so long nobody asks any more: by then the ledger calls the message unknown.
const GIVEN_UP: Duration = Duration::from_secs(72 * 3_600);

/// By when they are to be asked for (milliseconds of the monotonic clock), then in the order in which they came.
type Place = (u64, u64);

/// Messages whose receipts are awaited.
#[derive(Default)]
pub(super) struct AwaitedReceipts {
    by_due: BTreeMap<Place, Awaited>,
    by_id: HashMap<CarrierMessageId, Place>,
    count: u64,
}

impl AwaitedReceipts {
    /// Follows a message from now on.
    pub(super) fn add(&mut self, awaited: Awaited, due_millis: u64) {
        let place = (due_millis, self.count);
        self.count += 1;
        if let Some(known) = self.by_id.insert(awaited.id.clone(), place) {
            self.by_due.remove(&known);
        }
        self.by_due.insert(place, awaited);
        if self.by_due.len() > MOST
            && let Some((_, forgotten)) = self.by_due.pop_first()
        {
            self.by_id.remove(&forgotten.id);
        }
    }

    /// Their receipts came in another way.
    pub(super) fn reported(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            if let Some(place) = self.by_id.remove(&receipt.carrier_id) {
                self.by_due.remove(&place);
            }
        }
    }

    /// Takes out those that are to be asked for by now, at most so many.
    pub(super) fn due(&mut self, now_millis: u64, limit: usize) -> Vec<Awaited> {
        let mut due = Vec::new();
        while due.len() < limit
            && let Some(first) = self.by_due.first_entry()
            && first.key().0 <= now_millis
        {
            let awaited = first.remove();
            self.by_id.remove(&awaited.id);
            due.push(awaited);
        }
        due
    }
}

/// How long to wait with the next question about a message that was taken so long ago; none: it is given up. The first comes
/// after one pause, or when a receipt that should be pushed is overdue; the pause doubles with each question.
pub(super) fn pause(every: Duration, pushed: bool, asked: u32, age: Duration) -> Option<Duration> {
    if age >= GIVEN_UP {
        return None;
    }
    let first = if pushed { every.max(OVERDUE) } else { every };
    let doubled = first.saturating_mul(2_u32.saturating_pow(asked.min(16)));
    Some(doubled.min(LONGEST_PAUSE.max(first)))
}

/// Inbound messages that a question has brought already.
#[derive(Default)]
pub(super) struct Heard {
    order: VecDeque<CarrierMessageId>,
    known: HashSet<CarrierMessageId>,
}

impl Heard {
    /// Leaves those that are new.
    pub(super) fn sift(&self, inbound: &mut Vec<Inbound>) {
        inbound.retain(|message| !self.known.contains(&message.carrier_id));
    }

    /// These are durable.
    pub(super) fn add(&mut self, ids: Vec<CarrierMessageId>) {
        for id in ids {
            if self.known.insert(id.clone()) {
                self.order.push_back(id);
            }
        }
        while self.order.len() > MOST_HEARD
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::channel::{CarrierCode, ReceiptStatus};
    use domain::ids::GatewayId;
    use domain::phone::Phone;
    use domain::time::Timestamp;

    use super::*;

    fn awaited(number: u64) -> Awaited {
        let phone = Phone::from_u64(8_613_800_000_000 + number).unwrap();
        Awaited { id: CarrierMessageId::Number(number), phone, taken_at: Timestamp::from_millis(0), asked: 0 }
    }

    fn numbers(due: &[Awaited]) -> Vec<u64> {
        due.iter().map(|it| it.phone.to_u64() - 8_613_800_000_000).collect()
    }

    #[test]
    fn what_is_due_comes_out_in_order_and_what_was_reported_does_not() {
        let mut all = AwaitedReceipts::default();
        for (number, due) in [(1, 30), (2, 10), (3, 20), (4, 99)] {
            all.add(awaited(number), due);
        }
        let receipt = Receipt {
            gateway: GatewayId(1),
            carrier_id: CarrierMessageId::Number(3),
            phone: None,
            status: ReceiptStatus::Delivered,
            code: CarrierCode::default(),
            received_at: Timestamp::from_millis(0),
        };
        all.reported(&[receipt]);
        assert_eq!(numbers(&all.due(50, 1)), [2]);
        assert_eq!(numbers(&all.due(50, 9)), [1]);
        assert!(all.due(50, 9).is_empty());
        assert_eq!(numbers(&all.due(99, 9)), [4]);
    }

    #[test]
    fn only_so_many_are_followed() {
        let mut all = AwaitedReceipts::default();
        (0..MOST as u64 + 3).for_each(|number| all.add(awaited(number), number));
        assert_eq!((all.by_due.len(), all.by_id.len()), (MOST, MOST));
        assert_eq!(numbers(&all.due(3, 9)), [3]);
    }

    #[test]
    fn questions_become_rarer_and_end() {
        let seconds = |asked, age| {
            pause(Duration::from_secs(30), false, asked, Duration::from_secs(age)).map(|it| it.as_secs())
        };
        assert_eq!(
            [0, 1, 2, 9].map(|asked| seconds(asked, 60)),
            [Some(30), Some(60), Some(120), Some(3_600)]
        );
        assert_eq!(seconds(3, 72 * 3_600), None);
        let pushed = pause(Duration::from_secs(30), true, 0, Duration::ZERO);
        assert_eq!(pushed, Some(OVERDUE), "what should be pushed is asked for when it is overdue");
    }
}
