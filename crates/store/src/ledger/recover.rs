//! After a restart: what was in flight when the process ended.
//!
//! Only the messages named by rows of `claim` are looked at, however many messages there are.

use std::collections::HashMap;

use domain::ids::MessageId;
use domain::ledger::{TrailEntry, TrailEvent};
use domain::message::{MessageState, Reason};
use domain::policy::RuleId;
use domain::retry::Next;
use domain::time::Timestamp;
use rusqlite::Connection;

use super::accept::{blob, unreadable};
use super::fault::{Fault, Outcome};
use super::life::Life;
use super::partition::Work;
use super::receipt::tried;
use super::sql;

impl Work<'_> {
    /// Returns how many messages were found in flight.
    pub(super) fn recover(&mut self, clock: Timestamp) -> Outcome<u32> {
        let now = self.now(clock)?;
        let mut found = 0;
        for (seq, messages) in claims(self.connection)? {
            for id in messages {
                found += u32::from(self.recover_one(seq, id, now)?);
            }
            self.memory.claims.remove(&seq);
            self.connection.prepare_cached(sql::CLAIM_DROP)?.execute([seq])?;
        }
        Ok(found)
    }

    fn recover_one(&mut self, seq: i64, id: MessageId, now: Timestamp) -> Outcome<bool> {
        let Some(mut life) = self.load_life(id.raw())? else { return Ok(false) };
        if !life.outstanding || life.claim != seq {
            return Ok(false);
        }
        life.outstanding = false;
        let in_flight = life.state == MessageState::Sending;
        if in_flight {
            life.taken = true;
            let step = TrailEntry {
                at: now,
                event: TrailEvent::Uncertain,
                channel: life.channel,
                reason: Reason::ConnectionLost,
                rule: RuleId(0),
            };
            self.advance(&mut life, MessageState::Uncertain, step);
            self.try_again_if_allowed(id, &mut life, step)?;
        }
        self.store_life(id.raw(), &life)?;
        Ok(in_flight)
    }

    fn try_again_if_allowed(&mut self, id: MessageId, life: &mut Life, step: TrailEntry) -> Outcome<()> {
        let Some(channel) = life.channel else { return Ok(()) };
        if let Next::Retry { due_at, avoid } =
            self.rest.retry.after_uncertainty(tried(life, channel), step.at)
        {
            life.possible_duplicate = true;
            let step = TrailEntry { event: TrailEvent::Requeued, ..step };
            self.requeue(id, life, step, avoid, due_at)?;
        }
        Ok(())
    }
}

/// How many messages of each claim wait for their settlement.
pub(super) fn outstanding(connection: &Connection) -> Outcome<HashMap<i64, u32>> {
    let mut read = connection.prepare_cached(sql::LIFE_READ)?;
    let mut counts = HashMap::new();
    for (seq, messages) in claims(connection)? {
        let mut waiting = 0;
        for id in messages {
            let mut rows = read.query([id.raw()])?;
            if let Some(row) = rows.next()? {
                let life = Life::unpack(blob(row, 0)?).ok_or_else(unreadable)?;
                waiting += u32::from(life.outstanding && life.claim == seq);
            }
        }
        counts.insert(seq, waiting);
    }
    Ok(counts)
}

fn claims(connection: &Connection) -> Outcome<Vec<(i64, Vec<MessageId>)>> {
    let mut read = connection.prepare_cached(sql::CLAIMS)?;
    let mut rows = read.query([])?;
    let mut claims = Vec::new();
    while let Some(row) = rows.next()? {
        let (ids, rest) = blob(row, 1)?.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Fault::inconsistent("claim", "messages", "not a list of ids"));
        }
        let ids = ids.iter().map(|id| MessageId::from_raw(i64::from_le_bytes(*id))).collect();
        claims.push((row.get(0)?, ids));
    }
    Ok(claims)
}
