//! Delivery reports. `delivered` of any attempt wins; a late one corrects a gloomier end once; the rest of what a
//! carrier repeats or contradicts changes nothing.

use std::time::Duration;

use domain::channel::{Receipt, ReceiptStatus};
use domain::ids::MessageId;
use domain::lane::LaneState;
use domain::ledger::{ReceiptOutcome, TrailEntry, TrailEvent};
use domain::message::{MessageState, Reason};
use domain::numbers::Lesson;
use domain::policy::RuleId;
use domain::retry::Next;
use domain::time::Timestamp;

use super::fault::Outcome;
use super::life::Life;
use super::parts::Place;
use super::steps::{Moves, advance, heed, requeue, tried};

/// How much later than a receipt about it a message may seem to have been handed over: clocks of several nodes differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// Whether the receipt came before the attempt that its id belongs to was handed to a carrier: then it is about another
/// message, which had the same id before. Such receipts are kept for days when nobody knows their id.
fn is_of_another(life: &Life, attempt: u8, receipt: &Receipt) -> bool {
    let claimed = life.claimed_no_later(attempt);
    claimed.is_some_and(|claimed| receipt.received_at.plus(CLOCKS_DIFFER) < claimed)
}

/// Changes `life`; the caller writes it back, unless the outcome is [`ReceiptOutcome::Duplicate`].
pub fn apply<M: Moves>(
    moves: &mut M,
    life: &mut Life,
    place: Place,
    receipt: &Receipt,
    now: Timestamp,
) -> Outcome<ReceiptOutcome> {
    if is_of_another(life, place.attempt, receipt) {
        return Ok(ReceiptOutcome::Duplicate);
    }
    let moved = match receipt.status {
        ReceiptStatus::Delivered => arrived(moves, life, place, receipt, now)?,
        ReceiptStatus::Undelivered | ReceiptStatus::Expired => {
            will_not_arrive(moves, life, place, receipt, now)?
        }
    };
    if !moved {
        return Ok(ReceiptOutcome::Duplicate);
    }
    Ok(ReceiptOutcome::Applied { message: MessageId::from_raw(place.message), state: life.state })
}

fn arrived<M: Moves>(
    moves: &mut M,
    life: &mut Life,
    place: Place,
    receipt: &Receipt,
    now: Timestamp,
) -> Outcome<bool> {
    let overtaken =
        matches!(life.state, MessageState::Delivered | MessageState::Rejected | MessageState::Cancelled);
    if overtaken || !life.mark_part(place.attempt, place.part) {
        return Ok(false);
    }
    moves.learn(MessageId::from_raw(place.message), life, Lesson::Alive, now)?;
    life.code = receipt.code;
    let entry =
        |event| TrailEntry { at: now, event, channel: life.channel, reason: Reason::None, rule: RuleId(0) };
    if !life.has_arrived(place.attempt) {
        let part = entry(TrailEvent::PartReceipt);
        if life.state == MessageState::Uncertain && place.attempt == life.attempts {
            advance(moves, MessageId::from_raw(place.message), life, MessageState::Submitted, part);
        } else {
            life.leave(part);
        }
        return Ok(true);
    }
    let delivered = entry(TrailEvent::Delivered);
    if life.state == MessageState::Queued
        && let Some(due_at) = life.due_at
    {
        moves.dequeue(life.stream(), due_at, MessageId::from_raw(place.message))?;
    }
    advance(moves, MessageId::from_raw(place.message), life, MessageState::Delivered, delivered);
    Ok(true)
}

fn will_not_arrive<M: Moves>(
    moves: &mut M,
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
    let reason = match moves.retry().codes.reason(Some(receipt.gateway), receipt.code) {
        Reason::None => Reason::CarrierUnknown,
        reason => reason,
    };
    life.code = receipt.code;
    heed(moves, MessageId::from_raw(place.message), life, (receipt.gateway, receipt.code, reason), now)?;
    let step = TrailEntry { at: now, event, channel: life.channel, reason, rule: RuleId(0) };
    match next_try(moves, life, reason, now) {
        Next::Retry { due_at, avoid } => {
            // Other parts of a long text may have arrived, or may still.
            life.possible_duplicate |= life.parts > 1;
            let step = TrailEntry { event: TrailEvent::Requeued, ..step };
            requeue(moves, MessageId::from_raw(place.message), life, step, avoid, due_at)?;
        }
        Next::Stop => advance(moves, MessageId::from_raw(place.message), life, to, step),
    }
    Ok(true)
}

fn next_try<M: Moves>(moves: &M, life: &Life, reason: Reason, now: Timestamp) -> Next {
    let retry = moves.retry();
    let duplicate_forbidden = life.parts > 1 && !retry.duplicates_allowed.contains(&life.category);
    let cancelled = moves.lane_state(life.lane).is_none_or(|state| state == LaneState::Cancelled);
    match life.channel {
        Some(channel)
            if !duplicate_forbidden && !cancelled && life.state.may_become(MessageState::Queued) =>
        {
            retry.after_failure(reason, tried(life, channel), now)
        }
        _ => Next::Stop,
    }
}
