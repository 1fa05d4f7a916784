//! Taking due messages for a channel: policy decides here, inside the transaction, in the order of the queue.

use std::sync::Arc;

use domain::channel::{Outgoing, Ticket};
use domain::ids::MessageId;
use domain::lane::{LaneState, Stream};
use domain::ledger::{Claim, ClaimRequest, Take, TakeOutcome, TrailEntry, TrailEvent};
use domain::message::{Category, MessageState, Reason};
use domain::phone::Phone;
use domain::policy::{Facts, Recent, RuleId, Verdict, text_hash};
use domain::time::Timestamp;
use rusqlite::params;

use super::accept::{blob, unreadable};
use super::fault::{Fault, Outcome};
use super::life::Life;
use super::partition::{Work, stream_key};
use super::sql;

/// Messages that one claim looks at beyond those it takes: a lane that policy refuses as a whole must not hold the
/// partition for longer than a transaction should take.
const MAX_REFUSED: u32 = 2_000;
/// Rows read ahead of deciding.
const READ_AHEAD: u32 = 256;

/// One claim in progress.
struct Taking<'a> {
    request: &'a ClaimRequest,
    now: Timestamp,
    /// When marketing's sending hours end.
    hours_end: Timestamp,
    seq: i64,
    parts_left: u32,
    refusals_left: u32,
    claim: Claim,
}

/// A due message as the queue joins it.
struct Candidate {
    due_at: i64,
    id: MessageId,
    life: Life,
    phone: Phone,
    text: Arc<str>,
}

impl Taking<'_> {
    /// Messages sent, and messages rejected or deferred, so far.
    fn counts(&self) -> (u32, u32) {
        let Claim { outgoing, rejected, deferred, .. } = &self.claim;
        (u32::try_from(outgoing.len()).unwrap_or(u32::MAX), rejected + deferred)
    }
}

impl Work<'_> {
    pub(super) fn claim(&mut self, request: &ClaimRequest) -> Outcome<Claim> {
        let now = self.now(request.now)?;
        let mut taking = Taking {
            request,
            now,
            hours_end: request.policy.open_until(Category::Marketing, now),
            seq: self.memory.next_claim,
            parts_left: request.max_parts,
            refusals_left: MAX_REFUSED,
            claim: Claim::default(),
        };
        self.memory.next_claim += 1;
        for take in &request.takes {
            let (sent, refused) = taking.counts();
            if take.stream.carrier.is_none_or(|carrier| request.carriers.contains(carrier)) {
                self.take(&mut taking, *take)?;
            }
            let (outgoing, more_refused) = taking.counts();
            let outgoing = outgoing - sent;
            let handled = outgoing + more_refused - refused;
            taking.claim.takes.push(TakeOutcome { outgoing, handled });
        }
        self.record_claim(&taking)?;
        let mut claim = taking.claim;
        claim.more = request.takes.iter().any(|take| {
            self.is_open(take.stream)
                && self.memory.streams.get(&stream_key(take.stream)).is_some_and(|due| *due <= now.millis())
        });
        Ok(claim)
    }

    fn is_open(&self, stream: Stream) -> bool {
        self.memory.lanes.get(&stream.lane).is_some_and(|lane| lane.state == LaneState::Open)
    }

    /// Takes from one stream until its limit, the parts, or the due messages end.
    fn take(&mut self, taking: &mut Taking<'_>, take: Take) -> Outcome<()> {
        let mut left = take.limit;
        while left > 0 && taking.parts_left > 0 && taking.refusals_left > 0 && self.is_open(take.stream) {
            let asked = left.min(taking.parts_left).min(READ_AHEAD);
            let candidates = self.candidates(take.stream, taking.now, asked)?;
            let exhausted = candidates.len() < asked as usize;
            let mut through = None;
            let mut stopped = false;
            for candidate in candidates {
                if u32::from(candidate.life.parts) > taking.parts_left || !self.is_open(take.stream) {
                    stopped = true;
                    break;
                }
                let (due_at, id) = (candidate.due_at, candidate.id);
                let sent = self.decide(taking, take.stream, candidate)?;
                through = Some((due_at, id));
                if sent {
                    left -= 1;
                } else {
                    taking.refusals_left = taking.refusals_left.saturating_sub(1);
                }
            }
            if let Some((due_at, id)) = through {
                self.cut_queue(take.stream, due_at, id)?;
            }
            if exhausted || stopped {
                break;
            }
        }
        self.look_at_head(take.stream)
    }

    fn candidates(&mut self, stream: Stream, now: Timestamp, limit: u32) -> Outcome<Vec<Candidate>> {
        let (lane, avoid) = stream_key(stream);
        let mut statement = self.connection.prepare_cached(sql::QUEUE_DUE)?;
        let mut rows = statement.query(params![lane, avoid, now.millis(), limit])?;
        let mut candidates = Vec::with_capacity(limit as usize);
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(1)?;
            let life = Life::unpack(blob(row, 2)?).ok_or_else(unreadable)?;
            let opened = self.rest.messages.open(&id.to_be_bytes(), blob(row, 3)?)?;
            let (phone, text) = super::sealed::message(&opened)?;
            candidates.push(Candidate {
                due_at: row.get(0)?,
                id: MessageId::from_raw(id),
                life,
                phone,
                text: text.into(),
            });
        }
        Ok(candidates)
    }

    /// All that was looked at is a head of the stream; what was put off comes back behind it.
    fn cut_queue(&mut self, stream: Stream, due_at: i64, id: MessageId) -> Outcome<()> {
        let (lane, avoid) = stream_key(stream);
        self.connection.prepare_cached(sql::QUEUE_CUT)?.execute(params![lane, avoid, due_at, id.raw()])?;
        Ok(())
    }

    /// Decides about one message and writes what follows. `true`: it is to be sent.
    fn decide(&mut self, taking: &mut Taking<'_>, stream: Stream, candidate: Candidate) -> Outcome<bool> {
        let Candidate { due_at, id, mut life, phone, text } = candidate;
        // A row that outlived its message's wait: the cut of the head takes it away.
        if life.state != MessageState::Queued {
            return Ok(false);
        }
        if !taking.request.carriers.contains(life.carrier) {
            self.set_apart(id, life, Timestamp::from_millis(due_at))?;
            return Ok(false);
        }
        let phone_index = self.rest.sealer.phone_index(phone);
        self.read_person(phone_index)?;
        let hash = text_hash(&text);
        let lane = self
            .memory
            .lanes
            .get(&stream.lane)
            .ok_or_else(|| Fault::inconsistent("lane", "id", "missing"))?;
        let facts = Facts {
            message: id,
            lane,
            category: life.category,
            test: life.test,
            text: &text,
            text_hash: hash,
            valid_until: life.valid_until,
            person: &self.rest.facts,
        };
        let verdict = taking.request.policy.decide_with(&facts, taking.now, &mut self.rest.scratch);
        match verdict {
            Verdict::Send => {
                let recent = Recent {
                    handed_at: taking.now,
                    message: id,
                    entity: life.entity,
                    category: life.category,
                    text_hash: hash,
                };
                self.hand_over(phone_index, recent)?;
                self.send(taking, id, life, phone, text)?;
                return Ok(true);
            }
            Verdict::Reject { reason, rule } => {
                let step =
                    TrailEntry { at: taking.now, event: TrailEvent::Rejected, channel: None, reason, rule };
                self.advance(&mut life, MessageState::Rejected, step);
                taking.claim.rejected += 1;
                self.store_life(id.raw(), &life)?;
            }
            Verdict::Defer { until, reason, rule } => {
                self.defer(taking, stream, id, &mut life, (until, reason, rule))?;
            }
            Verdict::Pause { until, reason, rule } => {
                self.defer(taking, stream, id, &mut life, (until, reason, rule))?;
                self.set_lane_state(stream.lane, LaneState::Paused)?;
                taking.claim.paused.push(stream.lane);
            }
        }
        Ok(false)
    }

    fn send(
        &mut self,
        taking: &mut Taking<'_>,
        id: MessageId,
        mut life: Life,
        phone: Phone,
        text: Arc<str>,
    ) -> Outcome<()> {
        life.begin_attempt();
        (life.channel, life.gateway) = (Some(taking.request.channel), Some(taking.request.gateway));
        (life.claim, life.outstanding) = (taking.seq, true);
        let step = TrailEntry {
            at: taking.now,
            event: TrailEvent::Claimed,
            channel: life.channel,
            reason: Reason::None,
            rule: RuleId(0),
        };
        self.advance(&mut life, MessageState::Sending, step);
        self.store_life(id.raw(), &life)?;
        let hours_end = (life.category == Category::Marketing).then_some(taking.hours_end);
        taking.parts_left = taking.parts_left.saturating_sub(u32::from(life.parts));
        taking.claim.outgoing.push(Outgoing {
            ticket: Ticket {
                message: id,
                attempt: life.attempts,
                claim: taking.seq,
                partition: self.rest.id,
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
        Ok(())
    }

    fn defer(
        &mut self,
        taking: &mut Taking<'_>,
        stream: Stream,
        id: MessageId,
        life: &mut Life,
        (until, reason, rule): (Timestamp, Reason, RuleId),
    ) -> Outcome<()> {
        // Behind everything that is due, or the cut of the queue's head would take it along.
        let until = until.max(Timestamp::from_millis(taking.now.millis() + 1));
        let from = (life.state, life.reason);
        (life.reason, life.rule, life.due_at) = (reason, rule, Some(until));
        life.leave(TrailEntry { at: taking.now, event: TrailEvent::Deferred, channel: None, reason, rule });
        if from != (life.state, life.reason) {
            self.rest.tallies.count(Some(from), life, taking.now);
        }
        taking.claim.deferred += 1;
        self.store_life(id.raw(), life)?;
        self.enqueue(stream, until, id)
    }

    /// Queued when every channel of its route reached its carrier, and one does not any more: it waits with its
    /// carrier's messages from now on, as if it had been accepted now. Nothing happened to it that its trail should tell.
    fn set_apart(&mut self, id: MessageId, mut life: Life, due_at: Timestamp) -> Outcome<()> {
        life.by_carrier = true;
        self.store_life(id.raw(), &life)?;
        self.enqueue(life.stream(), due_at, id)
    }

    /// Counts a hand-over for caps: once per message, however often it is tried.
    fn hand_over(&mut self, phone_index: i64, recent: Recent) -> Outcome<()> {
        if self.rest.facts.recents.iter().any(|known| known.message == recent.message) {
            return Ok(());
        }
        self.append_hand_over(phone_index, recent)
    }

    /// One row names all messages of the claim: what a restart has to look at.
    fn record_claim(&mut self, taking: &Taking<'_>) -> Outcome<()> {
        let outgoing = &taking.claim.outgoing;
        if outgoing.is_empty() {
            return Ok(());
        }
        let ids: Vec<u8> = outgoing.iter().flat_map(|o| o.ticket.message.raw().to_le_bytes()).collect();
        self.connection.prepare_cached(sql::CLAIM_ADD)?.execute(params![
            taking.seq,
            taking.request.channel.0,
            taking.now.millis(),
            ids
        ])?;
        self.memory.claims.insert(taking.seq, outgoing.len() as u32);
        Ok(())
    }
}
