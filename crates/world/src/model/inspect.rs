//! What lies in the ledger against what was acknowledged: nothing is missing, nothing is there twice, every message has
//! one state that its trail leads to, and the tallies count exactly these messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::ids::{LaneId, MessageId};
use domain::ledger::{MessageRecord, Tally, TrailEvent};
use domain::message::{Category, MessageState, Reason};

use super::{Fate, Model, Offer, Try};
use crate::coverage::Coverage;

/// A receipt waits so long for its answer, with room; the first of a message's, since it was told.
const HELD: Duration = Duration::from_secs(70 * 3_600);

impl Model {
    /// Compares all messages and counters of the ledger with what is known. At the `end` everything must have ended.
    pub(crate) fn inspect(&mut self, records: &[MessageRecord], tallies: &[Tally], end: bool) {
        let mut found = Vec::new();
        let mut ids = BTreeSet::new();
        for record in records {
            if !ids.insert(record.id) {
                found.push(format!("{} is listed twice", record.id));
            }
            if let Err(what) = self.inspect_one(record, end) {
                let trail: Vec<&str> = record.trail.iter().map(|entry| entry.event.word()).collect();
                found.push(format!("{} ({}) {what}; {}", record.id, record.category, trail.join(" ")));
            }
            if let Some(offer) = self.offers.get_mut(&record.id) {
                offer.last_seen = Some((record.state, record.reason));
            }
        }
        let missing = self.offers.iter().find(|(id, offer)| offer.acknowledged && !ids.contains(id));
        found.extend(missing.map(|(id, _)| format!("{id} was acknowledged and is gone")));
        found.extend(self.inspect_audiences(&ids, end));
        found.extend(inspect_tallies(records, tallies));
        self.violations.extend(found);
    }

    fn inspect_one(&self, record: &MessageRecord, end: bool) -> Result<(), String> {
        let offer = self.offers.get(&record.id).ok_or("is in the ledger and was never offered")?;
        if record.phone != offer.phone || record.lane != offer.lane || !offer.has_text(record) {
            return Err("is not what was offered".to_owned());
        }
        let (state, reason) = (record.state, record.reason);
        if let Some((before, _)) = offer.last_seen
            && before.is_final()
            && before != state
            && !before.may_become(state)
        {
            return Err(format!("had ended as {before} and is {state} now"));
        }
        if state.is_final() && (reason == Reason::None) != (state == MessageState::Delivered) {
            return Err(format!("is {state} for the reason {reason}"));
        }
        check_trail(record)?;
        offer.check_orders(record)?;
        let carried = |t: &Try| !matches!(t.fate, Fate::Handed | Fate::Nothing);
        if matches!(state, MessageState::Submitted | MessageState::Undelivered | MessageState::Expired)
            && !offer.tries.iter().any(carried)
        {
            return Err(format!("is {state} and no carrier has it"));
        }
        if state == MessageState::Delivered
            && !offer.tries.iter().any(|t| t.told.len() >= usize::from(offer.parts))
        {
            return Err("is delivered and no carrier said so".to_owned());
        }
        if end { self.inspect_end(record, offer) } else { Ok(()) }
    }

    /// Time and carriers have done all they could.
    fn inspect_end(&self, record: &MessageRecord, offer: &Offer) -> Result<(), String> {
        let state = record.state;
        if !state.is_final() {
            return Err(format!("is still {state} at the end"));
        }
        let arrived = |t: &&Try| {
            let in_time = t.settled.is_some_and(|settled| settled.since(t.told_at) < HELD);
            in_time && t.fate == Fate::Taken && t.acknowledged.len() >= usize::from(offer.parts)
        };
        let overtaken =
            matches!(state, MessageState::Delivered | MessageState::Cancelled | MessageState::Rejected);
        if offer.tries.iter().any(|t| arrived(&t)) && !overtaken {
            return Err(format!("is {state} although its delivery was acknowledged"));
        }
        if record.category == Category::Marketing && record.possible_duplicate && record.parts == 1 {
            return Err("is marketing and marked as a possible duplicate".to_owned());
        }
        Ok(())
    }

    /// Each row of an audience became one message, once it was acknowledged.
    fn inspect_audiences(&self, ids: &BTreeSet<MessageId>, end: bool) -> Vec<String> {
        let mut rows: BTreeMap<(LaneId, u64), u32> = BTreeMap::new();
        for (_, offer) in self.offers.iter().filter(|(id, _)| ids.contains(id)) {
            if let Some(ordinal) = offer.ordinal {
                *rows.entry((self.first_of(offer.lane), ordinal)).or_default() += 1;
            }
        }
        let twice = rows.iter().find(|(_, count)| **count > 1);
        let mut found: Vec<String> = twice
            .map(|((lane, row), _)| format!("row {row} of {lane} became two messages"))
            .into_iter()
            .collect();
        for (lane, view) in self.lanes.iter().filter(|_| end) {
            let Some(expected) = view.expanded else { continue };
            let missing = (0..expected).find(|row| !rows.contains_key(&(*lane, *row)));
            found.extend(missing.map(|row| format!("row {row} of {lane} was acknowledged and is gone")));
        }
        found
    }
}

/// The state that a step of the trail leads to; `None`: it does not move the message.
fn leads_to(event: TrailEvent) -> Option<MessageState> {
    Some(match event {
        TrailEvent::Accepted | TrailEvent::Requeued => MessageState::Queued,
        TrailEvent::Deferred | TrailEvent::PartReceipt | TrailEvent::Redacted | TrailEvent::Deleted => {
            return None;
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

/// The moves that a trail tells, in order.
fn moves(record: &MessageRecord) -> Vec<(MessageState, MessageState)> {
    let mut moves = Vec::new();
    let mut state = None;
    for event in record.trail.iter().map(|entry| entry.event) {
        // One part's receipt tells that an uncertain message was taken.
        let to = match (event, state) {
            (TrailEvent::PartReceipt, Some(MessageState::Uncertain)) => None,
            (event, _) => leads_to(event),
        };
        if let Some(to) = to {
            moves.extend(state.map(|from| (from, to)));
            state = Some(to);
        }
    }
    moves
}

fn check_trail(record: &MessageRecord) -> Result<(), String> {
    // A long trail forgets its middle.
    if record.trail.len() < 40 {
        for (from, to) in moves(record) {
            if !from.may_become(to) && !after_a_part(record, from, to) {
                return Err(format!("went from {from} to {to}"));
            }
        }
    }
    let last = record.trail.iter().rev().find_map(|entry| leads_to(entry.event));
    let by_part = last == Some(MessageState::Uncertain) && record.state == MessageState::Submitted;
    if last == Some(record.state) || by_part {
        return Ok(());
    }
    Err(format!("is {} and its trail ends otherwise", record.state))
}

/// Uncertain became submitted by the receipt of one part, and went on from there.
fn after_a_part(record: &MessageRecord, from: MessageState, to: MessageState) -> bool {
    let part = record.trail.iter().any(|entry| entry.event == TrailEvent::PartReceipt);
    part && from == MessageState::Uncertain && MessageState::Submitted.may_become(to)
}

fn inspect_tallies(records: &[MessageRecord], tallies: &[Tally]) -> Vec<String> {
    type Places = BTreeMap<(LaneId, MessageState, Reason), (i64, i64)>;
    let mut counted = Places::new();
    let mut add = |lane, state, reason, messages: i64, parts: i64| {
        let place = counted.entry((lane, state, reason)).or_default();
        *place = (place.0 + messages, place.1 + parts);
    };
    for record in records {
        add(record.lane, record.state, record.reason, 1, i64::from(record.parts));
    }
    for tally in tallies {
        add(tally.lane, tally.to, tally.reason, -tally.messages, -tally.parts);
        if let Some(from) = tally.from {
            add(tally.lane, from, tally.from_reason, tally.messages, tally.parts);
        }
    }
    let off = counted.into_iter().find(|(_, left)| *left != (0, 0));
    off.map(|((lane, state, reason), (messages, _))| {
        format!("the tallies of {lane} are off by {} for {state} ({reason})", -messages)
    })
    .into_iter()
    .collect()
}

/// Counts the edges and reasons that some messages met.
pub(crate) fn cover(records: &[MessageRecord], coverage: &mut Coverage) {
    for record in records {
        for (from, to) in moves(record) {
            coverage.count("edge", format_args!("{from} → {to}"));
        }
        match record.state {
            MessageState::Rejected => coverage.count("rejected", record.reason),
            state => coverage.count("ended", state),
        }
    }
}
