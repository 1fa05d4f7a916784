//! What channels answered: the claim of each message ends here.

use domain::channel::{CarrierCode, CarrierMessageId};
use domain::ids::{ChannelId, GatewayId, MessageId};
use domain::ledger::{Disposition, Settlement, TrailEntry, TrailEvent};
use domain::message::{MessageState, Reason};
use domain::policy::RuleId;
use domain::time::Timestamp;

use super::fault::Outcome;
use super::life::Life;
use super::partition::Work;
use super::{sealed, sql};

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
        let (gateway, ids) = taken_parts(&settlement.disposition);
        self.add_parts(gateway, ids, id, settlement.ticket.attempt)?;
        life.taken |= !ids.is_empty();
        if life.outstanding && life.claim == settlement.ticket.claim {
            life.outstanding = false;
            self.end_claim_of_one(life.claim)?;
        }
        if life.claim == settlement.ticket.claim && life.attempts == settlement.ticket.attempt {
            self.dispose(id, &mut life, settlement)?;
        }
        for carrier_id in ids {
            for receipt in self.take_early(gateway, carrier_id)? {
                if let Some(place) = self.find_part(gateway, carrier_id)? {
                    self.apply_receipt(&mut life, place, &receipt, settlement.at)?;
                }
            }
        }
        self.store_life(id.raw(), &life)
    }

    /// Moves a message whose current claim this is; one that a receipt has moved on already stays where it is.
    fn dispose(&mut self, id: MessageId, life: &mut Life, settlement: &Settlement) -> Outcome<()> {
        let (at, channel) = (settlement.at, settlement.channel);
        let (to, event, reason) = match &settlement.disposition {
            Disposition::Submitted { .. } => (MessageState::Submitted, TrailEvent::Submitted, Reason::None),
            Disposition::Requeue { reason, .. } => (MessageState::Queued, TrailEvent::Requeued, *reason),
            Disposition::Failed { reason, .. } => (MessageState::Failed, TrailEvent::Failed, *reason),
            Disposition::Uncertain { reason, .. } => {
                (MessageState::Uncertain, TrailEvent::Uncertain, *reason)
            }
        };
        if !matches!(life.state, MessageState::Sending | MessageState::Uncertain)
            || !life.state.may_become(to)
        {
            return Ok(());
        }
        let step = TrailEntry { at, event, channel: Some(channel), reason, rule: RuleId(0) };
        match &settlement.disposition {
            Disposition::Submitted { .. } => life.taken = true,
            Disposition::Uncertain { .. } => life.taken = true,
            Disposition::Failed { code, .. } => {
                life.code = *code;
                self.forget_untaken(id, life)?;
            }
            Disposition::Requeue { due_at, spends_attempt, avoid, code, possible_duplicate, .. } => {
                if *code != CarrierCode::default() {
                    life.code = *code;
                }
                life.possible_duplicate |= *possible_duplicate;
                // The carrier may have it: it counts for caps as what was taken does.
                life.taken |= *possible_duplicate;
                if !spends_attempt {
                    life.attempts = life.attempts.saturating_sub(1);
                }
                self.forget_untaken(id, life)?;
                return self.requeue(id, life, step, *avoid, *due_at);
            }
        }
        self.advance(life, to, step);
        Ok(())
    }

    /// Back into a stream of its lane.
    pub(super) fn requeue(
        &mut self,
        id: MessageId,
        life: &mut Life,
        step: TrailEntry,
        avoid: Option<ChannelId>,
        due_at: Timestamp,
    ) -> Outcome<()> {
        life.due_at = Some(due_at);
        life.avoid = avoid;
        self.advance(life, MessageState::Queued, step);
        self.enqueue(life.stream(), due_at, id)
    }

    /// What no carrier took does not count for caps.
    fn forget_untaken(&mut self, id: MessageId, life: &Life) -> Outcome<()> {
        if life.taken {
            return Ok(());
        }
        let sealed: Vec<u8> =
            self.connection.prepare_cached(sql::SEALED_READ)?.query_row([id.raw()], |row| row.get(0))?;
        let phone = sealed::phone_of(&self.rest.messages, id, &sealed)?;
        let phone_index = self.rest.sealer.phone_index(phone);
        self.take_back_hand_over(phone_index, id)
    }

    /// One message of a claim is settled; the claim's row goes with the last.
    pub(super) fn end_claim_of_one(&mut self, claim: i64) -> Outcome<()> {
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

fn taken_parts(disposition: &Disposition) -> (GatewayId, &[CarrierMessageId]) {
    match disposition {
        Disposition::Submitted { gateway, ids }
        | Disposition::Requeue { gateway, ids, .. }
        | Disposition::Failed { gateway, ids, .. }
        | Disposition::Uncertain { gateway, ids, .. } => (*gateway, ids),
    }
}
