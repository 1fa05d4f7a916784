//! Entering: message and queue row in one transaction; repeated ids and repeated chunks change nothing.

use domain::ledger::{Entry, Expansion, LedgerError};
use domain::time::Timestamp;
use rusqlite::params;

use super::command::Incoming;
use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::sql;
use crate::moves::life::Life;
use crate::moves::steps::{Moves as _, begin};
use crate::moves::sweep::RECEIPT_WAIT;

impl Work<'_> {
    /// Returns how many messages were new.
    pub(super) fn accept(
        &mut self,
        messages: &[Incoming],
        expansion: Option<Expansion>,
        clock: Timestamp,
    ) -> Outcome<u32> {
        let known = |lane| self.memory.lanes.contains_key(&lane);
        if !messages.iter().all(|m| known(m.frozen.lane)) || !expansion.is_none_or(|e| known(e.lane)) {
            return Err(Fault::Refused(LedgerError::NoSuch("lane")));
        }
        let now = self.now(clock)?;
        let reached = |lane| self.memory.expanded.get(&lane).copied().unwrap_or(0);
        if expansion.is_some_and(|expansion| reached(expansion.lane) >= expansion.through) {
            return Ok(0);
        }
        // Before anything is written: what is refused takes nothing else with it.
        self.afford(messages)?;
        if let Some(expansion) = expansion {
            self.memory.expanded.insert(expansion.lane, expansion.through);
            let through = expansion.through.cast_signed();
            self.connection
                .prepare_cached(sql::LANE_THROUGH)?
                .execute(params![expansion.lane.raw(), through])?;
        }
        let mut fresh = 0;
        for message in messages {
            fresh += u32::from(self.accept_one(message, now)?);
        }
        Ok(fresh)
    }

    fn accept_one(&mut self, message: &Incoming, now: Timestamp) -> Outcome<bool> {
        let life = begin(&message.frozen, message.entry, now);
        life.pack(&mut self.rest.buffer);
        let added = self.hot.message_add.execute(params![
            message.id.raw(),
            self.rest.buffer,
            message.account.raw(),
            message.campaign.map(|c| c.raw()),
            message.contact.map(|c| c.raw()),
            message.sealed,
        ])?;
        if added == 0 {
            return Ok(false);
        }
        if let Some(origin) = &message.origin {
            self.add_origin(message.id, origin)?;
            self.tell_end(message.id.raw(), &life)?;
        }
        self.draw(message);
        self.rest.tallies.count(None, &life, now);
        self.note(message.id, &life, now);
        if let Entry::Queue { due_at, .. } = message.entry {
            self.enqueue(life.stream(), due_at, message.id)?;
            // The walk for unknowns has passed this id's time already: it would never be looked at.
            if message.id.raw() <= self.memory.unknown_through {
                self.look_at(message.id, now.plus(RECEIPT_WAIT))?;
            }
        }
        Ok(true)
    }

    /// Writes a message's record back.
    pub(super) fn store_life(&mut self, id: i64, life: &Life) -> Outcome<()> {
        life.pack(&mut self.rest.buffer);
        self.hot.store_life(id, &self.rest.buffer)?;
        self.tell_end(id, life)
    }

    /// Reads a message's record.
    pub(super) fn load_life(&mut self, id: i64) -> Outcome<Option<Life>> {
        self.hot.load_life(id, &mut self.rest.buffer)
    }
}

pub(super) fn blob<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> Outcome<&'a [u8]> {
    row.get_ref(column)?.as_blob().map_err(|error| Fault::inconsistent("message", "blob", error.to_string()))
}
