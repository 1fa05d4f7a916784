//! What channels answered: the claim of each message ends here.

use domain::ledger::Settlement;

use super::fault::Outcome;
use super::partition::Work;
use super::sql;
use crate::moves::receipt::apply;
use crate::moves::settle::{dispose, end_claim, taken_parts};

impl Work<'_> {
    pub(super) fn settle(&mut self, settlements: &[Settlement]) -> Outcome<()> {
        for settlement in settlements {
            self.settle_one(settlement)?;
        }
        Ok(())
    }

    fn settle_one(&mut self, settlement: &Settlement) -> Outcome<()> {
        let id = settlement.ticket.message;
        // A message that retention removed has nothing left to record.
        let Some(mut life) = self.load_life(id.raw())? else { return Ok(()) };
        let (gateway, taken) = taken_parts(&settlement.disposition);
        self.add_parts(gateway, taken, id, settlement.ticket.attempt)?;
        if end_claim(&mut life, settlement) {
            self.end_claim_of_one(life.claim)?;
        }
        dispose(self, id, &mut life, settlement)?;
        for (_, carrier_id) in taken.parts() {
            for receipt in self.take_early(gateway, carrier_id)? {
                if let Some(place) = self.find_part(gateway, carrier_id)? {
                    apply(self, &mut life, place, &receipt, settlement.at)?;
                }
            }
        }
        self.store_life(id.raw(), &life)
    }

    /// One message of a claim is settled; the claim's row goes with the last.
    fn end_claim_of_one(&mut self, claim: i64) -> Outcome<()> {
        if let Some(left) = self.memory.claims.get_mut(&claim) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.memory.claims.remove(&claim);
                self.connection.prepare_cached(sql::CLAIM_DROP)?.execute([claim])?;
            }
        }
        Ok(())
    }
}
