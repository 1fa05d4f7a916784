//! Delivery reports: each finds its part, and moves its message or is kept.

use domain::channel::Receipt;
use domain::ledger::ReceiptOutcome;
use domain::time::Timestamp;

use super::fault::Outcome;
use super::partition::Work;
use crate::moves::receipt::apply;

impl Work<'_> {
    pub(super) fn receipts(
        &mut self,
        receipts: &[Receipt],
        hold: bool,
        clock: Timestamp,
    ) -> Outcome<Vec<ReceiptOutcome>> {
        let now = self.now(clock)?;
        let mut outcomes = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            outcomes.push(self.receipt(receipt, hold, now)?);
        }
        Ok(outcomes)
    }

    fn receipt(&mut self, receipt: &Receipt, hold: bool, now: Timestamp) -> Outcome<ReceiptOutcome> {
        let found = match self.find_part(receipt.gateway, &receipt.carrier_id)? {
            Some(place) => self.load_life(place.message)?.map(|life| (place, life)),
            None => None,
        };
        let Some((place, mut life)) = found else {
            if !hold {
                return Ok(ReceiptOutcome::Unmatched);
            }
            self.hold_early(receipt)?;
            return Ok(ReceiptOutcome::Held);
        };
        let outcome = apply(self, &mut life, place, receipt, now)?;
        if outcome != ReceiptOutcome::Duplicate {
            self.store_life(place.message, &life)?;
        }
        Ok(outcome)
    }
}
