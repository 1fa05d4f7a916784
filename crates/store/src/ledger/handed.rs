//! Hand-overs on their way into their people's rows.
//!
//! A hand-over counts for caps from the moment of its claim, but writing it at once into its person's row would cost
//! a randomly placed page per message. So a claim appends it to `handed`, which grows, and keeps it in memory; passes
//! carry many at once, in order of the phone index, into the rows. What is known of a phone is the union of both by
//! message, so an entry that is in both counts once; who takes a hand-over back takes it out of both.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::ids::MessageId;
use domain::policy::Recent;
use domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::accept::blob;
use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::sql;
use crate::moves::person;

/// Rows that one step of a pass writes at least; it keeps ahead of what the same transaction added.
const STEP_PEOPLE: usize = 1_024;

/// By phone index, then order of hand-over.
type Entries = BTreeMap<(i64, i64), Recent>;

/// The hand-overs in memory; the writer changes them, readers look.
#[derive(Clone, Default)]
pub(super) struct SharedHandOvers(Arc<RwLock<Entries>>);

/// A walk that carries everything up to one hand-over into the rows.
struct Pass {
    after: (i64, i64),
    through: i64,
    /// All is in the rows, once this transaction is committed.
    done: bool,
}

/// The writer's side.
pub(super) struct HandOvers {
    shared: SharedHandOvers,
    next: i64,
    pass: Option<Pass>,
    /// Added since the last step.
    fresh: usize,
}

impl SharedHandOvers {
    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of a phone, for a reader beside the writer. They are taken before the row is read: a pass that ends between
    /// the two takes them out of memory, and then they are in the row. The other way round they could be in neither.
    pub(super) fn of_phone(&self, phone_index: i64) -> Vec<Recent> {
        self.read()
            .range((phone_index, i64::MIN)..=(phone_index, i64::MAX))
            .map(|(_, entry)| *entry)
            .collect()
    }

    /// Adds what is not in `recents` yet. For the writer, whose own passes cannot come between.
    pub(super) fn add_to(&self, phone_index: i64, recents: &mut Vec<Recent>) {
        for (_, entry) in self.read().range((phone_index, i64::MIN)..=(phone_index, i64::MAX)) {
            merge(*entry, recents);
        }
    }
}

impl HandOvers {
    /// Reads what no pass has carried away.
    pub(super) fn load(connection: &Connection, shared: &SharedHandOvers) -> Outcome<Self> {
        let mut read = connection.prepare_cached(sql::HANDED_ALL)?;
        let mut rows = read.query([])?;
        let mut entries = Entries::new();
        let mut next = 1;
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            let entry = person::unpack_recent(blob(row, 2)?)
                .ok_or_else(|| Fault::inconsistent("handed", "entry", "not a record of this version"))?;
            entries.insert((row.get(1)?, seq), entry);
            next = seq + 1;
        }
        *shared.write() = entries;
        Ok(Self { shared: shared.clone(), next, pass: None, fresh: 0 })
    }

    fn begin_pass(&mut self) {
        let (after, through) = ((i64::MIN, i64::MIN), self.next - 1);
        self.pass.get_or_insert(Pass { after, through, done: false });
    }
}

impl Work<'_> {
    /// Counts a hand-over that is not among the facts just read.
    pub(super) fn append_hand_over(&mut self, phone_index: i64, entry: Recent) -> Outcome<()> {
        let hand_overs = &mut self.memory.hand_overs;
        let seq = hand_overs.next;
        self.hot.handed_add.execute(params![seq, phone_index, person::pack_recent(&entry)])?;
        hand_overs.next += 1;
        hand_overs.fresh += 1;
        hand_overs.shared.write().insert((phone_index, seq), entry);
        Ok(())
    }

    /// Takes a hand-over back, wherever it is by now.
    pub(super) fn take_back_hand_over(&mut self, phone_index: i64, message: MessageId) -> Outcome<()> {
        let appended = {
            let entries = self.memory.hand_overs.shared.read();
            let mut of_phone = entries.range((phone_index, i64::MIN)..=(phone_index, i64::MAX));
            of_phone.find(|(_, entry)| entry.message == message).map(|(key, _)| *key)
        };
        if let Some(key) = appended {
            self.connection.prepare_cached(sql::HANDED_DROP)?.execute([key.1])?;
            self.memory.hand_overs.shared.write().remove(&key);
        }
        self.read_row(phone_index)?;
        let recents = &mut self.rest.facts.recents;
        let before = recents.len();
        recents.retain(|recent| recent.message != message);
        if recents.len() == before { Ok(()) } else { self.write_person(phone_index) }
    }

    /// One step of a pass, when one is under way or due.
    pub(super) fn carry_hand_overs(&mut self) -> Outcome<()> {
        let limit = self.rest.hand_overs_kept;
        let hand_overs = &mut self.memory.hand_overs;
        let fresh = std::mem::take(&mut hand_overs.fresh);
        match &mut hand_overs.pass {
            None if hand_overs.shared.read().len() < limit => Ok(()),
            None => {
                hand_overs.begin_pass();
                Ok(())
            }
            Some(Pass { done: true, through, .. }) => {
                let through = *through;
                hand_overs.shared.write().retain(|(_, seq), _| *seq > through);
                hand_overs.pass = None;
                self.connection.prepare_cached(sql::HANDED_CUT)?.execute([through])?;
                Ok(())
            }
            Some(Pass { after, through, done: false }) => {
                let (after, through) = (*after, *through);
                let people = next_people(&hand_overs.shared, after, through, STEP_PEOPLE.max(2 * fresh));
                self.carry(&people)?;
                if let Some(Pass { after, done, .. }) = &mut self.memory.hand_overs.pass {
                    match people.last() {
                        Some(last) => *after = (*last, i64::MAX),
                        None => *done = true,
                    }
                }
                Ok(())
            }
        }
    }

    /// Begins a pass when the oldest hand-over is from before an instant, so that none is kept for longer than it may
    /// be on a quiet system.
    pub(super) fn carry_hand_overs_from_before(&mut self, before: Timestamp) -> Outcome<()> {
        let mut oldest = self.connection.prepare_cached(sql::HANDED_FIRST)?;
        let mut rows = oldest.query([])?;
        if let Some(row) = rows.next()?
            && person::unpack_recent(blob(row, 0)?).is_some_and(|entry| entry.handed_at < before)
        {
            self.memory.hand_overs.begin_pass();
        }
        Ok(())
    }

    fn carry(&mut self, people: &[i64]) -> Outcome<()> {
        let horizon = self.memory.committed_now.minus(self.rest.recents_kept);
        for phone_index in people {
            self.read_person(*phone_index)?;
            self.rest.facts.recents.retain(|recent| recent.handed_at >= horizon);
            self.write_person(*phone_index)?;
        }
        Ok(())
    }
}

/// Adds a hand-over that is not known yet.
pub(super) fn merge(entry: Recent, recents: &mut Vec<Recent>) {
    if recents.iter().all(|known| known.message != entry.message) {
        recents.push(entry);
    }
}

/// The next phones, in order, that have a hand-over for this pass.
fn next_people(shared: &SharedHandOvers, after: (i64, i64), through: i64, count: usize) -> Vec<i64> {
    let entries = shared.read();
    let from = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
    let mut people: Vec<i64> = Vec::with_capacity(count);
    for (&(phone_index, seq), _) in entries.range(from) {
        if seq <= through && people.last() != Some(&phone_index) {
            if people.len() == count {
                break;
            }
            people.push(phone_index);
        }
    }
    people
}
