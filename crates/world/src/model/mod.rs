//! What must be true, told independently: the model sees what the engine was answered and what reached the carriers,
//! and reuses nothing of the ledger.
//!
//! It knows less than the ledger where a crash hides something (a claim committed and never answered), so each check
//! says only what is certain. Invariants checked as things happen: nothing is claimed twice at once, or of a paused or
//! cancelled lane, or too late, or over a cap, or after an acknowledged refusal; nothing is written after its deadline
//! or an acknowledged refusal, nor twice unless it is marked. What lies in the ledger is checked in `inspect.rs`.

mod caps;
pub(crate) mod inspect;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::channel::{CarrierMessageId, Outgoing, ReceiptStatus, SubmitOutcome, Ticket};
use domain::ids::{EntityId, GatewayId, LaneId, MessageId, PartitionId};
use domain::lane::LaneState;
use domain::ledger::{Entry, NewMessage, Settlement};
use domain::message::{Category, MessageState, Reason};
use domain::phone::Phone;
use domain::policy::Scope;
use domain::time::Timestamp;

/// After a claim was asked for, so many milliseconds may pass until its messages are written.
const WRITE_DEADLINE: u64 = 2_000;

/// A span of the wall clock in milliseconds within which something was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub low: i64,
    pub high: i64,
}

/// What the carrier may have of one try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// Handed to the channel.
    Handed,
    /// On the wire.
    Written,
    /// The carrier took it all.
    Taken,
    /// It took some parts.
    Partial,
    /// It certainly has nothing.
    Nothing,
    /// Written, and nobody will ever say.
    Lost,
}

/// One claim of one message.
#[derive(Clone, Debug)]
struct Try {
    claim: i64,
    /// On the monotonic clock.
    began: u64,
    /// From when the ledger may have counted the message at this claim.
    counted_from: i64,
    fate: Fate,
    /// The engine was told that its settlement is kept.
    settled: Option<Timestamp>,
    /// Parts whose delivery was reported to us, and those whose report was acknowledged.
    told: BTreeSet<u8>,
    acknowledged: BTreeSet<u8>,
    /// When the last of them was acknowledged.
    acknowledged_at: Timestamp,
    /// A receipt said that it will not arrive.
    failed: bool,
    gateway: Option<GatewayId>,
}

/// A message that somebody asked the ledger to take.
#[derive(Clone, Debug)]
struct Offer {
    lane: LaneId,
    entity: EntityId,
    category: Category,
    phone: Phone,
    text: String,
    parts: u8,
    valid_until: Timestamp,
    rejected: bool,
    /// Place in its campaign's audience.
    ordinal: Option<u64>,
    /// The ledger said that it has it.
    acknowledged: bool,
    tries: Vec<Try>,
    /// When it was handed over for the first time, as long as a carrier may have it.
    counted: Option<Span>,
    /// The earliest moment from which the ledger may count it: it keeps the first hand-over of which it was not told
    /// that nothing came of it.
    earliest: Option<i64>,
    last_seen: Option<(MessageState, Reason)>,
}

#[derive(Clone, Debug, Default)]
struct LaneView {
    /// The state that was acknowledged last, and when; unknown while it changes.
    state: Option<(LaneState, u64)>,
    changing: u32,
    /// Changes met each other: which came last is not certain.
    met: bool,
    /// Rows of the audience, once all were acknowledged.
    expanded: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    scope: Scope,
    category: Option<Category>,
    since: u64,
}

#[derive(Clone, Debug, Default)]
struct Person {
    refusals: Vec<Refusal>,
    /// Lifts under way: what is refused meanwhile may be lifted with it.
    lifting: u32,
    consents: BTreeSet<EntityId>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Model {
    /// Observations so far: the order of what was seen.
    seq: u64,
    offers: BTreeMap<MessageId, Offer>,
    lanes: BTreeMap<LaneId, LaneView>,
    people: BTreeMap<Phone, Person>,
    parts: BTreeMap<(GatewayId, CarrierMessageId), (MessageId, i64, u8)>,
    /// By partition, the tries whose settlement a power loss may take back.
    unsynced: BTreeMap<PartitionId, Vec<(MessageId, i64)>>,
    /// Claims that were asked for and not answered: what the wall clock showed, and the lanes.
    asked: BTreeMap<u64, (i64, Vec<LaneId>)>,
    violations: Vec<String>,
    /// Changes of state seen: commits, writes, answers, receipts.
    pub changes: u64,
}

/// The model as everybody in the world reaches it.
#[derive(Clone, Default)]
pub(crate) struct SharedModel(Arc<Mutex<Model>>);

impl SharedModel {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Model {
    /// A moment in the order of observations.
    pub(crate) fn tick(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub(crate) fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    pub(crate) fn first_violation(&self) -> Option<&String> {
        self.violations.first()
    }

    /// Somebody asks the ledger to take a message.
    pub(crate) fn offered(&mut self, message: &NewMessage, ordinal: Option<u64>) {
        let offer = Offer {
            lane: message.lane,
            entity: message.entity,
            category: message.category,
            phone: message.phone,
            text: message.text.clone(),
            parts: message.parts,
            valid_until: message.valid_until,
            rejected: matches!(message.entry, Entry::Reject { .. }),
            ordinal,
            acknowledged: false,
            tries: Vec::new(),
            counted: None,
            earliest: None,
            last_seen: None,
        };
        let known = self.offers.entry(message.id).or_insert(offer);
        // A repeated request is valid from its repetition on, unless the first one was taken.
        known.valid_until = known.valid_until.max(message.valid_until);
        self.lanes.entry(message.lane).or_default();
    }

    /// The ledger said that it has these, unless the chunk had been taken before.
    pub(crate) fn accepted(&mut self, ids: &[MessageId], of_chunk: bool) {
        self.changes += 1;
        for id in ids {
            // A repeated chunk is skipped whole; then the messages of the first try count, whoever they are.
            if let Some(offer) = self.offers.get_mut(id).filter(|_| !of_chunk) {
                offer.acknowledged = true;
            }
        }
    }

    pub(crate) fn expanded(&mut self, lane: LaneId, rows: u64) {
        self.lanes.entry(lane).or_default().expanded = Some(rows);
    }

    /// A claim is asked for at this moment of the wall clock; returns its place in the order of things.
    pub(crate) fn claim_asked(&mut self, low: i64, lanes: Vec<LaneId>) -> u64 {
        let since = self.tick();
        self.asked.insert(since, (low, lanes));
        since
    }

    /// It was answered, one way or the other.
    pub(crate) fn claim_ended(&mut self, since: u64) {
        self.asked.remove(&since);
    }

    /// Claims that the node's death left unanswered may have been committed: then the ledger counts from there.
    fn claims_unanswered(&mut self) {
        for (low, lanes) in std::mem::take(&mut self.asked).into_values() {
            for offer in self.offers.values_mut().filter(|offer| lanes.contains(&offer.lane)) {
                offer.earliest.get_or_insert(low);
            }
        }
    }

    /// A claim was answered. `began`: when it was asked for, on the monotonic clock; `since`: in the order of things.
    pub(crate) fn claimed(
        &mut self,
        outgoing: &[Outgoing],
        began: u64,
        since: u64,
        at: Span,
        gateway: GatewayId,
    ) {
        self.changes += 1;
        for one in outgoing {
            if let Err(what) = self.claimed_one(one, began, since, at, gateway) {
                self.violation(format!("{} was claimed {what}", one.ticket.message));
            }
        }
    }

    fn claimed_one(
        &mut self,
        outgoing: &Outgoing,
        began: u64,
        since: u64,
        at: Span,
        gateway: GatewayId,
    ) -> Result<(), String> {
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
        let view = self.lanes.get(&offer.lane);
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
        self.check_caps(id, offer, at)?;
        if let Some(offer) = self.offers.get_mut(&id) {
            let low = *offer.earliest.get_or_insert(at.low);
            offer.counted.get_or_insert(Span { low, high: at.high });
            offer.tries.push(Try {
                claim: outgoing.ticket.claim,
                began,
                counted_from: low,
                fate: Fate::Handed,
                settled: None,
                told: BTreeSet::new(),
                acknowledged: BTreeSet::new(),
                acknowledged_at: Timestamp::default(),
                failed: false,
                gateway: Some(gateway),
            });
        }
        Ok(())
    }

    /// A message goes onto the wire.
    pub(crate) fn wrote(&mut self, outgoing: &Outgoing, now: u64) {
        self.changes += 1;
        if let Err(what) = self.check_write(outgoing, now) {
            self.violation(format!("{} was written {what}", outgoing.ticket.message));
        }
        if let Some(this) = self.try_of(outgoing.ticket) {
            this.fate = Fate::Written;
        }
    }

    fn check_write(&self, outgoing: &Outgoing, now: u64) -> Result<(), String> {
        let id = outgoing.ticket.message;
        let offer = self.offers.get(&id).ok_or("and was never offered")?;
        let place = offer.tries.iter().position(|t| t.claim == outgoing.ticket.claim);
        let place = place.ok_or("without a claim")?;
        let this = &offer.tries[place];
        if this.fate != Fate::Handed {
            return Err(format!("although this try is {:?}", this.fate));
        }
        if now > this.began + WRITE_DEADLINE {
            return Err(format!("{} ms after its claim began", now - this.began));
        }
        if self.refusal(offer).is_some() {
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

    fn try_of(&mut self, ticket: Ticket) -> Option<&mut Try> {
        let offer = self.offers.get_mut(&ticket.message)?;
        offer.tries.iter_mut().rev().find(|t| t.claim == ticket.claim)
    }

    /// The carrier took parts of a try; it knows them under these ids.
    pub(crate) fn took(&mut self, ticket: Ticket, gateway: GatewayId, ids: &[u64]) {
        for (id, part) in ids.iter().zip(0u8..) {
            let key = (gateway, CarrierMessageId::Number(*id));
            self.parts.insert(key, (ticket.message, ticket.claim, part));
        }
    }

    /// Of which message the carrier speaks, for the story.
    pub(crate) fn message_of(&self, gateway: GatewayId, id: &CarrierMessageId) -> String {
        let found = self.parts.get(&(gateway, id.clone()));
        found.map_or_else(|| "nothing".to_owned(), |(message, ..)| message.to_string())
    }

    /// The engine is told what became of a try.
    pub(crate) fn answered(&mut self, ticket: Ticket, outcome: &SubmitOutcome) {
        self.changes += 1;
        let Some(this) = self.try_of(ticket) else { return };
        this.fate = match outcome {
            SubmitOutcome::Taken(_) => Fate::Taken,
            SubmitOutcome::TakenLate(_) => {
                // Its ids are not settled yet.
                this.settled = None;
                Fate::Taken
            }
            SubmitOutcome::Throttled | SubmitOutcome::NotWritten { .. } => Fate::Nothing,
            SubmitOutcome::Refused { taken, .. } if taken.is_empty() => Fate::Nothing,
            SubmitOutcome::Refused { .. } => Fate::Partial,
            SubmitOutcome::Uncertain { .. } => Fate::Lost,
        };
        self.recount(ticket.message);
    }

    /// What no carrier can have counts for no cap.
    fn recount(&mut self, id: MessageId) {
        if let Some(offer) = self.offers.get_mut(&id)
            && offer.tries.iter().all(|t| t.fate == Fate::Nothing)
        {
            offer.counted = None;
        }
    }

    /// The ledger said that it keeps these answers.
    pub(crate) fn settled(&mut self, partition: PartitionId, settlements: &[Settlement], now: Timestamp) {
        self.changes += 1;
        for settlement in settlements {
            let ticket = settlement.ticket;
            if let Some(this) = self.try_of(ticket) {
                this.settled = Some(now);
                self.forget_hand_over(ticket.message);
                self.unsynced.entry(partition).or_default().push((ticket.message, ticket.claim));
            }
        }
    }

    /// All that a partition committed so far is on the disk.
    pub(crate) fn synced(&mut self, partition: PartitionId) {
        self.unsynced.remove(&partition);
    }

    fn forget_hand_over(&mut self, id: MessageId) {
        if let Some(offer) = self.offers.get_mut(&id)
            && offer.tries.iter().all(|t| t.fate == Fate::Nothing && t.settled.is_some())
        {
            offer.earliest = None;
        }
    }

    /// A receipt is on its way to the engine, or was acknowledged by it.
    pub(crate) fn reported(
        &mut self,
        (gateway, id): (GatewayId, &CarrierMessageId),
        status: ReceiptStatus,
        acknowledged: bool,
        now: Timestamp,
    ) {
        self.changes += 1;
        let Some(&(message, claim, part)) = self.parts.get(&(gateway, id.clone())) else { return };
        let offer = self.offers.get_mut(&message);
        let Some(this) = offer.and_then(|o| o.tries.iter_mut().find(|t| t.claim == claim)) else { return };
        match (status, acknowledged) {
            (ReceiptStatus::Delivered, false) => drop(this.told.insert(part)),
            (ReceiptStatus::Delivered, true) => {
                this.acknowledged.insert(part);
                this.acknowledged_at = now;
            }
            _ => this.failed = true,
        }
    }

    /// The node died. With `power`, what the disk was not waited for may be gone; returns how many answers that is.
    pub(crate) fn node_died(&mut self, power: bool) -> usize {
        self.changes += 1;
        self.claims_unanswered();
        let mut touched = Vec::new();
        for (id, offer) in &mut self.offers {
            for this in &mut offer.tries {
                this.fate = match this.fate {
                    Fate::Handed => Fate::Nothing,
                    Fate::Written => Fate::Lost,
                    fate => fate,
                };
            }
            touched.push(*id);
        }
        touched.into_iter().for_each(|id| self.recount(id));
        self.lanes.values_mut().for_each(|view| (view.changing, view.met) = (0, false));
        self.people.values_mut().for_each(|person| person.lifting = 0);
        let unsynced = std::mem::take(&mut self.unsynced);
        if !power {
            self.unsynced = unsynced;
            return 0;
        }
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
