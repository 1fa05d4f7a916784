//! What waits for customers that connect to us: written with what brings it about, read in pages, dropped when told.

use domain::downstream::{Origin, WAITING_AGE, WAITING_ROWS, Waiting, WaitingKind, WaitingPlace};
use domain::ids::{CustomerId, MessageId};
use domain::ledger::InboundRecord;
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::accept::blob;
use super::command::HeldFragment;
use super::fault::Outcome;
use super::partition::Work;
use super::read::Readers;
use super::sql;
use crate::moves::life::Life;
use crate::moves::waiting::{self, pack_ending, pack_origin};

impl Work<'_> {
    pub(super) fn add_origin(&mut self, message: MessageId, origin: &Origin) -> Outcome<()> {
        let values = params![message.raw(), origin.customer.0, pack_origin(origin)];
        self.connection.prepare_cached(sql::ORIGIN_ADD)?.execute(values)?;
        Ok(())
    }

    /// A message that ended since it was read, and whose origin is to hear of it.
    pub(super) fn tell_end(&mut self, id: i64, life: &Life) -> Outcome<()> {
        if let Some(at) = life.ended {
            let values = params![id, at.millis(), pack_ending(&life.ending())];
            self.connection.prepare_cached(sql::WAITING_REPORT)?.execute(values)?;
        }
        Ok(())
    }

    /// A message from a phone goes to the customer whose message it answers.
    pub(super) fn tell_inbound(&mut self, record: &InboundRecord, answered: MessageId) -> Outcome<()> {
        let values = params![answered.raw(), record.received_at.millis(), record.id.raw()];
        self.connection.prepare_cached(sql::WAITING_INBOUND)?.execute(values)?;
        Ok(())
    }

    pub(super) fn hold_fragments(&mut self, fragments: &[HeldFragment]) -> Outcome<()> {
        let mut add = self.connection.prepare_cached(sql::WAITING_FRAGMENT)?;
        for HeldFragment { customer, place, sealed } in fragments {
            add.execute(params![customer.0, place.at.millis(), place.item, sealed])?;
        }
        Ok(())
    }

    pub(super) fn forget_waiting(
        &mut self,
        customer: CustomerId,
        kind: WaitingKind,
        places: &[WaitingPlace],
    ) -> Outcome<()> {
        let mut drop = self.connection.prepare_cached(sql::WAITING_DROP)?;
        for place in places {
            drop.execute(params![customer.0, kind.code(), place.at.millis(), place.item])?;
        }
        Ok(())
    }

    /// Drops what is too old, and of each customer what is beyond its bound.
    pub(super) fn retire_waiting(&mut self, now: Timestamp) -> Outcome<()> {
        let before = now.minus(WAITING_AGE).millis();
        let mut place = (i64::MIN, i64::MIN);
        loop {
            let mut next = self.connection.prepare_cached(sql::WAITING_NEXT)?;
            let found =
                next.query_row([place.0, place.1], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let Some((customer, kind)) = found else { return Ok(()) };
            let values = params![customer, kind, before, WAITING_ROWS];
            self.connection.prepare_cached(sql::WAITING_CUT)?.execute(values)?;
            place = (customer, kind);
        }
    }
}

impl Readers {
    pub(super) fn waiting(
        &self,
        db: &Connection,
        (customer, kind): (CustomerId, WaitingKind),
        after: WaitingPlace,
        limit: u32,
    ) -> Outcome<Vec<Waiting>> {
        let text = match kind {
            WaitingKind::Report => sql::WAITING_REPORTS,
            WaitingKind::Inbound => sql::WAITING_INBOUNDS,
            WaitingKind::Fragment => sql::WAITING_FRAGMENTS,
        };
        let table = self.sealer.for_table(waiting::table_of(kind));
        let mut read = db.prepare_cached(text)?;
        let mut rows = read.query(params![customer.0, after.at.millis(), after.item, limit])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let place = WaitingPlace { at: Timestamp::from_millis(row.get(0)?), item: row.get(1)? };
            all.push(waiting::read(kind, &table, (customer, place), |column| blob(row, 2 + column))?);
        }
        Ok(all)
    }
}
