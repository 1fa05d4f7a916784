//! What waits for customers that connect to us: written with what brings it about, read in pages, dropped when told.

use domain::downstream::{Origin, WAITING_AGE, WAITING_ROWS, Waiting, WaitingKind, WaitingPlace};
use domain::ids::{CustomerId, MessageId};
use domain::ledger::InboundRecord;
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::accept::blob;
use super::command::HeldFragment;
use super::fault::Outcome;
use super::partition::Work;
use super::read::Readers;
use super::sql;
use crate::moves::life::Life;
use crate::moves::waiting::{self, Counted, SLACK, pack_ending, pack_origin};

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
            let mut tell = self.connection.prepare_cached(sql::WAITING_REPORT)?;
            self.rest.told.extend(tell.query_row(values, told).optional()?);
        }
        Ok(())
    }

    /// A message from a phone goes to the customer whose message it answers.
    pub(super) fn tell_inbound(&mut self, record: &InboundRecord, answered: MessageId) -> Outcome<()> {
        let values = params![answered.raw(), record.received_at.millis(), record.id.raw()];
        let mut tell = self.connection.prepare_cached(sql::WAITING_INBOUND)?;
        self.rest.told.extend(tell.query_row(values, told).optional()?);
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
            let found: Option<(i64, i64)> =
                next.query_row([place.0, place.1], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let Some(found) = found else { return Ok(()) };
            place = found;
            let values = params![place.0, place.1, before];
            self.connection.prepare_cached(sql::WAITING_OLD)?.execute(values)?;
            self.bound_waiting(place, before)?;
        }
    }

    /// Drops the oldest of a customer's rows beyond its bound, when there may be some.
    fn bound_waiting(&mut self, (customer, kind): (i64, i64), before: i64) -> Outcome<()> {
        let mut last = self.connection.prepare_cached(sql::WAITING_LAST)?;
        let last = last.query_row([customer, kind], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some(last) = last else {
            self.rest.waiting.remove(&(customer, kind));
            return Ok(());
        };
        let mut came = self.connection.prepare_cached(sql::WAITING_CAME)?;
        let mut came_after = |(at, item): (i64, i64)| {
            let values = params![customer, kind, at, item, WAITING_ROWS + SLACK + 1];
            came.query_row(values, |row| row.get::<_, u32>(0)).map(u64::from)
        };
        let all = (i64::MIN, i64::MIN);
        let known = self.rest.waiting.get(&(customer, kind)).copied();
        let known = known.unwrap_or(Counted { rows: 0, last: all });
        let mut counted = known.and(came_after(known.last)?, last);
        if counted.is_beyond() {
            let values = params![customer, kind, before, WAITING_ROWS];
            self.connection.prepare_cached(sql::WAITING_CUT)?.execute(values)?;
            counted = Counted { rows: came_after(all)?, last };
        }
        self.rest.waiting.insert((customer, kind), counted);
        Ok(())
    }
}

fn told(row: &Row<'_>) -> rusqlite::Result<CustomerId> {
    row.get(0).map(CustomerId)
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
