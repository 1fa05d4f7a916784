//! What a verdict makes of a message that a claim looks at.

use std::sync::Arc;

use domain::channel::{Outgoing, Ticket};
use domain::ids::{MessageId, PartitionId};
use domain::lane::Stream;
use domain::ledger::{Claim, ClaimRequest, TakeOutcome, TrailEntry, TrailEvent};
use domain::message::{Category, MessageState, Reason};
use domain::numbers::NumberFacts;
use domain::phone::{CarrierSet, Phone};
use domain::policy::RuleId;
use domain::time::Timestamp;

use super::fault::Outcome;
use super::life::Life;
use super::steps::{Moves, advance};

/// Messages that one claim looks at beyond those it takes: a lane that policy refuses as a whole must not hold the
/// partition for longer than a transaction should take.
const MAX_REFUSED: u32 = 2_000;
/// Rows read ahead of deciding.
pub const READ_AHEAD: u32 = 256;

/// One claim in progress.
pub struct Taking<'a> {
    pub request: &'a ClaimRequest,
    pub partition: PartitionId,
    pub now: Timestamp,
    /// When marketing's sending hours end.
    hours_end: Timestamp,
    pub seq: i64,
    pub parts_left: u32,
    pub refusals_left: u32,
    pub claim: Claim,
}

impl<'a> Taking<'a> {
    pub fn new(request: &'a ClaimRequest, now: Timestamp, seq: i64) -> Self {
        Self {
            request,
            partition: request.partition,
            now,
            hours_end: request.policy.open_until(Category::Marketing, now),
            seq,
            parts_left: request.max_parts,
            refusals_left: MAX_REFUSED,
            claim: Claim::default(),
        }
    }

    /// Whether a message of so many parts has to wait for more room. Told when that was all of the claim's room.
    pub fn lacks_room(&mut self, stream: Stream, parts: u8) -> bool {
        let lacks = u32::from(parts) > self.parts_left;
        if lacks && self.claim.outgoing.is_empty() {
            self.claim.unfit.get_or_insert((stream, parts));
        }
        lacks
    }

    /// Messages sent, and messages rejected or deferred, so far.
    pub fn counts(&self) -> (u32, u32) {
        let Claim { outgoing, rejected, deferred, .. } = &self.claim;
        (u32::try_from(outgoing.len()).unwrap_or(u32::MAX), rejected + deferred)
    }

    /// What came since [`Self::counts`] said `before`.
    pub fn since(&self, (sent, refused): (u32, u32)) -> TakeOutcome {
        let (now_sent, now_refused) = self.counts();
        let outgoing = now_sent - sent;
        TakeOutcome { outgoing, handled: outgoing + now_refused - refused }
    }

    /// The message goes out: changes `life`, and adds it to the claim.
    pub fn send<M: Moves>(
        &mut self,
        moves: &mut M,
        id: MessageId,
        life: &mut Life,
        phone: Phone,
        text: Arc<str>,
    ) {
        life.begin_attempt();
        (life.channel, life.gateway) = (Some(self.request.channel), Some(self.request.gateway));
        (life.claim, life.outstanding) = (self.seq, true);
        let step = TrailEntry {
            at: self.now,
            event: TrailEvent::Claimed,
            channel: life.channel,
            reason: Reason::None,
            rule: RuleId(0),
        };
        advance(moves, id, life, MessageState::Sending, step);
        let hours_end = (life.category == Category::Marketing).then_some(self.hours_end);
        self.parts_left = self.parts_left.saturating_sub(u32::from(life.parts));
        self.claim.outgoing.push(Outgoing {
            ticket: Ticket {
                message: id,
                attempt: life.attempts,
                claim: self.seq,
                partition: self.partition,
            },
            phone,
            text,
            encoding: life.encoding,
            parts: life.parts,
            category: life.category,
            extension: None,
            valid_until: life.valid_until,
            carry_until: hours_end.map_or(life.valid_until, |end| life.valid_until.min(end)),
            possible_duplicate: life.possible_duplicate,
        });
    }

    /// Policy refuses it for good.
    pub fn reject<M: Moves>(
        &mut self,
        moves: &mut M,
        id: MessageId,
        life: &mut Life,
        (reason, rule): (Reason, RuleId),
    ) {
        let step = TrailEntry { at: self.now, event: TrailEvent::Rejected, channel: None, reason, rule };
        advance(moves, id, life, MessageState::Rejected, step);
        self.claim.rejected += 1;
        let known = self.claim.rejected_for.iter_mut().find(|(known, _)| *known == reason);
        match known {
            Some((_, messages)) => *messages += 1,
            None => self.claim.rejected_for.push((reason, 1)),
        }
    }

    /// Policy puts it off: it waits in the same stream, or in that of the network that its phone was found to be of.
    pub fn defer<M: Moves>(
        &mut self,
        moves: &mut M,
        id: MessageId,
        life: &mut Life,
        (until, reason, rule): (Timestamp, Reason, RuleId),
    ) -> Outcome<()> {
        // Behind everything that is due, or the cut of the queue's head would take it along.
        let until = until.max(Timestamp::from_millis(self.now.millis() + 1));
        let from = (life.state, life.reason);
        (life.reason, life.rule, life.due_at) = (reason, rule, Some(until));
        life.leave(TrailEntry { at: self.now, event: TrailEvent::Deferred, channel: None, reason, rule });
        if from != (life.state, life.reason) {
            moves.tallies().count(Some(from), life, self.now);
        }
        self.claim.deferred += 1;
        moves.enqueue(life.stream(), until, id)
    }
}

/// Follows what is known of the number, as far as the route leads there. `false`: the channel that claims does not reach
/// the network, and the message is to be set apart.
pub fn follow_number(
    life: &mut Life,
    number: &NumberFacts,
    reach: CarrierSet,
    carriers: CarrierSet,
    now: Timestamp,
) -> bool {
    let found = number.carrier(life.carrier, now);
    life.toward = (found != life.carrier && reach.contains(found)).then_some(found);
    life.marked = !number.failures.is_empty();
    carriers.contains(life.heading())
}

/// Queued when every channel of its route reached its carrier, and one does not any more: it waits with its
/// carrier's messages from now on, as if it had been accepted now. Nothing happened to it that its trail should tell.
pub fn set_apart<M: Moves>(moves: &mut M, id: MessageId, life: &mut Life, due_at: Timestamp) -> Outcome<()> {
    life.by_carrier = true;
    moves.enqueue(life.stream(), due_at, id)
}
