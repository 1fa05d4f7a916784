//! A message's money from its trail: what the counters of many messages come to, told of one.

use super::flow::{Charge, Flow, Position};
use crate::ledger::{TrailEntry, TrailEvent};
use crate::message::MessageState;
use crate::money::Money;
use crate::time::Timestamp;

/// One move of a message's price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    pub at: Timestamp,
    pub flow: Flow,
    /// 1: it is charged from here on; -1: it is no longer; 0: neither.
    pub messages: i64,
}

/// The moves of a message's money, oldest first. `state` is where it is now. Sums over many messages are what the books have of
/// them, hour by hour. A trail that was cut (of more than 48 steps) may lack moves.
#[must_use]
pub fn moves(trail: &[TrailEntry], state: MessageState, charge: Charge, price: Money) -> Vec<Moved> {
    let mut moves = Vec::new();
    let mut at_state = None;
    for entry in trail {
        let Some(to) = follow(at_state, entry.event, state) else { continue };
        let (from, after) = (at_state.map(|from| charge.position(from)), charge.position(to));
        let flow = Flow::of(charge, at_state, to, price);
        let was = i64::from(from == Some(Position::Charged));
        let is = i64::from(after == Position::Charged);
        at_state = Some(to);
        if from != Some(after) {
            moves.push(Moved { at: entry.at, flow, messages: is - was });
        }
    }
    moves
}

/// The state after a step; `None`: the same as before.
fn follow(from: Option<MessageState>, event: TrailEvent, last: MessageState) -> Option<MessageState> {
    Some(match event {
        TrailEvent::Accepted | TrailEvent::Requeued => MessageState::Queued,
        TrailEvent::Deferred | TrailEvent::Redacted | TrailEvent::Deleted => return None,
        // A part that arrived settles what was uncertain, unless it was a part of an earlier try.
        TrailEvent::PartReceipt => {
            let settles = from == Some(MessageState::Uncertain) && last != MessageState::Uncertain;
            return settles.then_some(MessageState::Submitted);
        }
        TrailEvent::Rejected => MessageState::Rejected,
        TrailEvent::Claimed => MessageState::Sending,
        TrailEvent::Submitted => MessageState::Submitted,
        TrailEvent::Failed => MessageState::Failed,
        TrailEvent::Uncertain => MessageState::Uncertain,
        TrailEvent::Delivered => MessageState::Delivered,
        TrailEvent::Undelivered => MessageState::Undelivered,
        TrailEvent::Expired => MessageState::Expired,
        TrailEvent::Unknown => MessageState::Unknown,
        TrailEvent::Cancelled => MessageState::Cancelled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Reason;
    use crate::policy::RuleId;

    const PRICE: Money = Money::from_micros(45_000);

    fn trail(events: &[TrailEvent]) -> Vec<TrailEntry> {
        let entry = |(place, event): (usize, &TrailEvent)| TrailEntry {
            at: Timestamp::from_millis(i64::try_from(place).unwrap()),
            event: *event,
            channel: None,
            reason: Reason::None,
            rule: RuleId(0),
        };
        events.iter().enumerate().map(entry).collect()
    }

    fn net(moves: &[Moved]) -> (Money, i64) {
        let flow = |moved: &Moved| {
            let Flow { charged, recovered, reopened, refunded, .. } = moved.flow;
            charged + recovered - reopened - refunded
        };
        (moves.iter().map(flow).sum(), moves.iter().map(|moved| moved.messages).sum())
    }

    #[test]
    fn a_message_is_paid_when_its_rule_says() {
        use TrailEvent as T;
        let lost = trail(&[T::Accepted, T::Deferred, T::Claimed, T::Submitted, T::Undelivered]);
        let paid = |charge| net(&moves(&lost, MessageState::Undelivered, charge, PRICE));
        assert_eq!(paid(Charge::Submitted), (PRICE, 1));
        assert_eq!(paid(Charge::Refunded), (Money::ZERO, 0));
        assert_eq!(paid(Charge::Delivered), (Money::ZERO, 0));
        let steps = moves(&lost, MessageState::Undelivered, Charge::Refunded, PRICE);
        let at: Vec<_> = steps.iter().map(|moved| (moved.at.millis(), moved.messages)).collect();
        assert_eq!(at, [(0, 0), (3, 1), (4, -1)], "reserved, charged, refunded");
    }

    #[test]
    fn a_second_try_and_a_late_receipt_are_followed() {
        use TrailEvent as T;
        let retried = trail(&[
            T::Accepted,
            T::Claimed,
            T::Submitted,
            T::Requeued,
            T::Claimed,
            T::Submitted,
            T::Expired,
            T::Delivered,
        ]);
        let steps = moves(&retried, MessageState::Delivered, Charge::Refunded, PRICE);
        let kinds: Vec<_> = steps.iter().map(|moved| moved.messages).collect();
        assert_eq!(kinds, [0, 1, -1, 1, -1, 1]);
        assert_eq!(net(&steps), (PRICE, 1));
        assert_eq!(steps[5].flow.recovered, PRICE);
    }

    #[test]
    fn uncertainty_ends_with_a_part_that_arrived() {
        use TrailEvent as T;
        let parts = trail(&[T::Accepted, T::Claimed, T::Uncertain, T::PartReceipt]);
        assert_eq!(net(&moves(&parts, MessageState::Submitted, Charge::Submitted, PRICE)), (PRICE, 1));
        let earlier = net(&moves(&parts, MessageState::Uncertain, Charge::Submitted, PRICE));
        assert_eq!(earlier, (Money::ZERO, 0), "it was a part of another try");
        let refused = trail(&[T::Rejected]);
        assert!(net(&moves(&refused, MessageState::Rejected, Charge::Submitted, PRICE)).0 == Money::ZERO);
    }
}
