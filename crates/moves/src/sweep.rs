//! Messages that nothing happens to any more: what a sweep makes of each.

use std::time::Duration;

use domain::ids::{LaneId, MessageId};
use domain::lane::LaneState;
use domain::ledger::{Swept, TrailEntry, TrailEvent};
use domain::message::{MessageState, Reason};
use domain::policy::RuleId;
use domain::time::Timestamp;

use super::fault::Outcome;
use super::life::Life;
use super::steps::{Moves, advance, step};

/// How long a receipt is waited for (design, receipts and uncertain).
pub const RECEIPT_WAIT: Duration = Duration::from_secs(72 * 3_600);
/// Rows of each kind in one step: a few milliseconds of work.
pub const STEP_ROWS: u32 = 500;

/// Ends a message of a cancelled lane. `true`: its record changed.
pub fn cancel<M: Moves>(moves: &mut M, swept: &mut Swept, id: i64, life: &mut Life, now: Timestamp) -> bool {
    let waits = life.state == MessageState::Queued;
    if waits {
        let step = step(now, TrailEvent::Cancelled, Reason::CampaignCancelled);
        advance(moves, MessageId::from_raw(id), life, MessageState::Cancelled, step);
        swept.cancelled += 1;
    }
    waits
}

/// Ends the wait of a message without word; looks again later at one that is still under way. `true`: its record
/// changed.
pub fn look_for_word<M: Moves>(
    moves: &mut M,
    swept: &mut Swept,
    id: i64,
    life: &mut Life,
    now: Timestamp,
) -> Outcome<bool> {
    if life.state.is_final() {
        return Ok(false);
    }
    let waits = matches!(life.state, MessageState::Submitted | MessageState::Uncertain);
    if waits && now.since(life.last_step_at()) >= RECEIPT_WAIT {
        let step = step(now, TrailEvent::Unknown, Reason::NoReceipt);
        advance(moves, MessageId::from_raw(id), life, MessageState::Unknown, step);
        swept.unknown += 1;
        return Ok(true);
    }
    // A cancelled lane's messages end as that; another step of the sweep is at it.
    if life.state == MessageState::Queued && !is_cancelled(moves, life.lane) {
        return look_for_end(moves, swept, id, life, now);
    }
    let from = if waits { life.last_step_at() } else { now };
    moves.look_at(MessageId::from_raw(id), from.plus(RECEIPT_WAIT))?;
    Ok(false)
}

pub fn is_cancelled<M: Moves>(moves: &M, lane: LaneId) -> bool {
    moves.lane_state(lane) == Some(LaneState::Cancelled)
}

/// Ends a message that waited until it was of no use: no channel has claimed it, perhaps because none reaches its
/// carrier any more. Otherwise the claim would have refused it for the same reason.
fn look_for_end<M: Moves>(
    moves: &mut M,
    swept: &mut Swept,
    id: i64,
    life: &mut Life,
    now: Timestamp,
) -> Outcome<bool> {
    let message = MessageId::from_raw(id);
    if life.valid_until > now {
        moves.look_at(message, life.valid_until.min(now.plus(RECEIPT_WAIT)))?;
        return Ok(false);
    }
    if let Some(due_at) = life.due_at {
        moves.dequeue(life.stream(), due_at, message)?;
    }
    let step = step(now, TrailEvent::Rejected, Reason::ValidityPassed);
    advance(moves, message, life, MessageState::Rejected, TrailEntry { rule: RuleId::VALIDITY, ..step });
    swept.expired += 1;
    Ok(true)
}
