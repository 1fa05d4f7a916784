//! The ledger as the engine sees it, with the model looking over its shoulder: what is asked, what is answered, and the
//! answer arriving a little later than it was given, as it does where many threads run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::channel::{Receipt, ReceiptStatus};
use domain::downstream::{Fragment, Waiting, WaitingKind, WaitingPlace};
use domain::ids::{AccountId, CustomerId, InboundId, LaneId, MessageId, PartitionId, PartitionMap};
use domain::lane::Lane;
use domain::ledger::{
    Claim, ClaimRequest, ConsentGrant, Due, Expansion, InboundRecord, LastSent, Ledger, LedgerError,
    MessageFilter, MessageRecord, NewMessage, ReceiptOutcome, Retention, SentOver, Settlement,
    SuppressionOrder, SuppressionRecord, Swept, Tally, UnknownCode,
};
use domain::phone::Phone;
use domain::policy::{PersonFacts, Suppressed};
use domain::retry::RetryPolicy;
use domain::time::{Clock as _, Timestamp};
use store::ledger::SqliteLedger;

use crate::cast;
use crate::clock::{NodeClock, WorldClock};
use crate::coverage::Coverage;
use crate::faults::Fault;
use crate::model::{By, ClaimedAt, SharedModel, Span};
use crate::random::Random;

type Asked<T> = Result<T, LedgerError>;

/// Codes of the carriers by which they call a number dead.
const DEAD: [&str; 1] = ["MK:0001"];

/// What a receipt says of its phone.
#[derive(Clone, Copy)]
struct Heard {
    message: MessageId,
    phone: Phone,
    /// Whether it is alive, else dead; and when the ledger was asked.
    says: Option<(bool, u64)>,
}

/// [`Ledger`] of one node under observation.
pub(crate) struct WatchedLedger {
    pub inner: Arc<dyn Ledger>,
    /// Beneath what may be wrong with it: for what is no part of the port.
    pub seen: Arc<SqliteLedger>,
    /// The node.
    pub place: usize,
    /// Others have taken its claims over: it may claim nothing more.
    pub fenced: Arc<AtomicBool>,
    pub fault: Fault,
    pub model: SharedModel,
    pub clock: Arc<NodeClock>,
    pub world: Arc<WorldClock>,
    pub coverage: Arc<Mutex<Coverage>>,
    pub random: Mutex<Random>,
}

impl WatchedLedger {
    /// What other threads do before the caller goes on.
    pub(crate) async fn linger(&self) {
        let turns = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            match random.below(10) {
                0..7 => 0,
                7..9 => random.between(1, 4),
                _ => random.between(5, 60),
            }
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    /// Says who acknowledges something, and when.
    pub(crate) fn witness(&self) -> impl Fn() -> By + Send + use<> {
        let (node, world) = (self.place, Arc::clone(&self.world));
        move || By { node, at: world.monotonic_millis() }
    }

    /// What receipts will say of their phones, if the ledger applies them.
    fn listen(&self, receipts: &[Receipt]) -> Vec<Heard> {
        let mut model = self.model.lock();
        let mut listen = |receipt: &Receipt| {
            let (message, phone) = model.phone_of(receipt.gateway, &receipt.carrier_id)?;
            let alive = receipt.status == ReceiptStatus::Delivered;
            if !alive && !DEAD.contains(&receipt.code.as_str()) {
                return Some(Heard { message, phone, says: None });
            }
            let asked = if alive {
                model.life_begins(phone, self.place)
            } else {
                model.dead_begins(phone, self.place)
            };
            Some(Heard { message, phone, says: Some((alive, asked)) })
        };
        let nothing = Heard { message: MessageId::from_raw(0), phone: cast::phones()[0], says: None };
        receipts.iter().map(|receipt| listen(receipt).unwrap_or(nothing)).collect()
    }

    /// What the ledger knows of a phone that has just shown life.
    async fn look_for_life(&self, phone: Phone, asked: u64) {
        if !self.model.lock().ends_it(phone, asked) {
            return;
        }
        let partition = self.seen.partitions().of(phone.slot());
        if let Ok(facts) = self.seen.facts(partition, vec![phone]).await
            && let Some(facts) = facts.first()
        {
            self.count("numbers", "showed life");
            self.model.lock().life_shown(phone, asked, facts);
        }
    }

    /// What became of them; no outcomes at all when the ledger refused. Returns the phones that showed life.
    fn heard(&self, heard: Vec<Heard>, outcomes: &[ReceiptOutcome], now: Timestamp) -> Vec<(Phone, u64)> {
        let at = Span { low: now.millis(), high: self.world.latest().max(self.clock.now()).millis() };
        let mut model = self.model.lock();
        let mut alive = Vec::new();
        for (place, Heard { message, phone, says }) in heard.into_iter().enumerate() {
            let outcome = outcomes.get(place);
            let applied = matches!(outcome, Some(ReceiptOutcome::Applied { .. }));
            match says {
                Some((true, asked)) => {
                    model.life_ends(phone, self.place, applied.then_some(asked));
                    alive.extend(applied.then_some((phone, asked)));
                }
                Some((false, asked)) => {
                    model.dead_ends(phone, self.place);
                    if applied {
                        model.called_dead(phone, asked, at);
                    }
                }
                None => {}
            }
            if matches!(outcome, Some(ReceiptOutcome::Held)) {
                model.receipt_is_held(message);
            }
        }
        let dead = model.dead_numbers();
        drop(model);
        if dead > 0 {
            self.count("numbers", "dead");
        }
        alive
    }

    /// Ends the claims of another node, which is silent.
    pub(crate) async fn take_over(&self, node: u8, retry: RetryPolicy) -> Asked<u32> {
        if self.fault.forgets_takeover() {
            return Ok(0);
        }
        let answer = self.seen.recover_node(node, Arc::new(retry), self.clock.now()).await;
        self.note(&answer);
        if matches!(answer, Ok(found) if found > 0) {
            self.count("fault", "claims taken over");
        }
        self.linger().await;
        answer
    }

    fn count(&self, kind: &str, what: &str) {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner).count(kind, what);
    }

    fn note<T>(&self, answer: &Asked<T>) {
        if let Err(error) = answer {
            let kind = match error {
                LedgerError::Full => "full",
                LedgerError::Unavailable(_) => "unavailable",
                LedgerError::Inconsistent { .. } => "inconsistent",
                LedgerError::NoSuch(_) => "no such",
                LedgerError::ClockBehind { .. } => "clock behind",
                LedgerError::Fenced => "fenced",
                LedgerError::Closed => "closed",
                LedgerError::Overdrawn { .. } => "overdrawn",
            };
            self.count("error", kind);
            if let LedgerError::Inconsistent { .. } = error {
                self.model.lock().violation(format!("the ledger says: {error}"));
            }
        }
    }
}

#[async_trait]
impl Ledger for WatchedLedger {
    fn partitions(&self) -> PartitionMap {
        self.inner.partitions()
    }

    fn due(&self) -> Vec<Due> {
        self.inner.due()
    }

    async fn due_changed(&self) {
        self.inner.due_changed().await;
    }

    fn told(&self) -> Vec<(PartitionId, CustomerId)> {
        self.inner.told()
    }

    async fn put_lane(&self, lane: Lane) -> Asked<()> {
        let answer = self.inner.put_lane(lane).await;
        self.note(&answer);
        self.linger().await;
        answer
    }

    async fn lanes(&self) -> Asked<Vec<Lane>> {
        self.inner.lanes().await
    }

    async fn accept(
        &self,
        partition: PartitionId,
        messages: Vec<NewMessage>,
        expansion: Option<Expansion>,
        now: Timestamp,
    ) -> Asked<u32> {
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        {
            let mut model = self.model.lock();
            let latest = self.world.latest();
            messages.iter().for_each(|message| model.offered(message, latest));
        }
        let answer = self.inner.accept(partition, messages, expansion, now).await;
        self.note(&answer);
        if let Ok(fresh) = &answer {
            let of_chunk = expansion.is_some() && *fresh as usize != ids.len();
            self.model.lock().accepted(&ids, of_chunk);
        }
        self.linger().await;
        answer
    }

    async fn expanded_through(&self, partition: PartitionId, lane: LaneId) -> Asked<u64> {
        self.inner.expanded_through(partition, lane).await
    }

    async fn claim(&self, request: ClaimRequest) -> Asked<Claim> {
        let fenced = self.fenced.load(Ordering::Relaxed);
        if fenced && !self.fault.forgets_fence() {
            return Err(LedgerError::Closed);
        }
        let (gateway, low) = (request.gateway, request.now.millis());
        // The engine reads its clock for the write deadline before it asks.
        let began = self.clock.monotonic_millis();
        let lanes = request.takes.iter().map(|take| take.stream.lane).collect();
        let since = self.model.lock().claim_asked(self.place, low, lanes, fenced);
        let answer = self.inner.claim(request).await;
        let asked = self.model.lock().claim_ended(since);
        self.note(&answer);
        if let Ok(claim) = &answer {
            // It decided on the partition's now, which may be ahead of this node's.
            let at = Span { low, high: self.world.latest().max(self.clock.now()).millis() };
            self.model.lock().claimed(&claim.outgoing, &asked, ClaimedAt { began, since, at }, gateway);
            claim.paused.iter().for_each(|_| self.count("claim", "paused a lane"));
        }
        self.linger().await;
        answer
    }

    async fn settle(&self, partition: PartitionId, settlements: Vec<Settlement>) -> Asked<()> {
        let held: Vec<Phone> = {
            let mut model = self.model.lock();
            let held = settlements.iter().filter_map(|s| model.of_held(s.ticket.message));
            let held: Vec<Phone> = held.collect();
            for phone in &held {
                model.life_begins(*phone, self.place);
                model.dead_begins(*phone, self.place);
            }
            held
        };
        let answer = self.inner.settle(partition, settlements.clone()).await;
        self.note(&answer);
        for phone in held {
            let mut model = self.model.lock();
            model.life_ends(phone, self.place, None);
            model.dead_ends(phone, self.place);
        }
        if answer.is_ok() {
            self.model.lock().settled(partition, &settlements, self.world.now());
        }
        self.linger().await;
        answer
    }

    async fn receipts(
        &self,
        partition: PartitionId,
        receipts: Vec<Receipt>,
        hold: bool,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Asked<Vec<ReceiptOutcome>> {
        let heard = self.listen(&receipts);
        let answer = self.inner.receipts(partition, receipts, hold, retry, now).await;
        self.note(&answer);
        for (phone, asked) in self.heard(heard, answer.as_deref().unwrap_or_default(), now) {
            self.look_for_life(phone, asked).await;
        }
        for outcome in answer.iter().flatten() {
            let word = match outcome {
                ReceiptOutcome::Applied { .. } => "applied",
                ReceiptOutcome::Duplicate => "duplicate",
                ReceiptOutcome::Unmatched => "unmatched",
                ReceiptOutcome::Held => "held",
            };
            self.count("outcome", word);
        }
        self.linger().await;
        answer
    }

    async fn suppress(&self, partition: PartitionId, orders: Vec<SuppressionOrder>) -> Asked<()> {
        let answer = self.inner.suppress(partition, orders).await;
        self.note(&answer);
        self.linger().await;
        answer
    }

    async fn unsuppress(&self, phone: Phone, suppressed: Suppressed, now: Timestamp) -> Asked<u32> {
        let answer = self.inner.unsuppress(phone, suppressed, now).await;
        self.note(&answer);
        answer
    }

    async fn consent(&self, partition: PartitionId, grants: Vec<ConsentGrant>) -> Asked<()> {
        let answer = self.inner.consent(partition, grants).await;
        self.note(&answer);
        answer
    }

    async fn inbound(&self, record: InboundRecord, orders: Vec<SuppressionOrder>) -> Asked<bool> {
        let phone = record.from;
        let asked = self.model.lock().life_begins(phone, self.place);
        let answer = self.inner.inbound(record, orders).await;
        self.note(&answer);
        let certain = matches!(answer, Ok(true)).then_some(asked);
        self.model.lock().life_ends(phone, self.place, certain);
        if certain.is_some() {
            self.look_for_life(phone, asked).await;
        }
        self.linger().await;
        answer
    }

    async fn last_sent(&self, phone: Phone, over: &SentOver, since: Timestamp) -> Asked<Vec<LastSent>> {
        let answer = self.inner.last_sent(phone, over, since).await;
        self.linger().await;
        answer
    }

    async fn facts(&self, partition: PartitionId, phones: Vec<Phone>) -> Asked<Vec<PersonFacts>> {
        self.inner.facts(partition, phones).await
    }

    async fn unknown_codes(&self) -> Asked<Vec<UnknownCode>> {
        self.inner.unknown_codes().await
    }

    async fn tallies(&self, lanes: &[LaneId]) -> Asked<Vec<Tally>> {
        self.inner.tallies(lanes).await
    }

    async fn message(&self, account: AccountId, id: MessageId) -> Asked<Option<MessageRecord>> {
        self.inner.message(account, id).await
    }

    async fn messages(
        &self,
        filter: &MessageFilter,
        limit: u32,
    ) -> Asked<(Vec<MessageRecord>, Option<MessageId>)> {
        self.inner.messages(filter, limit).await
    }

    async fn suppressions(
        &self,
        account: AccountId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Asked<Vec<SuppressionRecord>> {
        self.inner.suppressions(account, before, limit).await
    }

    async fn inbounds(
        &self,
        account: AccountId,
        before: Option<InboundId>,
        limit: u32,
    ) -> Asked<Vec<InboundRecord>> {
        self.inner.inbounds(account, before, limit).await
    }

    async fn hold_fragments(&self, partition: PartitionId, fragments: Vec<Fragment>) -> Asked<()> {
        let answer = self.inner.hold_fragments(partition, fragments).await;
        self.note(&answer);
        answer
    }

    async fn waiting(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        kind: WaitingKind,
        after: WaitingPlace,
        limit: u32,
    ) -> Asked<Vec<Waiting>> {
        self.inner.waiting(partition, customer, kind, after, limit).await
    }

    async fn forget_waiting(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        kind: WaitingKind,
        places: Vec<WaitingPlace>,
    ) -> Asked<()> {
        let answer = self.inner.forget_waiting(partition, customer, kind, places).await;
        self.note(&answer);
        answer
    }

    async fn recover(&self, retry: Arc<RetryPolicy>, now: Timestamp) -> Asked<u32> {
        for other in self.fault.also_recovered(self.place) {
            self.seen.recover_node(other, Arc::clone(&retry), now).await?;
        }
        let answer = self.inner.recover(retry, now).await;
        self.note(&answer);
        answer
    }

    async fn sweep(
        &self,
        partition: PartitionId,
        retention: Retention,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Asked<Swept> {
        let answer = self.inner.sweep(partition, retention, retry, now).await;
        self.note(&answer);
        answer
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
