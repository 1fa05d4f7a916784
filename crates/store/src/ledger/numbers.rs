//! What receipts and answers teach about a phone, kept in its person's row.
//!
//! A sign of life must cost nothing where there is nothing to end: so a message carries a mark when its phone had been
//! called dead by the time it was claimed, and whoever calls it dead marks the other messages that are still under way.

use std::time::Duration;

use domain::ids::MessageId;
use domain::message::MessageState;
use domain::numbers::Lesson;
use domain::time::Timestamp;

use super::fault::Outcome;
use super::partition::Work;
use crate::moves::life::Life;

/// How long after its hand-over a message may still arrive: as long as hand-overs are kept.
const UNDER_WAY: Duration = Duration::from_secs(35 * 86_400);
/// Messages of one phone that are looked at, at most, the newest: caps leave far fewer within a week.
const MOST: usize = 64;

impl Work<'_> {
    pub(super) fn learn_of(
        &mut self,
        id: MessageId,
        life: &mut Life,
        lesson: Lesson,
        at: Timestamp,
    ) -> Outcome<()> {
        if lesson == Lesson::Alive && !life.marked {
            return Ok(());
        }
        let phone_index = self.phone_index_of(id)?;
        self.learn_number(phone_index, lesson, at)?;
        match lesson {
            Lesson::Alive => life.marked = false,
            Lesson::NotOf(_) => {}
            Lesson::Dead => {
                life.marked = true;
                self.mark_others(phone_index, id, at)?;
            }
        }
        Ok(())
    }

    /// Changes the row when there is something to change, and leaves its facts behind.
    pub(super) fn learn_number(&mut self, phone_index: i64, lesson: Lesson, at: Timestamp) -> Outcome<()> {
        self.read_row(phone_index)?;
        if self.rest.facts.number.learn(lesson, at) { self.write_person(phone_index) } else { Ok(()) }
    }

    /// Marks what else the phone was sent lately and may still arrive; the facts are those of its row.
    fn mark_others(&mut self, phone_index: i64, id: MessageId, at: Timestamp) -> Outcome<()> {
        self.rest.hand_overs.add_to(phone_index, &mut self.rest.facts.recents);
        let horizon = at.minus(UNDER_WAY);
        let recents = self.rest.facts.recents.iter();
        let recents = recents.filter(|recent| recent.message != id && recent.handed_at >= horizon);
        let mut others: Vec<MessageId> = recents.map(|recent| recent.message).collect();
        others.sort_unstable();
        for other in others.into_iter().rev().take(MOST) {
            let Some(mut life) = self.load_life(other.raw())? else { continue };
            if !life.marked && life.state.may_become(MessageState::Delivered) {
                life.marked = true;
                self.store_life(other.raw(), &life)?;
            }
        }
        Ok(())
    }
}
