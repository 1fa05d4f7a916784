//! Delivery reports. `delivered` of any attempt wins; a late one corrects a gloomier end once; the rest of what a
//! carrier repeats or contradicts changes nothing.

use domain::channel::{Receipt, ReceiptStatus};
use domain::ids::MessageId;
use domain::lane::LaneState;
use domain::ledger::{ReceiptOutcome, TrailEntry, TrailEvent};
use domain::message::{MessageState, Reason};
use domain::policy::RuleId;
use domain::retry::{Next, Tried};
use domain::time::Timestamp;

use super::fault::Outcome;
use super::life::Life;
use super::partition::Work;
use super::parts::Place;

impl Work<'_> {
    pub(super) fn receipts(
        &mut self,
        receipts: &[Receipt],
        hold: bool,
        clock: Timestamp,
    ) -> Outcome<Vec<ReceiptOutcome>> {
        let now = self.now(clock)?;
        let mut outcomes = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            outcomes.push(self.receipt(receipt, hold, now)?);
        }
        Ok(outcomes)
    }

    fn receipt(&mut self, receipt: &Receipt, hold: bool, now: Timestamp) -> Outcome<ReceiptOutcome> {
        let found = match self.find_part(receipt.gateway, &receipt.carrier_id)? {
            Some(place) => self.load_life(place.message)?.map(|life| (place, life)),
            None => None,
        };
        let Some((place, mut life)) = found else {
            if !hold {
                return Ok(ReceiptOutcome::Unmatched);
            }
            self.hold_early(receipt)?;
            return Ok(ReceiptOutcome::Held);
        };
        let outcome = self.apply_receipt(&mut life, place, receipt, now)?;
        if outcome != ReceiptOutcome::Duplicate {
            self.store_life(place.message, &life)?;
        }
        Ok(outcome)
    }

    /// Changes `life`; the caller writes it back.
    pub(super) fn apply_receipt(
        &mut self,
        life: &mut Life,
        place: Place,
        receipt: &Receipt,
        now: Timestamp,
    ) -> Outcome<ReceiptOutcome> {
        let moved = match receipt.status {
            ReceiptStatus::Delivered => self.arrived(life, place, receipt, now)?,
            ReceiptStatus::Undelivered => self.will_not_arrive(life, place, receipt, now)?,
            ReceiptStatus::Expired => self.will_not_arrive(life, place, receipt, now)?,
        };
        if !moved {
            return Ok(ReceiptOutcome::Duplicate);
        }
        Ok(ReceiptOutcome::Applied { message: MessageId::from_raw(place.message), state: life.state })
    }

    fn arrived(&mut self, life: &mut Life, place: Place, receipt: &Receipt, now: Timestamp) -> Outcome<bool> {
        let overtaken =
            matches!(life.state, MessageState::Delivered | MessageState::Rejected | MessageState::Cancelled);
        if overtaken || !life.mark_part(place.attempt, place.part) {
            return Ok(false);
        }
        life.code = receipt.code;
        let entry = |event| TrailEntry {
            at: now,
            event,
            channel: life.channel,
            reason: Reason::None,
            rule: RuleId(0),
        };
        if !life.has_arrived(place.attempt) {
            let part = entry(TrailEvent::PartReceipt);
            if life.state == MessageState::Uncertain && place.attempt == life.attempts {
                self.advance(life, MessageState::Submitted, part);
            } else {
                life.leave(part);
            }
            return Ok(true);
        }
        let delivered = entry(TrailEvent::Delivered);
        if life.state == MessageState::Queued
            && let Some(due_at) = life.due_at
        {
            self.dequeue(life.stream(), due_at, MessageId::from_raw(place.message))?;
        }
        self.advance(life, MessageState::Delivered, delivered);
        Ok(true)
    }

    fn will_not_arrive(
        &mut self,
        life: &mut Life,
        place: Place,
        receipt: &Receipt,
        now: Timestamp,
    ) -> Outcome<bool> {
        let (to, event) = match receipt.status {
            ReceiptStatus::Expired => (MessageState::Expired, TrailEvent::Expired),
            _ => (MessageState::Undelivered, TrailEvent::Undelivered),
        };
        let waits =
            matches!(life.state, MessageState::Submitted | MessageState::Uncertain | MessageState::Unknown);
        if !waits || place.attempt != life.attempts {
            return Ok(false);
        }
        let reason = match receipt.code.reason() {
            Reason::None => Reason::CarrierUnknown,
            reason => reason,
        };
        life.code = receipt.code;
        let step = TrailEntry { at: now, event, channel: life.channel, reason, rule: RuleId(0) };
        match self.next_try(life, reason, now) {
            Next::Retry { due_at, avoid } => {
                // Other parts of a long text may have arrived, or may still.
                life.possible_duplicate |= life.parts > 1;
                let step = TrailEntry { event: TrailEvent::Requeued, ..step };
                self.requeue(MessageId::from_raw(place.message), life, step, avoid, due_at)?;
            }
            Next::Stop => self.advance(life, to, step),
        }
        Ok(true)
    }

    fn next_try(&self, life: &Life, reason: Reason, now: Timestamp) -> Next {
        let retry = &self.rest.retry;
        let duplicate_forbidden = life.parts > 1 && !retry.duplicates_allowed.contains(&life.category);
        let cancelled =
            self.memory.lanes.get(&life.lane).is_none_or(|lane| lane.state == LaneState::Cancelled);
        match life.channel {
            Some(channel)
                if !duplicate_forbidden && !cancelled && life.state.may_become(MessageState::Queued) =>
            {
                retry.after_failure(reason, tried(life, channel), now)
            }
            _ => Next::Stop,
        }
    }
}

/// What the retry policy asks about a message.
pub(super) fn tried(life: &Life, channel: domain::ids::ChannelId) -> Tried {
    Tried { category: life.category, attempts: life.attempts, valid_until: life.valid_until, channel }
}
