//! Housekeeping in bounded steps: cancelled lanes, 72-hour unknowns, held receipts, retention.
//!
//! The walk for unknowns follows ids, which are times: each message is looked at once, and what is not finished then
//! is put into `overdue` to be looked at again: at the end of its validity if it still waits to be claimed. Nothing here ever reads a whole table.

use domain::ids::MessageId;
use domain::lane::Stream;
use domain::ledger::{Retention, Swept};
use domain::time::Timestamp;
use rusqlite::params;
use rusqlite::types::Value;

use super::accept::blob;
use super::fault::{Fault, Outcome};
use super::partition::{PART_START, Work};
use super::sql;
use crate::moves::life::Life;
use crate::moves::person;
use crate::moves::stream::{stream, stream_key};
use crate::moves::sweep::{RECEIPT_WAIT, STEP_ROWS, cancel, is_cancelled, look_for_word};
use crate::moves::tally::{CODES_FOR, CODES_KEPT};

impl Work<'_> {
    pub(super) fn sweep(&mut self, retention: Retention, clock: Timestamp) -> Outcome<Swept> {
        let now = self.now(clock)?;
        self.rest.recents_kept = retention.recents;
        let mut swept = Swept::default();
        self.sweep_cancelled(&mut swept, now)?;
        self.sweep_unknown(&mut swept, now)?;
        self.sweep_overdue(&mut swept, now)?;
        self.sweep_early(&mut swept, now)?;
        self.retire_messages(&mut swept, now.minus(retention.messages))?;
        self.retire_parts(&mut swept, now.minus(retention.messages))?;
        self.carry_hand_overs_from_before(now.minus(retention.recents))?;
        self.retire_people(&mut swept, now.minus(retention.recents))?;
        // It walks over what may be many rows: after everything else, not in each of the quick steps.
        if !swept.more {
            self.retire_waiting(now)?;
            let before = now.minus(CODES_FOR).millis();
            self.connection.prepare_cached(sql::CODE_CUT)?.execute(params![before, CODES_KEPT])?;
            self.retire_events(&mut swept, now)?;
        }
        Ok(swept)
    }

    fn sweep_cancelled(&mut self, swept: &mut Swept, now: Timestamp) -> Outcome<()> {
        let keys = self.memory.streams.keys().map(|&(lane, which)| stream(lane, which));
        let Some(found) = keys.into_iter().find(|s: &Stream| is_cancelled(self, s.lane)) else {
            return Ok(());
        };
        let (lane, avoid) = stream_key(found);
        let rows: Vec<(i64, i64)> = self
            .connection
            .prepare_cached(sql::QUEUE_STREAM)?
            .query_map(params![lane, avoid, STEP_ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let Some(&(due_at, last)) = rows.last() else { return self.look_at_head(found) };
        for &(_, id) in &rows {
            let Some(mut life) = self.load_life(id)? else { continue };
            if cancel(self, swept, id, &mut life, now) {
                self.store_life(id, &life)?;
            }
        }
        self.connection.prepare_cached(sql::QUEUE_CUT)?.execute(params![lane, avoid, due_at, last])?;
        swept.more = true;
        self.look_at_head(found)
    }

    /// Walks on through the ids that are old enough.
    fn sweep_unknown(&mut self, swept: &mut Swept, now: Timestamp) -> Outcome<()> {
        let end = MessageId::first_at(now.minus(RECEIPT_WAIT));
        let lives = self.lives_between(self.memory.unknown_through, end.raw())?;
        swept.more |= lives.len() == STEP_ROWS as usize;
        for (id, life) in lives {
            self.look_for_word(swept, id, life, now)?;
            self.memory.unknown_through = id;
        }
        Ok(())
    }

    fn sweep_overdue(&mut self, swept: &mut Swept, now: Timestamp) -> Outcome<()> {
        let due: Vec<(i64, i64)> = self
            .connection
            .prepare_cached(sql::OVERDUE_DUE)?
            .query_map(params![now.millis(), STEP_ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        swept.more |= due.len() == STEP_ROWS as usize;
        for (at, id) in due {
            self.connection.prepare_cached(sql::OVERDUE_DROP)?.execute(params![at, id])?;
            if let Some(life) = self.load_life(id)? {
                self.look_for_word(swept, id, life, now)?;
            }
        }
        Ok(())
    }

    fn look_for_word(&mut self, swept: &mut Swept, id: i64, mut life: Life, now: Timestamp) -> Outcome<()> {
        if look_for_word(self, swept, id, &mut life, now)? { self.store_life(id, &life) } else { Ok(()) }
    }

    fn sweep_early(&mut self, swept: &mut Swept, now: Timestamp) -> Outcome<()> {
        if self.memory.early > 0 {
            let before = now.minus(RECEIPT_WAIT).millis();
            let dropped = self.connection.prepare_cached(sql::EARLY_EXPIRE)?.execute([before])?;
            self.memory.early = self.memory.early.saturating_sub(dropped as u64);
            swept.receipts_dropped += dropped as u32;
        }
        Ok(())
    }

    /// Removes finished messages that are older than they need be kept. One that never finished stays.
    fn retire_messages(&mut self, swept: &mut Swept, before: Timestamp) -> Outcome<()> {
        let lives = self.lives_between(self.memory.retired_through, MessageId::first_at(before).raw())?;
        swept.more |= lives.len() == STEP_ROWS as usize;
        for (id, life) in lives {
            if life.state.is_final() {
                self.connection.prepare_cached(sql::MESSAGE_DROP)?.execute([id])?;
                if life.watched {
                    self.connection.prepare_cached(sql::ORIGIN_DROP)?.execute([id])?;
                }
                swept.rows_retired += 1;
            }
            self.memory.retired_through = id;
        }
        Ok(())
    }

    /// Walks round through all parts, a few at every sweep, and drops those of messages that are gone.
    fn retire_parts(&mut self, swept: &mut Swept, before: Timestamp) -> Outcome<()> {
        let first_kept = MessageId::first_at(before).raw();
        let (gateway, carrier_id) = &self.memory.part_cursor;
        let parts: Vec<(i64, Value, i64)> = self
            .connection
            .prepare_cached(sql::PART_PAGE)?
            .query_map(params![gateway, carrier_id, STEP_ROWS], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        let whole = parts.len() == STEP_ROWS as usize;
        for (gateway, carrier_id, message) in &parts {
            if *message < first_kept {
                self.connection.prepare_cached(sql::PART_DROP)?.execute(params![gateway, carrier_id])?;
                swept.rows_retired += 1;
            }
        }
        let last = parts.into_iter().next_back().filter(|_| whole);
        self.memory.part_cursor = last.map_or(PART_START, |(gateway, carrier_id, _)| (gateway, carrier_id));
        Ok(())
    }

    /// Walks round through all people, a few at every sweep, and drops hand-overs that no cap looks at any more.
    fn retire_people(&mut self, swept: &mut Swept, before: Timestamp) -> Outcome<()> {
        let from = self.memory.person_cursor.unwrap_or(i64::MIN);
        let mut people: Vec<(i64, Vec<u8>)> = Vec::new();
        {
            let mut page = self.connection.prepare_cached(sql::PERSON_PAGE)?;
            let mut rows = page.query(params![from, STEP_ROWS])?;
            while let Some(row) = rows.next()? {
                people.push((row.get(0)?, blob(row, 1)?.to_vec()));
            }
        }
        for (phone_index, raw) in &people {
            if !person::unpack_into(raw, &mut self.rest.facts) {
                return Err(Fault::unreadable_person());
            }
            let count = self.rest.facts.recents.len();
            self.rest.facts.recents.retain(|recent| recent.handed_at >= before);
            let dropped = count - self.rest.facts.recents.len();
            if dropped > 0 {
                self.write_person(*phone_index)?;
                swept.rows_retired += dropped as u32;
            }
        }
        self.memory.person_cursor =
            people.last().filter(|_| people.len() == STEP_ROWS as usize).map(|(phone_index, _)| *phone_index);
        self.connection.prepare_cached(sql::PERSON_CURSOR)?.execute([self.memory.person_cursor])?;
        Ok(())
    }

    fn lives_between(&self, after: i64, before: i64) -> Outcome<Vec<(i64, Life)>> {
        let mut read = self.connection.prepare_cached(sql::LIVES_BETWEEN)?;
        let mut rows = read.query(params![after, before, STEP_ROWS])?;
        let mut lives = Vec::new();
        while let Some(row) = rows.next()? {
            lives.push((row.get(0)?, Life::unpack(blob(row, 1)?).ok_or_else(Fault::unreadable_life)?));
        }
        Ok(lives)
    }
}
