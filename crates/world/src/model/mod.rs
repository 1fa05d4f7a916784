//! What must be true, told independently: the model sees what the engine was answered and what reached the carriers,
//! and reuses nothing of the ledger.
//!
//! It knows less than the ledger where a crash hides something (a claim committed and never answered), so each check
//! says only what is certain. What is checked as things happen stands in `claims.rs`, what lies in the ledger in
//! `inspect.rs`.

pub(crate) mod caps;
mod claims;
pub(crate) mod inspect;
mod numbers;
mod orders;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::channel::{CarrierMessageId, ReceiptStatus, SubmitOutcome, Ticket};
use domain::ids::{AccountId, CampaignId, EntityId, GatewayId, LaneId, MessageId, PartitionId};
use domain::lane::LaneState;
use domain::ledger::{Disposition, Entry, NewMessage, Settlement};
use domain::message::{Category, MessageState, Reason};
use domain::phone::Phone;
use domain::policy::Scope;
use domain::time::Timestamp;

use crate::audience::ordinal_of;
use crate::campaigns::Held;

/// A span of the wall clock in milliseconds within which something was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub low: i64,
    pub high: i64,
}

/// Who acknowledged something, and when on the true monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct By {
    pub node: usize,
    pub at: u64,
}

/// When a claim was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimedAt {
    /// When it was asked for, on the monotonic clock.
    pub began: u64,
    /// The same in the order of things.
    pub since: u64,
    pub at: Span,
}

/// A claim that was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct AskedClaim {
    node: usize,
    /// What its node's wall clock showed.
    low: i64,
    lanes: Vec<LaneId>,
    /// It was asked for by a node that had been taken over.
    fenced: bool,
    /// Its node was taken over while it waited for the answer.
    overtaken: bool,
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
    node: usize,
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
    /// When the first of them was told.
    told_at: Timestamp,
    /// A receipt said that it will not arrive.
    failed: bool,
    gateway: Option<GatewayId>,
}

/// A message that somebody asked the ledger to take.
#[derive(Clone, Debug)]
struct Offer {
    account: AccountId,
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
    /// The claim by which that was: of one partition, a later claim has a higher number.
    counted_by: i64,
    /// The earliest moment from which the ledger may count it: it keeps the first hand-over of which it was not told
    /// that nothing came of it.
    earliest: Option<i64>,
    /// A claim of it was perhaps ended by others than its node: then the ledger took it for sent, and goes on counting it
    /// from there whatever the node says later.
    recovered: bool,
    last_seen: Option<(MessageState, Reason)>,
    /// A receipt of it was kept before its answer was settled.
    held: bool,
    /// What its owner asked of it.
    orders: orders::Orders,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct LaneView {
    /// The state that was acknowledged last, and when; unknown while it changes.
    state: Option<(LaneState, u64)>,
    /// Who is changing it.
    changing: Vec<usize>,
    /// Of the answered changes that met those under way, the newest: its campaign's version and state.
    newest: Option<(i64, LaneState)>,
    /// One of them failed, or its node died: it may have happened, as the last.
    doubt: bool,
    /// Of a campaign: the moment before which nothing of it may be accepted.
    pub(crate) not_before: Option<Timestamp>,
    /// Its start was acknowledged.
    started: bool,
    /// Rows of the audience, once all of them must be there.
    expanded: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    scope: Scope,
    category: Option<Category>,
    since: u64,
    by: By,
}

#[derive(Clone, Debug, Default)]
struct Person {
    refusals: Vec<Refusal>,
    /// Who is lifting: what is refused meanwhile may be lifted with it.
    lifting: Vec<usize>,
    consents: BTreeSet<EntityId>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Model {
    /// Observations so far: the order of what was seen.
    seq: u64,
    offers: BTreeMap<MessageId, Offer>,
    pub(crate) lanes: BTreeMap<LaneId, LaneView>,
    /// The first lane of the campaign of each lane: its state, start and audience are the campaign's.
    pub(crate) first_lanes: BTreeMap<LaneId, LaneId>,
    /// Campaigns that hold back all but their canary.
    pub(crate) held: BTreeMap<CampaignId, Held>,
    people: BTreeMap<Phone, Person>,
    numbers: BTreeMap<Phone, numbers::Number>,
    parts: BTreeMap<(GatewayId, CarrierMessageId), (MessageId, i64, u8)>,
    /// By partition, the tries whose settlement a power loss may take back.
    unsynced: BTreeMap<PartitionId, Vec<(MessageId, i64)>>,
    /// Claims that were asked for and not answered.
    asked: BTreeMap<u64, AskedClaim>,
    violations: Vec<String>,
    /// Changes of state seen: commits, writes, answers, receipts.
    pub changes: u64,
    /// The commits among them, of which some only look after the house.
    pub commits: u64,
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

    /// Changes that something happened to messages or campaigns by.
    pub(crate) fn moves(&self) -> u64 {
        self.changes - self.commits
    }

    pub(crate) fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    pub(crate) fn first_violation(&self) -> Option<&String> {
        self.violations.first()
    }

    /// Messages of some lanes that were claimed at least once.
    pub(crate) fn sent_of(&self, lanes: &[LaneId]) -> usize {
        let of = |offer: &&Offer| lanes.contains(&offer.lane) && !offer.tries.is_empty();
        self.offers.values().filter(of).count()
    }

    /// Its start was acknowledged.
    pub(crate) fn started(&mut self, lane: LaneId) {
        self.changes += 1;
        self.lanes.entry(lane).or_default().started = true;
    }

    pub(crate) fn is_started(&self, lane: LaneId) -> bool {
        self.lanes.get(&lane).is_some_and(|view| view.started)
    }

    /// Somebody asks the ledger to take a message.
    pub(crate) fn offered(&mut self, message: &NewMessage, latest: Timestamp) {
        let offer = Offer {
            account: message.account,
            lane: message.lane,
            entity: message.entity,
            category: message.category,
            phone: message.phone,
            text: message.text.clone(),
            parts: message.parts,
            valid_until: message.valid_until,
            rejected: matches!(message.entry, Entry::Reject { .. }),
            ordinal: ordinal_of(message),
            acknowledged: false,
            tries: Vec::new(),
            counted: None,
            counted_by: 0,
            earliest: None,
            recovered: false,
            last_seen: None,
            held: false,
            orders: orders::Orders::default(),
        };
        let known = self.offers.entry(message.id).or_insert(offer);
        if known.phone != message.phone || known.lane != message.lane || known.text != message.text {
            let id = message.id;
            return self.violation(format!("{id} is the id of two messages"));
        }
        // A repeated request is valid from its repetition on, unless the first one was taken.
        known.valid_until = known.valid_until.max(message.valid_until);
        let first = self.first_of(message.lane);
        if self.lanes.entry(first).or_default().not_before.is_some_and(|at| latest < at) {
            self.violation(format!("{} was accepted before its campaign's time", message.id));
        }
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

    fn try_of(&mut self, ticket: Ticket) -> Option<&mut Try> {
        let offer = self.offers.get_mut(&ticket.message)?;
        offer.tries.iter_mut().rev().find(|t| t.claim == ticket.claim)
    }

    /// The carrier took a part of a try; it knows it under this id.
    pub(crate) fn took(&mut self, ticket: Ticket, gateway: GatewayId, id: u64, part: u8) {
        let key = (gateway, CarrierMessageId::Number(id));
        self.parts.insert(key, (ticket.message, ticket.claim, part));
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
                // The settlement of a late answer counts, not that of the guess before it.
                let last = matches!(settlement.disposition, Disposition::Submitted { .. });
                if this.fate != Fate::Taken || last {
                    this.settled = Some(now);
                }
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
            && !offer.recovered
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
            (ReceiptStatus::Delivered, false) => {
                this.told.insert(part);
                this.told_at = this.told_at.min(now);
            }
            (ReceiptStatus::Delivered, true) => drop(this.acknowledged.insert(part)),
            _ => this.failed = true,
        }
    }
}
