//! Taking due messages for a channel: policy decides here, inside the transaction, in the order of the queue.

use std::sync::Arc;

use domain::ids::MessageId;
use domain::lane::{LaneState, Stream};
use domain::ledger::{Claim, ClaimRequest, Take};
use domain::message::MessageState;
use domain::phone::Phone;
use domain::policy::{Facts, Recent, Verdict, text_hash};
use domain::time::Timestamp;
use rusqlite::params;

use super::accept::blob;
use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::recover::NODE_SHIFT;
use super::sql;
use crate::moves::claim::{READ_AHEAD, Taking, follow_number, set_apart};
use crate::moves::life::Life;
use crate::moves::sealed;
use crate::moves::stream::stream_key;

/// A due message as the queue joins it.
struct Candidate {
    due_at: i64,
    id: MessageId,
    life: Life,
    phone: Phone,
    text: Arc<str>,
}

impl Work<'_> {
    pub(super) fn claim(&mut self, request: &ClaimRequest, node: u8) -> Outcome<Claim> {
        let now = self.now(request.now)?;
        let mut taking = Taking::new(request, now, self.memory.next_claim);
        self.memory.next_claim += 1;
        for take in &request.takes {
            let before = taking.counts();
            if take.stream.carrier.is_none_or(|carrier| request.carriers.contains(carrier)) {
                self.take(&mut taking, *take)?;
            }
            let outcome = taking.since(before);
            taking.claim.takes.push(outcome);
        }
        self.record_claim(&taking, node)?;
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
                if taking.lacks_room(take.stream, candidate.life.parts) || !self.is_open(take.stream) {
                    stopped = true;
                    break;
                }
                let (due_at, id) = (candidate.due_at, candidate.id);
                let sent = self.decide(taking, take, candidate)?;
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
            let life = Life::unpack(blob(row, 2)?).ok_or_else(Fault::unreadable_life)?;
            let opened = self.rest.messages.open(&id.to_be_bytes(), blob(row, 3)?)?;
            let (phone, text) = sealed::message(&opened)?;
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
    fn decide(&mut self, taking: &mut Taking<'_>, take: Take, candidate: Candidate) -> Outcome<bool> {
        let Take { stream, reach, .. } = take;
        let Candidate { due_at, id, mut life, phone, text } = candidate;
        // A row that outlived its message's wait: the cut of the head takes it away.
        if life.state != MessageState::Queued {
            return Ok(false);
        }
        if !taking.request.carriers.contains(life.heading()) {
            set_apart(self, id, &mut life, Timestamp::from_millis(due_at))?;
            self.store_life(id.raw(), &life)?;
            return Ok(false);
        }
        let phone_index = self.rest.sealer.phone_index(phone);
        self.read_person(phone_index)?;
        let carriers = taking.request.carriers;
        if !follow_number(&mut life, &self.rest.facts.number, reach, carriers, taking.now) {
            set_apart(self, id, &mut life, Timestamp::from_millis(due_at))?;
            self.store_life(id.raw(), &life)?;
            return Ok(false);
        }
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
                taking.send(self, id, &mut life, phone, Arc::clone(&text));
                self.store_life(id.raw(), &life)?;
                return Ok(true);
            }
            Verdict::Reject { reason, rule } => taking.reject(self, id, &mut life, (reason, rule)),
            Verdict::Defer { until, reason, rule } => {
                taking.defer(self, id, &mut life, (until, reason, rule))?;
            }
            Verdict::Pause { until, reason, rule } => {
                taking.defer(self, id, &mut life, (until, reason, rule))?;
                self.pause_lane(stream.lane)?;
                taking.claim.paused.push(stream.lane);
            }
        }
        self.store_life(id.raw(), &life)?;
        Ok(false)
    }

    /// Counts a hand-over for caps: once per message, however often it is tried, on the day of its last try.
    fn hand_over(&mut self, phone_index: i64, recent: Recent) -> Outcome<()> {
        if self.rest.facts.recents.iter().any(|known| known.message == recent.message) {
            self.take_back_hand_over(phone_index, recent.message)?;
        }
        self.append_hand_over(phone_index, recent)
    }

    /// One row names all messages of the claim: what a restart has to look at.
    fn record_claim(&mut self, taking: &Taking<'_>, node: u8) -> Outcome<()> {
        let outgoing = &taking.claim.outgoing;
        if outgoing.is_empty() {
            return Ok(());
        }
        let ids: Vec<u8> = outgoing.iter().flat_map(|o| o.ticket.message.raw().to_le_bytes()).collect();
        self.connection.prepare_cached(sql::CLAIM_ADD)?.execute(params![
            taking.seq,
            i64::from(node) << NODE_SHIFT | i64::from(taking.request.channel.0),
            taking.now.millis(),
            ids
        ])?;
        self.memory.claims.insert(taking.seq, outgoing.len() as u32);
        Ok(())
    }
}
