//! The carrier's names for our parts: how a receipt finds its message.

use domain::channel::{CarrierCode, CarrierMessageId, Receipt};
use domain::ids::{GatewayId, MessageId};
use domain::time::Timestamp;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{OptionalExtension as _, params};

use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::sql;
use crate::moves::parts::{Place, status_code, status_from};
use crate::moves::settle::Taken;

impl Work<'_> {
    /// Remembers the ids that a carrier gave to parts of an attempt. A carrier that uses an id again means the newer
    /// message.
    pub(super) fn add_parts(
        &mut self,
        gateway: GatewayId,
        taken: Taken<'_>,
        message: MessageId,
        attempt: u8,
    ) -> Outcome<()> {
        for (part, id) in taken.parts() {
            let place = Place::packed(attempt, part.into());
            self.hot.part_add.execute(params![gateway.0, carrier_id_value(id), message.raw(), place])?;
        }
        Ok(())
    }

    pub(super) fn find_part(&mut self, gateway: GatewayId, id: &CarrierMessageId) -> Outcome<Option<Place>> {
        let find = &mut self.hot.part_find;
        let found = find
            .query_row(params![gateway.0, carrier_id_value(id)], |row| {
                Ok(Place::unpacked(row.get(0)?, row.get(1)?))
            })
            .optional()?;
        Ok(found)
    }

    /// Keeps a receipt whose part is not known (yet). Returns whether it was new.
    pub(super) fn hold_early(&mut self, receipt: &Receipt) -> Outcome<bool> {
        let added = self.connection.prepare_cached(sql::EARLY_ADD)?.execute(params![
            receipt.gateway.0,
            carrier_id_value(&receipt.carrier_id),
            status_code(receipt.status),
            receipt.code.as_str(),
            receipt.received_at.millis(),
        ])?;
        self.memory.early += added as u64;
        Ok(added == 1)
    }

    /// Takes out the receipts that waited for this part.
    pub(super) fn take_early(&mut self, gateway: GatewayId, id: &CarrierMessageId) -> Outcome<Vec<Receipt>> {
        if self.memory.early == 0 {
            return Ok(Vec::new());
        }
        let value = carrier_id_value(id);
        let mut find = self.connection.prepare_cached(sql::EARLY_FIND)?;
        let mut rows = find.query(params![gateway.0, value])?;
        let mut receipts = Vec::new();
        while let Some(row) = rows.next()? {
            let code: String = row.get(1)?;
            receipts.push(Receipt {
                gateway,
                carrier_id: id.clone(),
                phone: None,
                status: status_from(row.get(0)?)?,
                code: CarrierCode::new(code.as_bytes()),
                received_at: Timestamp::from_millis(row.get(2)?),
            });
        }
        if !receipts.is_empty() {
            let dropped =
                self.connection.prepare_cached(sql::EARLY_DROP)?.execute(params![gateway.0, value])?;
            self.memory.early = self.memory.early.saturating_sub(dropped as u64);
        }
        Ok(receipts)
    }
}

/// Numbers are stored as integers, everything else as text; the two never compare equal.
pub(super) fn carrier_id_value(id: &CarrierMessageId) -> Value {
    match id {
        CarrierMessageId::Number(number) => Value::Integer(number.cast_signed()),
        CarrierMessageId::Text(text) => Value::Text(text.to_string()),
    }
}

pub(super) fn carrier_id_from(value: ValueRef<'_>) -> Outcome<CarrierMessageId> {
    match value {
        ValueRef::Integer(number) => Ok(CarrierMessageId::Number(number.cast_unsigned())),
        ValueRef::Text(text) => Ok(CarrierMessageId::Text(String::from_utf8_lossy(text).into())),
        _ => Err(Fault::inconsistent("inbound", "carrier_id", "neither number nor text")),
    }
}
