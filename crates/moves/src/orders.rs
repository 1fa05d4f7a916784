//! What is asked of single messages: not to be sent, and to be forgotten.

use domain::ids::{MessageId, PartitionId, PartitionMap};
use domain::ledger::{Cancelling, Forgetting, LedgerError, Redacting, TrailEntry, TrailEvent};
use domain::message::{MessageState, Reason};
use domain::time::Timestamp;

use super::fault::Outcome;
use super::life::Life;
use super::steps::{Moves, advance, step};

/// Refuses messages that live in another partition.
///
/// # Errors
/// [`LedgerError::NoSuch`].
pub fn all_here(
    map: PartitionMap,
    partition: PartitionId,
    messages: &[MessageId],
) -> Result<(), LedgerError> {
    let all = messages.iter().all(|message| map.of_message(*message) == partition);
    if all { Ok(()) } else { Err(LedgerError::NoSuch("message in this partition")) }
}

/// Ends a message that waits. `true`: its record changed.
pub fn cancel<M: Moves>(
    moves: &mut M,
    id: MessageId,
    life: &mut Life,
    now: Timestamp,
) -> Outcome<(Cancelling, bool)> {
    let answer = match life.state {
        MessageState::Queued => Cancelling::Cancelled,
        MessageState::Cancelled if life.reason == Reason::CancelledOnRequest => Cancelling::Cancelled,
        state if state.is_final() => Cancelling::Ended(state),
        state => Cancelling::TooLate(state),
    };
    let waits = life.state == MessageState::Queued;
    if waits {
        if let Some(due_at) = life.due_at {
            moves.dequeue(life.stream(), due_at, id)?;
        }
        let step = step(now, TrailEvent::Cancelled, Reason::CancelledOnRequest);
        advance(moves, id, life, MessageState::Cancelled, step);
    }
    Ok((answer, waits))
}

/// Writes down that a message that has ended is forgotten. `true`: its record changed. What is sealed of it is the caller's.
pub fn redact(life: &mut Life, how: Forgetting, now: Timestamp) -> Outcome<(Redacting, bool)> {
    if !life.state.is_final() {
        return Ok((Redacting::NotEnded(life.state), false));
    }
    let trail = life.trail().ok_or_else(super::fault::Fault::unreadable_life)?;
    let event = match how {
        Forgetting::Text => TrailEvent::Redacted,
        Forgetting::Whole => TrailEvent::Deleted,
    };
    let forgotten = |entry: &&TrailEntry| matches!(entry.event, TrailEvent::Redacted | TrailEvent::Deleted);
    let since = trail.iter().find(forgotten).map(|entry| entry.at);
    let is_deleted = trail.iter().any(|entry| entry.event == TrailEvent::Deleted);
    let is_new = since.is_none() || how == Forgetting::Whole && !is_deleted;
    if is_new {
        // The reason that it ended for stays the message's; the step has none.
        life.leave(step(now, event, Reason::None));
    }
    Ok((Redacting::Redacted { since: since.unwrap_or(now) }, is_new))
}
