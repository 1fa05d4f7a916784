//! Claims and writes: nothing is claimed twice at once, or of a lane that stands still, or too late, or over a cap, or
//! after an acknowledged refusal; nothing is written after its deadline, nor twice unless it is marked. And what deaths
//! leave in the dark.

use std::collections::BTreeSet;

use domain::channel::Outgoing;
use domain::ids::{GatewayId, LaneId};
use domain::lane::LaneState;
use domain::message::Category;
use domain::time::Timestamp;

use super::{AskedClaim, By, ClaimedAt, Fate, Model, Offer, Span, Try};

/// After a claim was asked for, so many milliseconds may pass until its messages are written.
const WRITE_DEADLINE: u64 = 2_000;

impl Offer {
    fn claimed(&mut self, claim: i64, asked: &AskedClaim, when: ClaimedAt, gateway: GatewayId) {
        let low = *self.earliest.get_or_insert(when.at.low);
        let fate = if asked.overtaken { Fate::Nothing } else { Fate::Handed };
        if fate == Fate::Handed {
            if self.counted.is_none() {
                self.counted_by = claim;
            }
            self.counted.get_or_insert(Span { low, high: when.at.high });
        }
        self.tries.push(Try {
            claim,
            node: asked.node,
            began: when.began,
            counted_from: low,
            fate,
            settled: None,
            told: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            told_at: Timestamp::FAR_FUTURE,
            failed: false,
            gateway: Some(gateway),
        });
    }
}

impl Model {
    /// A node asks for a claim at this moment of its wall clock; returns its place in the order of things.
    pub(crate) fn claim_asked(&mut self, node: usize, low: i64, lanes: Vec<LaneId>, fenced: bool) -> u64 {
        let since = self.tick();
        self.asked.insert(since, AskedClaim { node, low, lanes, fenced, overtaken: false });
        since
    }

    /// It was answered, one way or the other.
    pub(crate) fn claim_ended(&mut self, since: u64) -> AskedClaim {
        self.asked.remove(&since).unwrap_or_default()
    }

    /// Claims whose answer nobody heard may have been committed: then the ledger counts from there.
    fn claims_unanswered(&mut self, node: usize) {
        for asked in self.asked.values_mut().filter(|asked| asked.node == node) {
            asked.overtaken = true;
            for offer in self.offers.values_mut().filter(|offer| asked.lanes.contains(&offer.lane)) {
                offer.earliest.get_or_insert(asked.low);
                offer.recovered = true;
            }
        }
    }

    /// A claim was answered.
    pub(crate) fn claimed(
        &mut self,
        outgoing: &[Outgoing],
        asked: &AskedClaim,
        when: ClaimedAt,
        gateway: GatewayId,
    ) {
        self.changes += 1;
        if asked.fenced && !outgoing.is_empty() {
            self.violation(format!("node {} claimed after it had been taken over", asked.node));
        }
        for one in outgoing {
            // Others have ended this claim before its node heard of it; it is too late to write anything of it.
            let checked = if asked.overtaken { Ok(()) } else { self.check_claim(one, when) };
            if let Err(what) = checked {
                self.violation(format!("{} was claimed {what}", one.ticket.message));
            } else if let Some(offer) = self.offers.get_mut(&one.ticket.message) {
                offer.claimed(one.ticket.claim, asked, when, gateway);
            }
        }
    }

    fn check_claim(&self, outgoing: &Outgoing, when: ClaimedAt) -> Result<(), String> {
        let ClaimedAt { since, at, .. } = when;
        let id = outgoing.ticket.message;
        let offer = self.offers.get(&id).ok_or("and was never offered")?;
        if offer.phone != outgoing.phone || offer.text != *outgoing.text {
            return Err("with another phone or text".to_owned());
        }
        if offer.rejected {
            return Err("although it was rejected on the way in".to_owned());
        }
        if offer.tries.iter().any(|t| matches!(t.fate, Fate::Handed | Fate::Written)) {
            return Err("while it was out already".to_owned());
        }
        if offer.was_cancelled_before(since) {
            return Err("after its cancellation was acknowledged".to_owned());
        }
        if offer.tries.is_empty() {
            self.check_canary(offer.lane)?;
        }
        let view = self.lanes.get(&self.first_of(offer.lane));
        if let Some((state, changed)) = view.and_then(|view| view.state)
            && state != LaneState::Open
            && changed < since
        {
            return Err(format!("of a lane that was {state}"));
        }
        if offer.valid_until.millis() <= at.low {
            return Err("after its validity".to_owned());
        }
        if self.refusal(offer).is_some_and(|refused| refused < since) {
            return Err("after a refusal was acknowledged".to_owned());
        }
        self.check_number(offer, at, since)?;
        self.check_caps(outgoing.ticket, offer, at)
    }

    /// A node writes a message onto the wire.
    pub(crate) fn wrote(&mut self, outgoing: &Outgoing, now: u64, node: usize) {
        self.changes += 1;
        if let Err(what) = self.check_write(outgoing, By { node, at: now }) {
            self.violation(format!("{} was written {what}", outgoing.ticket.message));
        }
        if let Some(this) = self.try_of(outgoing.ticket) {
            this.fate = Fate::Written;
        }
    }

    fn check_write(&self, outgoing: &Outgoing, by: By) -> Result<(), String> {
        let id = outgoing.ticket.message;
        let offer = self.offers.get(&id).ok_or("and was never offered")?;
        let place = offer.tries.iter().position(|t| t.claim == outgoing.ticket.claim);
        let place = place.ok_or("without a claim")?;
        let this = &offer.tries[place];
        if this.fate != Fate::Handed {
            return Err(format!("although this try is {:?}", this.fate));
        }
        if by.at > this.began + WRITE_DEADLINE {
            return Err(format!("{} ms after its claim began", by.at - this.began));
        }
        // Another node hears of a refusal with its next claim: what it claimed before may be written until its deadline.
        let holds = |refused: By| refused.node == by.node || by.at > refused.at + WRITE_DEADLINE;
        if self.refusals(offer).any(|refusal| holds(refusal.by)) {
            return Err("after a refusal was acknowledged".to_owned());
        }
        let may_have_it = |earlier: &&Try| match earlier.fate {
            Fate::Handed | Fate::Nothing => false,
            Fate::Taken => !(earlier.failed && offer.parts == 1),
            Fate::Written | Fate::Partial | Fate::Lost => true,
        };
        if offer.tries[..place].iter().any(|earlier| may_have_it(&earlier)) {
            if offer.category == Category::Marketing {
                return Err("a second time on a guess, and it is marketing".to_owned());
            }
            if !outgoing.possible_duplicate {
                return Err("a second time without being marked".to_owned());
            }
        }
        Ok(())
    }

    /// A node died: what it had asked for may have happened or not.
    pub(crate) fn node_died(&mut self, node: usize) {
        self.taken_over(node);
        self.lives_of_dead_node(node);
        self.asked.retain(|_, asked| asked.node != node);
        for view in self.lanes.values_mut() {
            let before = view.changing.len();
            view.changing.retain(|by| *by != node);
            view.doubt |= view.changing.len() != before;
            if view.changing.is_empty() {
                (view.newest, view.doubt) = (None, false);
            }
        }
        self.people.values_mut().for_each(|person| person.lifting.retain(|by| *by != node));
    }

    /// Others end a silent node's claims: nothing that it has not written may be written any more.
    pub(crate) fn taken_over(&mut self, node: usize) {
        self.changes += 1;
        self.claims_unanswered(node);
        let mut touched = Vec::new();
        for (id, offer) in &mut self.offers {
            for this in offer.tries.iter_mut().filter(|this| this.node == node) {
                offer.recovered |= matches!(this.fate, Fate::Handed | Fate::Written);
                this.fate = match this.fate {
                    Fate::Handed => Fate::Nothing,
                    Fate::Written => Fate::Lost,
                    fate => fate,
                };
            }
            touched.push(*id);
        }
        touched.into_iter().for_each(|id| self.recount(id));
    }

    /// The storage lost its power: what the disk was not waited for may be gone; returns how many answers that is.
    pub(crate) fn power_lost(&mut self) -> usize {
        let unsynced = std::mem::take(&mut self.unsynced);
        let mut lost = 0;
        for (message, claim) in unsynced.into_values().flatten() {
            let offer = self.offers.get_mut(&message);
            if let Some(this) = offer.and_then(|o| o.tries.iter_mut().find(|t| t.claim == claim)) {
                this.settled = None;
                lost += 1;
                let from = this.counted_from;
                if let Some(offer) = self.offers.get_mut(&message) {
                    // With the answer goes what an early receipt made of it.
                    offer.last_seen = None;
                    offer.earliest = Some(offer.earliest.map_or(from, |known| known.min(from)));
                }
            }
        }
        lost
    }
}
