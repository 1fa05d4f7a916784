//! What people want: suppressions, consents, and the messages they send us.

use domain::ids::{AccountId, CampaignId, InboundId, MessageId};
use domain::ledger::{InboundRecord, LedgerError, SuppressionOrder};
use domain::message::Category;
use domain::numbers::Lesson;
use domain::phone::Phone;
use domain::policy::{Consented, Suppressed};
use domain::time::Timestamp;
use rusqlite::params;

use super::accept::blob;
use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::parts::carrier_id_value;
use super::sql;
use crate::moves::records::{scope_code, seal_inbound};
use crate::moves::{INBOUND_TABLE, SUPPRESSION_TABLE, person, sealed};

impl Work<'_> {
    /// Reads a person into the reused facts, with what is not yet in the row.
    pub(super) fn read_person(&mut self, phone_index: i64) -> Outcome<()> {
        self.read_row(phone_index)?;
        self.rest.hand_overs.add_to(phone_index, &mut self.rest.facts.recents);
        Ok(())
    }

    /// Reads a person's row into the reused facts.
    pub(super) fn read_row(&mut self, phone_index: i64) -> Outcome<()> {
        let mut rows = self.hot.person_read.query([phone_index])?;
        match rows.next()? {
            None => person::clear(&mut self.rest.facts),
            Some(row) if person::unpack_into(blob(row, 0)?, &mut self.rest.facts) => (),
            Some(_) => return Err(Fault::unreadable_person()),
        }
        Ok(())
    }

    /// Writes the reused facts into the row.
    pub(super) fn write_person(&mut self, phone_index: i64) -> Outcome<()> {
        person::pack(&self.rest.facts, &mut self.rest.buffer);
        self.hot.person_write.execute(params![phone_index, self.rest.buffer])?;
        Ok(())
    }

    pub(super) fn suppress(&mut self, orders: &[SuppressionOrder]) -> Outcome<()> {
        for order in orders {
            self.suppress_one(order)?;
        }
        Ok(())
    }

    fn suppress_one(&mut self, order: &SuppressionOrder) -> Outcome<()> {
        let phone_index = self.rest.sealer.phone_index(order.phone);
        self.read_person(phone_index)?;
        let fresh = person::suppress(&mut self.rest.facts, order.suppressed);
        self.write_person(phone_index)?;
        if !fresh {
            return Ok(());
        }
        self.memory.last_suppression += 1;
        let id = self.memory.last_suppression;
        let sealed = sealed::seal(&self.rest.sealer.for_table(SUPPRESSION_TABLE), id, order.phone, "");
        let suppressed = order.suppressed;
        self.connection.prepare_cached(sql::SUPPRESSION_ADD)?.execute(params![
            id,
            order.account.raw(),
            suppressed.at.millis(),
            scope_code(suppressed.scope),
            suppressed.category.map_or(0, Category::code),
            suppressed.source.code(),
            order.inbound.map(InboundId::raw),
            phone_index,
            sealed,
        ])?;
        Ok(())
    }

    /// Lifts every suppression of the same scope and category, whatever its source.
    pub(super) fn unsuppress(
        &mut self,
        phone: Phone,
        suppressed: Suppressed,
        clock: Timestamp,
    ) -> Outcome<u32> {
        let now = self.now(clock)?;
        let phone_index = self.rest.sealer.phone_index(phone);
        self.read_person(phone_index)?;
        let lifted = person::unsuppress(&mut self.rest.facts, suppressed);
        if lifted > 0 {
            self.write_person(phone_index)?;
            let category = suppressed.category.map_or(0, Category::code);
            self.connection.prepare_cached(sql::SUPPRESSION_LIFT)?.execute(params![
                phone_index,
                scope_code(suppressed.scope),
                category,
                now.millis()
            ])?;
        }
        Ok(lifted)
    }

    /// Hand-overs on their way into the rows are left to their own passes.
    pub(super) fn consent(&mut self, grants: &[(i64, Consented)]) -> Outcome<()> {
        for (phone_index, consent) in grants {
            self.read_row(*phone_index)?;
            if person::consent(&mut self.rest.facts, *consent) {
                self.write_person(*phone_index)?;
            }
        }
        Ok(())
    }

    /// `false`: the same message from the same phone is here already.
    pub(super) fn inbound(&mut self, record: &InboundRecord, orders: &[SuppressionOrder]) -> Outcome<bool> {
        let phone_index = self.rest.sealer.phone_index(record.from);
        let carrier_id = carrier_id_value(&record.carrier_id);
        let known: bool = self
            .connection
            .prepare_cached(sql::INBOUND_KNOWN)?
            .query_row(params![record.gateway.0, carrier_id, phone_index], |row| row.get(0))?;
        if known {
            return Ok(false);
        }
        let sealer = self.rest.sealer.for_table(INBOUND_TABLE);
        let added = self.connection.prepare_cached(sql::INBOUND_ADD)?.execute(params![
            record.id.raw(),
            record.account.map(AccountId::raw),
            record.gateway.0,
            record.channel.0,
            carrier_id,
            phone_index,
            record.answers.map(MessageId::raw),
            record.campaign.map(CampaignId::raw),
            record.opted_out,
            record.received_at.millis(),
            seal_inbound(record, &sealer),
        ])?;
        if added == 0 {
            // Nothing of it is here, so its id is another's. Taken for a repetition, a refusal would be lost; refused, it is
            // not acknowledged, and comes again under a new id.
            let repeated = "the id of an inbound message was given out before".to_owned();
            return Err(Fault::Refused(LedgerError::Unavailable(repeated)));
        }
        if let Some(answered) = record.answers {
            self.tell_inbound(record, answered)?;
        }
        self.learn_number(phone_index, Lesson::Alive, record.received_at)?;
        self.suppress(orders)?;
        self.note_inbound(record, orders);
        Ok(true)
    }

    /// For measurements: rows as [`super::bench`] makes them.
    pub(super) fn preload(&mut self, rows: &[(i64, Vec<u8>)]) -> Outcome<()> {
        for (phone_index, facts) in rows {
            self.hot.person_write.execute(params![phone_index, facts])?;
        }
        Ok(())
    }
}
