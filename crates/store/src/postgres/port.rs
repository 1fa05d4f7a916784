//! [`Ledger`] on PostgreSQL: each operation is one transaction on one partition, and a note of what it changed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::channel::Receipt;
use domain::downstream::{Fragment, Waiting, WaitingKind, WaitingPlace};
use domain::ids::{AccountId, CustomerId, InboundId, LaneId, MessageId, PartitionId, PartitionMap};
use domain::lane::Lane;
use domain::ledger::{
    Claim, ClaimRequest, ConsentGrant, Due, Expansion, InboundRecord, LastSent, Ledger, LedgerError,
    MessageFilter, MessageRecord, NewMessage, ReceiptOutcome, Retention, SentOver, Settlement,
    SuppressionOrder, SuppressionRecord, Swept, TakeOutcome, Tally, UnknownCode,
};
use domain::nodes::NodeId;
use domain::phone::Phone;
use domain::policy::{Consented, PersonFacts, Suppressed};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use tokio::task::JoinHandle;

use super::accept::{Accept, Incoming};
use super::claim::{ClaimDue, Taken};
use super::database::Shared;
use super::due::{Lookout, Touched, poll};
use super::early::{Match, PartKey, Ready, key_of};
use super::events::Horizon;
use super::lanes::{ExpandedThrough, Lanes, PutLane};
use super::people::{Consent, Inbound, Suppress, Unsuppress};
use super::read::{FactsOf, Inbounds, Message, Messages, Newest, Sent, Suppressions};
use super::receipts::Receipts;
use super::recover::Recover;
use super::schema;
use super::settle::Settle;
use super::sweep::Sweep;
use super::tally::{Codes, Tallies};
use super::waiting::{ForgetWaiting, HoldFragments, WaitingPage};
use crate::moves::fault::Fault;
use crate::moves::parts::status_code;
use crate::moves::records::{merge, newest};
use crate::moves::tally::{fold, fold_codes};
use control::check_postgres;

/// How often a claim looks whether another node is done with the partition, and how long it waits in between: a claim
/// takes some ten milliseconds. After that its caller is told to come back.
const TURNS: u32 = 8;
const TURN: Duration = Duration::from_millis(4);
/// Consents of one transaction: many more would hold up claims for longer than 20 ms.
const CONSENT_ROWS: usize = 2_000;

/// The ledger on PostgreSQL, as one node sees it. Made by [`PostgresLedger::open`]; closed by [`Ledger::close`] or when
/// dropped.
pub struct PostgresLedger {
    shared: Arc<Shared>,
    pub(super) lookout: Arc<Lookout>,
    poll: JoinHandle<()>,
    /// The policy that a caller gave last: settlements that meet a receipt decide by it.
    retry: Mutex<Arc<RetryPolicy>>,
    pub(super) horizon: Horizon,
}

impl PostgresLedger {
    pub(super) async fn start(shared: Shared) -> Result<Arc<Self>, LedgerError> {
        let shared = Arc::new(shared);
        let lookout = Arc::new(Lookout::new(Arc::clone(&shared)));
        for id in shared.map.all() {
            lookout.look(id).await?;
        }
        let poll = tokio::spawn(poll(Arc::downgrade(&lookout)));
        let retry = Mutex::new(Arc::new(RetryPolicy::default()));
        Ok(Arc::new(Self { shared, lookout, poll, retry, horizon: Horizon::default() }))
    }

    pub(super) async fn end_claims(
        &self,
        node: NodeId,
        fenced: bool,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<u32, LedgerError> {
        self.remember(&retry);
        let mut found = 0;
        for partition in self.shared.map.all() {
            let _turn = self.shared.known(partition)?.turn.lock().await;
            let operation = Recover { partition, node, fenced, retry: &retry, now };
            let (some, touched) = self.shared.transact(&operation).await?;
            self.lookout.note(partition, touched).await;
            found += some;
        }
        Ok(found)
    }

    /// When the newest message of all was made: ids go on from there ([`domain::ids::IdGenerator::start_after`]).
    ///
    /// # Errors
    /// As of any read.
    pub async fn newest_message(&self) -> Result<Option<Timestamp>, LedgerError> {
        let mut newest = None;
        for partition in self.shared.map.all() {
            newest = newest.max(self.shared.look(&Newest { partition }).await?);
        }
        Ok(newest)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn remember(&self, retry: &Arc<RetryPolicy>) {
        *self.retry.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(retry);
    }

    pub(super) fn retry(&self) -> Arc<RetryPolicy> {
        Arc::clone(&self.retry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn home(&self, phone: Phone) -> PartitionId {
        self.shared.map.of(phone.slot())
    }

    fn index(&self, phone: Phone) -> i64 {
        self.shared.sealer.phone_index(phone)
    }

    fn now(&self, partition: PartitionId, clock: Timestamp) -> Result<Timestamp, LedgerError> {
        self.shared.now(partition, Timestamp::default(), clock).map_err(Fault::into_error)
    }

    /// After a commit: applies receipts whose part is known by now. What fails here is left to the sweep.
    async fn match_early(
        &self,
        partition: PartitionId,
        keys: BTreeSet<PartKey>,
        now: Timestamp,
    ) -> super::early::Matched {
        let retry = self.retry();
        let matched = async {
            let ready = self.shared.look(&Ready { partition, keys: &keys }).await?;
            if ready.is_empty() {
                return Ok(None);
            }
            self.shared.transact(&Match { partition, keys: &ready, retry: &retry, now }).await.map(Some)
        };
        match matched.await {
            Ok(None) => super::early::Matched::new(),
            Ok(Some((matched, touched))) => {
                self.lookout.note(partition, touched).await;
                matched
            }
            Err(error) => {
                let error: LedgerError = error;
                tracing::warn!(partition = partition.0, %error, "early receipts wait for the next sweep");
                super::early::Matched::new()
            }
        }
    }

    /// `None`: another node was at it all the time.
    async fn take_turn(&self, request: &ClaimRequest) -> Result<Option<Taken>, LedgerError> {
        let retry = self.retry();
        let operation = ClaimDue { request, node: self.shared.node, retry: &retry };
        for _ in 0..TURNS {
            match self.shared.try_transact(&operation).await {
                Ok(Some(taken)) => return Ok(Some(taken)),
                Ok(None) => {}
                Err(given_up) => {
                    if let Some(taken) = given_up.unsure.flatten() {
                        self.shared.known(request.partition)?.lost.keep(taken, request);
                    }
                    return Err(given_up.error);
                }
            }
            tokio::time::sleep(TURN).await;
        }
        Ok(None)
    }
}

impl Drop for PostgresLedger {
    fn drop(&mut self) {
        self.poll.abort();
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    fn partitions(&self) -> PartitionMap {
        self.shared.map
    }

    fn due(&self) -> Vec<Due> {
        self.lookout.all()
    }

    async fn due_changed(&self) {
        self.lookout.changed().await;
    }

    fn told(&self) -> Vec<(PartitionId, CustomerId)> {
        self.shared.told.take()
    }

    async fn put_lane(&self, lane: Lane) -> Result<(), LedgerError> {
        for partition in self.shared.map.all() {
            let _turn = self.shared.known(partition)?.turn.lock().await;
            self.shared.transact(&PutLane { partition, lane: &lane }).await?;
            self.lookout.note(partition, Touched::Unsure).await;
        }
        Ok(())
    }

    async fn lanes(&self) -> Result<Vec<Lane>, LedgerError> {
        self.shared.look(&Lanes { partition: PartitionId(0) }).await
    }

    async fn accept(
        &self,
        partition: PartitionId,
        messages: Vec<NewMessage>,
        expansion: Option<Expansion>,
        now: Timestamp,
    ) -> Result<u32, LedgerError> {
        if messages.iter().any(|message| self.shared.map.of_message(message.id) != partition) {
            return Err(LedgerError::NoSuch("message in this partition"));
        }
        let now = self.now(partition, now)?;
        let messages = Incoming::all(&messages, &self.shared.sealer, &self.shared.messages, now);
        let retry = self.retry();
        let operation = Accept { partition, messages: &messages, expansion, now, retry: &retry };
        let (fresh, touched) = self.shared.transact(&operation).await?;
        self.shared.known(partition)?.committed(now);
        self.lookout.note(partition, touched).await;
        Ok(fresh)
    }

    async fn expanded_through(&self, partition: PartitionId, lane: LaneId) -> Result<u64, LedgerError> {
        let through = self.shared.look(&ExpandedThrough { partition, lane }).await?;
        through.ok_or(LedgerError::NoSuch("lane"))
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, LedgerError> {
        let partition = request.partition;
        let known = self.shared.known(partition)?;
        let _turn = known.turn.lock().await;
        let Some(Taken { mut claim, touched, now, .. }) = self.take_turn(&request).await? else {
            let takes = request.takes.iter().map(|_| TakeOutcome::default()).collect();
            return Ok(Claim { more: true, takes, ..Claim::default() });
        };
        known.committed(now);
        // What was due by memory and is not there was taken by another node.
        let touched = if claim.outgoing.is_empty() { Touched::Unsure } else { touched };
        self.lookout.note(partition, touched).await;
        claim.more = known
            .due(partition)
            .iter()
            .any(|due| due.earliest <= now && request.takes.iter().any(|take| take.stream == due.stream));
        Ok(claim)
    }

    async fn settle(&self, partition: PartitionId, settlements: Vec<Settlement>) -> Result<(), LedgerError> {
        let Some(at) = settlements.iter().map(|settlement| settlement.at).max() else { return Ok(()) };
        let retry = self.retry();
        let operation = Settle { partition, settlements: &settlements, retry: &retry };
        let touched = self.shared.transact(&operation).await?;
        self.lookout.note(partition, touched).await;
        let keys = operation.part_keys();
        if !keys.is_empty() {
            self.match_early(partition, keys, at).await;
        }
        Ok(())
    }

    async fn receipts(
        &self,
        partition: PartitionId,
        receipts: Vec<Receipt>,
        hold: bool,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<Vec<ReceiptOutcome>, LedgerError> {
        self.remember(&retry);
        let now = self.now(partition, now)?;
        let operation = Receipts { partition, receipts: &receipts, hold, retry: &retry, now };
        let (mut outcomes, touched) = self.shared.transact(&operation).await?;
        self.shared.known(partition)?.committed(now);
        self.lookout.note(partition, touched).await;
        let held = outcomes.iter().zip(&receipts).filter(|(outcome, _)| **outcome == ReceiptOutcome::Held);
        let keys: BTreeSet<PartKey> = held.map(|(_, receipt)| key_of(receipt)).collect();
        if !keys.is_empty() {
            let mut matched = self.match_early(partition, keys, now).await;
            for (outcome, receipt) in outcomes.iter_mut().zip(&receipts) {
                if *outcome == ReceiptOutcome::Held {
                    let key = (key_of(receipt), status_code(receipt.status));
                    *outcome = matched.remove(&key).unwrap_or(ReceiptOutcome::Held);
                }
            }
        }
        Ok(outcomes)
    }

    async fn suppress(
        &self,
        partition: PartitionId,
        orders: Vec<SuppressionOrder>,
    ) -> Result<(), LedgerError> {
        if orders.iter().any(|order| self.home(order.phone) != partition) {
            return Err(LedgerError::NoSuch("phone in this partition"));
        }
        let _turn = self.shared.known(partition)?.turn.lock().await;
        self.shared.transact(&Suppress { partition, orders: &orders }).await
    }

    async fn unsuppress(
        &self,
        phone: Phone,
        suppressed: Suppressed,
        now: Timestamp,
    ) -> Result<u32, LedgerError> {
        let partition = self.home(phone);
        let _turn = self.shared.known(partition)?.turn.lock().await;
        let operation = Unsuppress { partition, phone_index: self.index(phone), suppressed, now };
        self.shared.transact(&operation).await
    }

    async fn consent(&self, partition: PartitionId, grants: Vec<ConsentGrant>) -> Result<(), LedgerError> {
        if grants.iter().any(|grant| self.home(grant.phone) != partition) {
            return Err(LedgerError::NoSuch("phone in this partition"));
        }
        let mut indexed: Vec<(i64, Consented)> =
            grants.iter().map(|grant| (self.index(grant.phone), grant.consent)).collect();
        indexed.sort_by_key(|(phone_index, _)| *phone_index);
        for some in indexed.chunks(CONSENT_ROWS) {
            let _turn = self.shared.known(partition)?.turn.lock().await;
            self.shared.transact(&Consent { partition, grants: some }).await?;
        }
        Ok(())
    }

    async fn inbound(
        &self,
        record: InboundRecord,
        orders: Vec<SuppressionOrder>,
    ) -> Result<bool, LedgerError> {
        let partition = self.home(record.from);
        if orders.iter().any(|order| self.home(order.phone) != partition) {
            return Err(LedgerError::NoSuch("phone in this partition"));
        }
        let _turn = self.shared.known(partition)?.turn.lock().await;
        self.shared.transact(&Inbound { partition, record: &record, orders: &orders }).await
    }

    async fn last_sent(
        &self,
        phone: Phone,
        over: &SentOver,
        since: Timestamp,
    ) -> Result<Vec<LastSent>, LedgerError> {
        let (partition, phone_index) = (self.home(phone), self.index(phone));
        self.shared.look(&Sent { partition, phone_index, over, since }).await
    }

    async fn facts(
        &self,
        partition: PartitionId,
        phones: Vec<Phone>,
    ) -> Result<Vec<PersonFacts>, LedgerError> {
        let phones = phones.iter().map(|phone| self.index(*phone)).collect();
        self.shared.look(&FactsOf { partition, phones }).await
    }

    async fn unknown_codes(&self) -> Result<Vec<UnknownCode>, LedgerError> {
        let mut all = Vec::new();
        for partition in self.shared.map.all() {
            all.extend(self.shared.look(&Codes { partition }).await?);
        }
        Ok(fold_codes(all))
    }

    async fn tallies(&self, lanes: &[LaneId]) -> Result<Vec<Tally>, LedgerError> {
        let mut all = Vec::new();
        for partition in self.shared.map.all() {
            all.extend(self.shared.look(&Tallies::new(partition, lanes)).await?);
        }
        Ok(fold(all))
    }

    async fn message(&self, account: AccountId, id: MessageId) -> Result<Option<MessageRecord>, LedgerError> {
        self.shared.look(&Message { partition: self.shared.map.of_message(id), account, id }).await
    }

    async fn messages(
        &self,
        filter: &MessageFilter,
        limit: u32,
    ) -> Result<(Vec<MessageRecord>, Option<MessageId>), LedgerError> {
        let partitions: Vec<PartitionId> = match filter.phone {
            Some(phone) => vec![self.home(phone)],
            None => self.shared.map.all().collect(),
        };
        let mut pages = Vec::with_capacity(partitions.len());
        for partition in partitions {
            pages.push(self.shared.look(&Messages { partition, filter, limit }).await?);
        }
        Ok(merge(pages, limit))
    }

    async fn suppressions(
        &self,
        account: AccountId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<SuppressionRecord>, LedgerError> {
        let mut all = Vec::new();
        for partition in self.shared.map.all() {
            all.extend(self.shared.look(&Suppressions { partition, account, before, limit }).await?);
        }
        Ok(newest(all, limit, |record| record.suppressed.at))
    }

    async fn inbounds(
        &self,
        account: AccountId,
        before: Option<InboundId>,
        limit: u32,
    ) -> Result<Vec<InboundRecord>, LedgerError> {
        let mut all = Vec::new();
        for partition in self.shared.map.all() {
            all.extend(self.shared.look(&Inbounds { partition, account, before, limit }).await?);
        }
        Ok(newest(all, limit, |record| record.id))
    }

    async fn hold_fragments(
        &self,
        partition: PartitionId,
        fragments: Vec<Fragment>,
    ) -> Result<(), LedgerError> {
        let operation = HoldFragments::sealed(partition, &fragments, &self.shared.sealer);
        self.shared.transact(&operation).await
    }

    async fn waiting(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        kind: WaitingKind,
        after: WaitingPlace,
        limit: u32,
    ) -> Result<Vec<Waiting>, LedgerError> {
        self.shared.look(&WaitingPage { partition, customer, kind, after, limit }).await
    }

    async fn forget_waiting(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        kind: WaitingKind,
        places: Vec<WaitingPlace>,
    ) -> Result<(), LedgerError> {
        self.shared.transact(&ForgetWaiting { partition, customer, kind, places: &places }).await
    }

    async fn recover(&self, retry: Arc<RetryPolicy>, now: Timestamp) -> Result<u32, LedgerError> {
        self.end_claims(self.shared.node, false, retry, now).await
    }

    async fn sweep(
        &self,
        partition: PartitionId,
        retention: Retention,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<Swept, LedgerError> {
        self.remember(&retry);
        let known = self.shared.known(partition)?;
        let _turn = known.turn.lock().await;
        let mut cursors = known.cursors.lock().await;
        let operation = Sweep { partition, retention, retry: &retry, now, cursors: &cursors };
        let step = self.shared.transact(&operation).await?;
        *cursors = step.cursors;
        known.committed(step.now);
        self.lookout.note(partition, step.touched).await;
        Ok(step.swept)
    }

    async fn ready(&self) -> Result<(), LedgerError> {
        let elsewhere = |error: String| LedgerError::Unavailable(error);
        schema::check(&self.shared.pool).await.map_err(|error| elsewhere(error.to_string()))?;
        check_postgres(self.shared.pool.clone()).await.map_err(|error| elsewhere(error.to_string()))
    }

    async fn close(&self) {
        self.poll.abort();
        self.shared.pool.close().await;
    }
}
