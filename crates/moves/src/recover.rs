//! What was in flight when its process ended.

use domain::ids::MessageId;
use domain::ledger::{TrailEntry, TrailEvent};
use domain::message::{MessageState, Reason};
use domain::policy::RuleId;
use domain::retry::Next;
use domain::time::Timestamp;

use super::fault::Outcome;
use super::life::Life;
use super::steps::{Moves, advance, requeue, tried};

/// What [`recover`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovered {
    /// The claim no longer waited for this message: the record is as it was.
    Settled,
    /// The claim no longer waits for it; it had moved on already.
    Ended,
    /// It was on its way out.
    InFlight,
}

/// Ends the wait of claim `seq` for a message.
pub fn recover<M: Moves>(
    moves: &mut M,
    seq: i64,
    id: MessageId,
    life: &mut Life,
    now: Timestamp,
) -> Outcome<Recovered> {
    if !life.outstanding || life.claim != seq {
        return Ok(Recovered::Settled);
    }
    life.outstanding = false;
    if life.state != MessageState::Sending {
        return Ok(Recovered::Ended);
    }
    life.taken = true;
    let step = TrailEntry {
        at: now,
        event: TrailEvent::Uncertain,
        channel: life.channel,
        reason: Reason::ConnectionLost,
        rule: RuleId(0),
    };
    advance(moves, id, life, MessageState::Uncertain, step);
    try_again_if_allowed(moves, id, life, step)?;
    Ok(Recovered::InFlight)
}

fn try_again_if_allowed<M: Moves>(
    moves: &mut M,
    id: MessageId,
    life: &mut Life,
    step: TrailEntry,
) -> Outcome<()> {
    let Some(channel) = life.channel else { return Ok(()) };
    if let Next::Retry { due_at, avoid } = moves.retry().after_uncertainty(tried(life, channel), step.at) {
        life.possible_duplicate = true;
        let step = TrailEntry { event: TrailEvent::Requeued, ..step };
        requeue(moves, id, life, step, avoid, due_at)?;
    }
    Ok(())
}
