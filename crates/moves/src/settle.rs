//! What a channel answered to one try.

use domain::channel::{CarrierCode, CarrierMessageId, TakenPart};
use domain::ids::{GatewayId, MessageId};
use domain::ledger::{Disposition, Settlement, TrailEntry, TrailEvent};
use domain::message::{MessageState, Reason};
use domain::policy::RuleId;

use super::fault::Outcome;
use super::life::Life;
use super::steps::{Moves, advance, heed, requeue};

/// Ends the claim that the settlement answers, if it is still the message's own. `true`: that claim waits for one
/// message less.
pub fn end_claim(life: &mut Life, settlement: &Settlement) -> bool {
    let (_, taken) = taken_parts(&settlement.disposition);
    life.taken |= taken.count() > 0;
    let ends = life.outstanding && life.claim == settlement.ticket.claim;
    if ends {
        life.outstanding = false;
    }
    ends
}

/// Moves a message whose current claim this is; one that a receipt has moved on already stays where it is.
pub fn dispose<M: Moves>(
    moves: &mut M,
    id: MessageId,
    life: &mut Life,
    settlement: &Settlement,
) -> Outcome<()> {
    if life.claim != settlement.ticket.claim || life.attempts != settlement.ticket.attempt {
        return Ok(());
    }
    let (at, channel) = (settlement.at, settlement.channel);
    let (to, event, reason) = match &settlement.disposition {
        Disposition::Submitted { .. } => (MessageState::Submitted, TrailEvent::Submitted, Reason::None),
        Disposition::Requeue { reason, .. } => (MessageState::Queued, TrailEvent::Requeued, *reason),
        Disposition::Failed { reason, .. } => (MessageState::Failed, TrailEvent::Failed, *reason),
        Disposition::Uncertain { reason, .. } => (MessageState::Uncertain, TrailEvent::Uncertain, *reason),
    };
    if !matches!(life.state, MessageState::Sending | MessageState::Uncertain) || !life.state.may_become(to) {
        return Ok(());
    }
    let step = TrailEntry { at, event, channel: Some(channel), reason, rule: RuleId(0) };
    match &settlement.disposition {
        Disposition::Submitted { ids, .. } => {
            life.taken = true;
            life.shared = ids.len() < usize::from(life.parts);
            // Fewer ids than parts: the receipt of the last id named is that of all further parts too.
            for part in ids.len().max(1)..usize::from(life.parts) {
                life.mark_part(life.attempts, part as u8);
            }
        }
        Disposition::Uncertain { .. } => life.taken = true,
        Disposition::Failed { code, gateway, .. } => {
            life.code = *code;
            heed(moves, id, life, (*gateway, *code, reason), at)?;
            forget_untaken(moves, id, life)?;
        }
        Disposition::Requeue { due_at, spends_attempt, avoid, code, possible_duplicate, gateway, .. } => {
            if *code != CarrierCode::default() {
                life.code = *code;
                heed(moves, id, life, (*gateway, *code, reason), at)?;
            }
            life.possible_duplicate |= *possible_duplicate;
            // The carrier may have it: it counts for caps as what was taken does.
            life.taken |= *possible_duplicate;
            if !spends_attempt {
                life.attempts = life.attempts.saturating_sub(1);
            }
            forget_untaken(moves, id, life)?;
            return requeue(moves, id, life, step, *avoid, *due_at);
        }
    }
    advance(moves, id, life, to, step);
    Ok(())
}

/// The parts that the carrier took.
#[derive(Clone, Copy)]
pub enum Taken<'a> {
    /// From the first on, in order.
    All(&'a [CarrierMessageId]),
    /// Those that are named.
    Some(&'a [TakenPart]),
}

impl<'a> Taken<'a> {
    /// How many have an id.
    pub fn count(self) -> usize {
        match self {
            Self::All(ids) => ids.len(),
            Self::Some(parts) => parts.len(),
        }
    }

    /// Each with its place in the message, from 0.
    pub fn parts(self) -> impl Iterator<Item = (u8, &'a CarrierMessageId)> {
        (0..self.count()).filter_map(move |place| match self {
            Self::All(ids) => ids.get(place).map(|id| (u8::try_from(place).unwrap_or(u8::MAX), id)),
            Self::Some(parts) => parts.get(place).map(|taken| (taken.part, &taken.id)),
        })
    }
}

/// The parts that the carrier took, and over which gateway.
pub fn taken_parts(disposition: &Disposition) -> (GatewayId, Taken<'_>) {
    match disposition {
        Disposition::Submitted { gateway, ids } => (*gateway, Taken::All(ids)),
        Disposition::Requeue { gateway, ids, .. }
        | Disposition::Failed { gateway, ids, .. }
        | Disposition::Uncertain { gateway, ids, .. } => (*gateway, Taken::Some(ids)),
    }
}

/// What no carrier took does not count for caps.
fn forget_untaken<M: Moves>(moves: &mut M, id: MessageId, life: &Life) -> Outcome<()> {
    if life.taken { Ok(()) } else { moves.take_back(id) }
}
