//! Deliberate faults: what could be wrong with a ledger, a channel or the rules, each switched on alone, so that tests can
//! show that the simulation finds it. They are wrappers of the ports in this one folder; no other crate knows of them.

mod kind;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::campaign::CanaryPhase;
use domain::channel::{Capacity, Channel, Outgoing, Receipt};
use domain::control::{AUDIENCE_CHUNK_ROWS, Campaign};
use domain::downstream::{Fragment, Waiting, WaitingKind, WaitingPlace};
use domain::ids::{
    AccountId, ChannelId, CustomerId, InboundId, LaneId, MessageId, PartitionId, PartitionMap,
};
use domain::lane::{Lane, LaneState};
use domain::ledger::{
    Claim, ClaimRequest, ConsentGrant, Due, Expansion, InboundRecord, LastSent, Ledger, LedgerError,
    MessageFilter, MessageRecord, NewMessage, ReceiptOutcome, Retention, SentOver, Settlement,
    SuppressionOrder, SuppressionRecord, Swept, Tally, UnknownCode,
};
use domain::message::{Category, MessageState};
use domain::phone::Phone;
use domain::policy::{PersonFacts, Policy, RuleId, Suppressed};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;

use crate::cast;

pub use kind::Fault;

impl Fault {
    /// The rules that the engine decides by.
    pub(crate) fn policy(self) -> Arc<Policy> {
        let rules = match self {
            Self::CapOffByOne => cast::rules().with_cap(RuleId::MARKETING_DAY, 2),
            Self::QuietHoursForgotten => cast::rules().without(&[RuleId::QUIET_HOURS]),
            Self::DeadNumberForgotten => cast::rules().without(&[RuleId::DEAD_NUMBER]),
            _ => return cast::policy(),
        };
        rules.build().map_or_else(|_| cast::policy(), Arc::new)
    }

    /// The retries that the engine makes.
    pub(crate) fn retry(self) -> RetryPolicy {
        let mut retry = RetryPolicy::default();
        if self == Self::MarketingGuessed {
            retry.duplicates_allowed.push(Category::Marketing);
        }
        retry
    }

    /// The ledger with the fault in it.
    pub(crate) fn ledger(self, inner: Arc<dyn Ledger>, memory: &Arc<Mutex<Memory>>) -> Arc<dyn Ledger> {
        match self {
            Self::None => inner,
            fault => Arc::new(FaultyLedger { inner, fault, memory: Arc::clone(memory) }),
        }
    }

    /// Whose claims a node that starts ends besides its own.
    pub(crate) fn also_recovered(self, place: usize) -> Vec<u8> {
        let others = (0..cast::NODES).filter(|other| *other != place).map(cast::node);
        if self == Self::OthersRecovered { others.collect() } else { Vec::new() }
    }

    pub(crate) fn forgets_takeover(self) -> bool {
        self == Self::TakeoverForgotten
    }

    pub(crate) fn forgets_fence(self) -> bool {
        self == Self::FenceForgotten
    }

    pub(crate) fn acknowledges_at_once(self) -> bool {
        self == Self::AcknowledgedAtOnce
    }

    /// What a read says of some parts: token, what became of it, whether late.
    pub(crate) fn mix_up<P>(self, steps: &mut [(u64, P, bool)]) {
        if let (Self::AnswersMixedUp, [(one, ..), (other, ..), ..]) = (self, steps) {
            std::mem::swap(one, other);
        }
    }

    /// A campaign as it is read from the control database.
    pub(crate) fn read(self, mut campaign: Campaign) -> Campaign {
        if let (Self::CanaryForgotten, Some(canary)) = (self, &mut campaign.canary) {
            canary.phase = CanaryPhase::Released;
        }
        campaign
    }

    /// A campaign as a list of the control database shows it.
    pub(crate) fn listed(self, mut campaign: Campaign) -> Campaign {
        if self == Self::ScheduleForgotten {
            campaign.scheduled_at = None;
        }
        campaign
    }

    pub(crate) fn loses_grants(self) -> bool {
        self == Self::GrantLost
    }

    pub(crate) fn forgets_cancels(self) -> bool {
        self == Self::CancelForgotten
    }

    pub(crate) fn forgets_redactions(self) -> bool {
        self == Self::RedactionForgotten
    }

    pub(crate) fn posts_twice(self) -> bool {
        self == Self::PostedTwice
    }

    pub(crate) fn forgets_refunds(self) -> bool {
        self == Self::RefundForgotten
    }

    /// The channel with the fault in it.
    pub(crate) fn channel(self, inner: Arc<dyn Channel>) -> Arc<dyn Channel> {
        match self {
            Self::RecallForgotten | Self::DeadlineForgotten => Arc::new(FaultyChannel { inner, fault: self }),
            _ => inner,
        }
    }
}

/// What faults remember, also over restarts.
#[derive(Default)]
pub(crate) struct Memory {
    /// Handed out and not settled.
    out: Vec<Outgoing>,
    /// Of those, what will be handed out again.
    again: Vec<Outgoing>,
    /// Refusals on their way.
    held: Vec<(PartitionId, SuppressionOrder)>,
    /// What was handed out last.
    last: Option<Outgoing>,
}

pub(crate) struct FaultyLedger {
    pub inner: Arc<dyn Ledger>,
    fault: Fault,
    memory: Arc<Mutex<Memory>>,
}

impl FaultyLedger {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Asked<T> = Result<T, LedgerError>;

#[async_trait]
impl Ledger for FaultyLedger {
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
        if self.is(Fault::PauseForgotten) && lane.state != LaneState::Open {
            return Ok(());
        }
        let version = if self.is(Fault::VersionForgotten) { 0 } else { lane.version };
        self.inner.put_lane(Lane { version, ..lane }).await
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
        if self.is(Fault::AcceptBeforeCommit) {
            let (inner, count) = (Arc::clone(&self.inner), messages.len() as u32);
            tokio::spawn(async move { inner.accept(partition, messages, expansion, now).await });
            return Ok(count);
        }
        let expansion = expansion.filter(|_| !self.is(Fault::ChunkTwice));
        let count = messages.len() as u32;
        let again = if self.is(Fault::DrawUnchecked) { messages.clone() } else { Vec::new() };
        match self.inner.accept(partition, messages, expansion, now).await {
            Err(LedgerError::Overdrawn { account, missing }) if self.is(Fault::DrawUnchecked) => {
                let known = self.inner.allowances(partition).await?;
                let known = known.iter().find(|(whose, _)| *whose == account);
                let granted = known.map(|(_, of)| of.granted).unwrap_or_default() + missing;
                self.inner.granted(partition, account, granted).await?;
                self.inner.accept(partition, again, expansion, now).await
            }
            Err(LedgerError::Full) if self.is(Fault::FullIgnored) => Ok(count),
            answer => answer,
        }
    }

    async fn expanded_through(&self, partition: PartitionId, lane: LaneId) -> Asked<u64> {
        let through = self.inner.expanded_through(partition, lane).await?;
        Ok(if self.is(Fault::MarkTooFar) { through + AUDIENCE_CHUNK_ROWS as u64 } else { through })
    }

    async fn claim(&self, request: ClaimRequest) -> Asked<Claim> {
        let (partition, channel) = (request.partition, request.channel);
        let mut claim = self.inner.claim(request).await?;
        if self.is(Fault::MarkForgotten) {
            claim.outgoing.iter_mut().for_each(|outgoing| outgoing.possible_duplicate = false);
        }
        if self.is(Fault::DoubleClaim) {
            let mut memory = self.memory();
            let here = |outgoing: &Outgoing| outgoing.ticket.partition == partition && channel.0 > 0;
            let (mut again, rest) = std::mem::take(&mut memory.again).into_iter().partition(here);
            memory.again = rest;
            memory.out.extend(claim.outgoing.iter().cloned());
            claim.outgoing.append(&mut again);
        }
        if self.is(Fault::ClaimWithoutLock) {
            let mut memory = self.memory();
            let next = claim.outgoing.last().cloned();
            let last = std::mem::replace(&mut memory.last, next);
            claim.outgoing.extend(last.filter(|outgoing| outgoing.ticket.partition == partition));
        }
        let held = std::mem::take(&mut self.memory().held);
        for (partition, order) in held {
            self.inner.suppress(partition, vec![order]).await?;
        }
        Ok(claim)
    }

    async fn settle(&self, partition: PartitionId, mut settlements: Vec<Settlement>) -> Asked<()> {
        self.memory().out.retain(|outgoing| settlements.iter().all(|s| s.ticket != outgoing.ticket));
        if self.is(Fault::SettlementForgotten) && settlements.len() > 1 {
            settlements.pop();
        }
        if self.is(Fault::SettleBeforeCommit) {
            let inner = Arc::clone(&self.inner);
            tokio::spawn(async move { inner.settle(partition, settlements).await });
            return Ok(());
        }
        self.inner.settle(partition, settlements).await
    }

    async fn receipts(
        &self,
        partition: PartitionId,
        receipts: Vec<Receipt>,
        hold: bool,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Asked<Vec<ReceiptOutcome>> {
        if self.is(Fault::ReceiptDropped) || (hold && self.is(Fault::EarlyReceiptDropped)) {
            return Ok(receipts.iter().map(|_| ReceiptOutcome::Duplicate).collect());
        }
        self.inner.receipts(partition, receipts, hold, retry, now).await
    }

    async fn suppress(&self, partition: PartitionId, orders: Vec<SuppressionOrder>) -> Asked<()> {
        if self.is(Fault::StaleFacts) {
            self.memory().held.extend(orders.into_iter().map(|order| (partition, order)));
            return Ok(());
        }
        self.inner.suppress(partition, orders).await
    }

    async fn unsuppress(&self, phone: Phone, suppressed: Suppressed, now: Timestamp) -> Asked<u32> {
        self.inner.unsuppress(phone, suppressed, now).await
    }

    async fn consent(&self, partition: PartitionId, grants: Vec<ConsentGrant>) -> Asked<()> {
        self.inner.consent(partition, grants).await
    }

    async fn inbound(&self, record: InboundRecord, mut orders: Vec<SuppressionOrder>) -> Asked<bool> {
        if self.is(Fault::OptOutLost) {
            orders.clear();
        }
        if self.is(Fault::ChatDropped) && orders.is_empty() {
            return Ok(true);
        }
        self.inner.inbound(record, orders).await
    }

    async fn last_sent(&self, phone: Phone, over: &SentOver, since: Timestamp) -> Asked<Vec<LastSent>> {
        self.inner.last_sent(phone, over, since).await
    }

    async fn facts(&self, partition: PartitionId, phones: Vec<Phone>) -> Asked<Vec<PersonFacts>> {
        self.inner.facts(partition, phones).await
    }

    async fn unknown_codes(&self) -> Asked<Vec<UnknownCode>> {
        self.inner.unknown_codes().await
    }

    async fn tallies(&self, lanes: &[LaneId]) -> Asked<Vec<Tally>> {
        let mut tallies = self.inner.tallies(lanes).await?;
        if self.is(Fault::TallyMiscounted)
            && let Some(tally) = tallies.iter_mut().find(|tally| tally.to == MessageState::Submitted)
        {
            tally.messages += 1;
        }
        Ok(tallies)
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
        self.inner.hold_fragments(partition, fragments).await
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
        self.inner.forget_waiting(partition, customer, kind, places).await
    }

    async fn recover(&self, retry: Arc<RetryPolicy>, now: Timestamp) -> Asked<u32> {
        {
            let mut memory = self.memory();
            let out = std::mem::take(&mut memory.out);
            memory.again.extend(out);
        }
        if self.is(Fault::RecoveryForgotten) {
            return Ok(0);
        }
        self.inner.recover(retry, now).await
    }

    async fn sweep(
        &self,
        partition: PartitionId,
        retention: Retention,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Asked<Swept> {
        self.inner.sweep(partition, retention, retry, now).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

struct FaultyChannel {
    inner: Arc<dyn Channel>,
    fault: Fault,
}

#[async_trait]
impl Channel for FaultyChannel {
    fn id(&self) -> ChannelId {
        self.inner.id()
    }

    fn capacity(&self) -> Capacity {
        self.inner.capacity()
    }

    async fn capacity_changed(&self) {
        self.inner.capacity_changed().await;
    }

    fn submit(&self, batch: Vec<Outgoing>, write_deadline_millis: u64) {
        let forgotten = self.fault == Fault::DeadlineForgotten;
        self.inner.submit(batch, if forgotten { u64::MAX } else { write_deadline_millis });
    }

    fn recall(&self, phone: Phone) -> usize {
        if self.fault == Fault::RecallForgotten { 0 } else { self.inner.recall(phone) }
    }
}
