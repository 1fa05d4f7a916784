//! What an engine does for a message that moves, and the moves that everything else is made of.

use domain::channel::CarrierCode;
use domain::ids::{ChannelId, GatewayId, LaneId, MessageId};
use domain::lane::{LaneState, Stream};
use domain::ledger::{Entry, TrailEntry, TrailEvent};
use domain::message::{MessageState, Reason};
use domain::numbers::Lesson;
use domain::policy::RuleId;
use domain::retry::{RetryPolicy, Tried};
use domain::time::Timestamp;

use super::fault::Outcome;
use super::life::{Frozen, Life};
use super::tally::Tallies;

/// One transaction of one partition. The caller writes a life back after its moves, unless a function says otherwise.
pub trait Moves {
    fn tallies(&mut self) -> &mut Tallies;

    fn retry(&self) -> &RetryPolicy;

    /// `None`: this partition has no such lane.
    fn lane_state(&self, lane: LaneId) -> Option<LaneState>;

    /// Puts a message into a stream.
    fn enqueue(&mut self, stream: Stream, due_at: Timestamp, id: MessageId) -> Outcome<()>;

    /// Takes a message out of a stream, wherever in it.
    fn dequeue(&mut self, stream: Stream, due_at: Timestamp, id: MessageId) -> Outcome<()>;

    /// Takes back what a message counted for caps.
    fn take_back(&mut self, id: MessageId) -> Outcome<()>;

    /// What a message taught about its phone: `life` is its own, out of store, and may be marked.
    fn learn(&mut self, id: MessageId, life: &mut Life, lesson: Lesson, at: Timestamp) -> Outcome<()>;

    /// A sweep looks at the message again at that time.
    fn look_at(&mut self, id: MessageId, at: Timestamp) -> Outcome<()>;

    /// The message is in another state now: an event, where its account listens.
    fn note(&mut self, id: MessageId, life: &Life, at: Timestamp);
}

/// The record of a message that comes in, and its first step.
pub fn begin(frozen: &Frozen, entry: Entry, now: Timestamp) -> Life {
    let mut life = Life::new(frozen);
    let (event, rule) = match entry {
        Entry::Queue { due_at, by_carrier } => {
            (life.due_at, life.by_carrier) = (Some(due_at), by_carrier);
            (TrailEvent::Accepted, RuleId(0))
        }
        Entry::Reject { reason, rule } => {
            (life.state, life.reason, life.rule) = (MessageState::Rejected, reason, rule);
            (TrailEvent::Rejected, rule)
        }
    };
    life.leave(TrailEntry { at: now, event, channel: None, reason: life.reason, rule });
    note_end(&mut life, now);
    life
}

/// Moves a message: state, reason, rule, trail, tally and event together.
pub fn advance<M: Moves>(moves: &mut M, id: MessageId, life: &mut Life, to: MessageState, step: TrailEntry) {
    debug_assert!(life.state.may_become(to), "{} may not become {to}", life.state);
    let from = (life.state, life.reason);
    (life.state, life.reason, life.rule) = (to, step.reason, step.rule);
    if to != MessageState::Queued {
        life.due_at = None;
    }
    life.leave(step);
    note_end(life, step.at);
    moves.tallies().count(Some(from), life, step.at);
    moves.note(id, life, step.at);
}

/// An end is told to whoever sent the message, by the write of its record.
fn note_end(life: &mut Life, at: Timestamp) {
    if life.watched {
        life.ended = life.state.is_final().then_some(at);
    }
}

/// Back into a stream of its lane.
pub fn requeue<M: Moves>(
    moves: &mut M,
    id: MessageId,
    life: &mut Life,
    step: TrailEntry,
    avoid: Option<ChannelId>,
    due_at: Timestamp,
) -> Outcome<()> {
    life.due_at = Some(due_at);
    life.avoid = avoid;
    advance(moves, id, life, MessageState::Queued, step);
    moves.enqueue(life.stream(), due_at, id)
}

/// A step without channel or rule.
pub fn step(at: Timestamp, event: TrailEvent, reason: Reason) -> TrailEntry {
    TrailEntry { at, event, channel: None, reason, rule: RuleId(0) }
}

/// A carrier said why not: what that teaches about the phone is kept, and a code that is in no table is counted.
pub fn heed<M: Moves>(
    moves: &mut M,
    id: MessageId,
    life: &mut Life,
    said: (GatewayId, CarrierCode, Reason),
    at: Timestamp,
) -> Outcome<()> {
    let (gateway, code, reason) = said;
    if code != CarrierCode::default()
        && moves.retry().codes.reason(Some(gateway), code) == Reason::CarrierUnknown
    {
        moves.tallies().count_code(gateway, code, at);
    }
    match Lesson::of_failure(reason, life.heading()) {
        Some(lesson) => moves.learn(id, life, lesson, at),
        None => Ok(()),
    }
}

/// What the retry policy asks about a message.
pub fn tried(life: &Life, channel: ChannelId) -> Tried {
    Tried { category: life.category, attempts: life.attempts, valid_until: life.valid_until, channel }
}
