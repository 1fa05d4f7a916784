//! [`Ledger`] on partition files: each operation goes to its partition's writer, or to a reader beside it.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::channel::Receipt;
use domain::downstream::{Fragment, Waiting, WaitingKind, WaitingPlace};
use domain::ids::{AccountId, CustomerId, InboundId, LaneId, MessageId, PartitionId, PartitionMap};
use domain::lane::Lane;
use domain::ledger::{
    Claim, ClaimRequest, ConsentGrant, Due, Expansion, InboundRecord, LastSent, Ledger, LedgerError,
    MessageFilter, MessageRecord, NewMessage, ReceiptOutcome, Retention, SentOver, Settlement,
    SuppressionOrder, SuppressionRecord, Swept, Tally, UnknownCode,
};
use domain::phone::Phone;
use domain::policy::{Consented, PersonFacts, Suppressed};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use rusqlite::Connection;

use super::command::{Command, HeldFragment, Incoming, Reply};
use super::events::EventHead;
use super::fault::{Fault, Outcome};
use super::read::Readers;
use super::tally;
use super::writer::WriterHandle;
use crate::moves::board::Board;
use crate::moves::records::{frozen, merge, newest};
use crate::moves::tally::{fold, fold_codes};
use crate::moves::{MESSAGE_TABLE, sealed, waiting};
use crate::sealing::{Sealer, TableSealer};

/// Consents of one command: each rewrites a row, most of them on a page of their own, so that many more would hold up
/// claims for longer than 20 ms.
const CONSENT_ROWS: usize = 2_000;

/// One file: its writer and its readers.
pub(super) struct Partition {
    pub writer: WriterHandle,
    pub readers: Arc<Readers>,
    pub event_head: EventHead,
}

/// Where readers do their looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// On a thread that may block.
    Beside,
    /// At once, on the caller's thread: nothing depends on what threads do when.
    AtOnce,
}

/// The ledger on SQLite. Made by [`SqliteLedger::open`]; closed by [`Ledger::close`] or when dropped.
pub struct SqliteLedger {
    map: PartitionMap,
    pub(super) partitions: Arc<Partitions>,
    board: Arc<Board>,
    looks: Looks,
    pub(super) sealer: Arc<Sealer>,
    messages: Arc<TableSealer>,
    node: u8,
}

/// The open files; closed when the last who sees the ledger is gone.
pub(super) struct Partitions {
    all: Vec<Partition>,
    lock: Mutex<Option<File>>,
}

impl SqliteLedger {
    pub(super) fn assemble(
        (map, partitions, board): (PartitionMap, Vec<Partition>, Arc<Board>),
        looks: Looks,
        sealer: &Arc<Sealer>,
        lock: File,
    ) -> Self {
        let messages = sealer.for_table(MESSAGE_TABLE);
        let partitions = Arc::new(Partitions { all: partitions, lock: Mutex::new(Some(lock)) });
        Self { map, partitions, board, looks, sealer: Arc::clone(sealer), messages, node: 0 }
    }

    /// The same ledger as another node sees it, in the same process: for simulations of several nodes. Claims are
    /// recovered by the node that made them.
    #[must_use]
    pub fn for_node(&self, node: u8) -> Arc<Self> {
        Arc::new(Self {
            map: self.map,
            partitions: Arc::clone(&self.partitions),
            board: Arc::clone(&self.board),
            looks: self.looks,
            sealer: Arc::clone(&self.sealer),
            messages: Arc::clone(&self.messages),
            node,
        })
    }

    /// Ends the claims of a node that died: what was `sending` becomes `uncertain` or is queued again, as
    /// [`Ledger::recover`] does for this node's own. The caller has made sure that the node is not at work, and that its
    /// write deadline has passed. Returns how many messages were found in flight.
    ///
    /// # Errors
    /// As of any write.
    pub async fn recover_node(
        &self,
        node: u8,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<u32, LedgerError> {
        self.ask_all(|| Command::Recover { node, retry: Arc::clone(&retry), now }).await
    }

    pub(super) fn map(&self) -> PartitionMap {
        self.map
    }

    pub(super) fn event_heads_now(&self) -> Vec<i64> {
        self.partitions.all.iter().map(|partition| partition.event_head.get()).collect()
    }

    fn partition(&self, id: PartitionId) -> Result<&Partition, LedgerError> {
        self.partitions.all.get(usize::from(id.0)).ok_or(LedgerError::NoSuch("partition"))
    }

    pub(super) async fn ask(&self, id: PartitionId, command: Command) -> Result<Reply, LedgerError> {
        self.partition(id)?.writer.ask(command).await
    }

    /// Asks every partition and adds up.
    async fn ask_all(&self, command: impl Fn() -> Command) -> Result<u32, LedgerError> {
        let answers = futures::future::join_all(self.map.all().map(|id| self.ask(id, command()))).await;
        answers.into_iter().try_fold(0, |sum, answer| match answer? {
            Reply::Count(count) => Ok(sum + count),
            _ => Ok(sum),
        })
    }

    /// When the newest message of all was made: ids go on from there ([`domain::ids::IdGenerator::start_after`]).
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn newest_message(&self) -> Result<Option<Timestamp>, LedgerError> {
        let mut newest = None;
        for id in self.map.all() {
            newest = newest.max(self.look(id, |readers, db| readers.newest(db)).await?);
        }
        Ok(newest)
    }

    /// One bounded look, off the async threads, or at once where a simulation has but one.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        id: PartitionId,
        ask: impl FnOnce(&Readers, &Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let readers = Arc::clone(&self.partition(id)?.readers);
        if self.looks == Looks::AtOnce {
            return readers.look(ask).map_err(Fault::into_error);
        }
        let looked = tokio::task::spawn_blocking(move || readers.look(ask)).await;
        looked.map_err(|_| LedgerError::Closed)?.map_err(Fault::into_error)
    }

    fn home(&self, phone: Phone) -> PartitionId {
        self.map.of(phone.slot())
    }

    fn seal(&self, message: &NewMessage) -> Incoming {
        Incoming {
            id: message.id,
            account: message.account,
            campaign: message.campaign,
            contact: message.contact,
            frozen: frozen(message),
            entry: message.entry,
            sealed: sealed::seal(&self.messages, message.id.raw(), message.phone, &message.text),
            origin: message.origin.clone(),
        }
    }
}

impl Partitions {
    /// Finishes what waits and closes the files; takes as long as the disk does. Only when every file is closed may
    /// another process have the folder.
    fn shut(&self) {
        self.all.iter().for_each(|partition| partition.writer.close());
        for partition in &self.all {
            partition.writer.join();
            partition.readers.close();
        }
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for Partitions {
    fn drop(&mut self) {
        self.shut();
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    fn partitions(&self) -> PartitionMap {
        self.map
    }

    fn due(&self) -> Vec<Due> {
        self.board.all()
    }

    async fn due_changed(&self) {
        self.board.changed().await;
    }

    fn told(&self) -> Vec<(PartitionId, CustomerId)> {
        self.board.told.take()
    }

    async fn put_lane(&self, lane: Lane) -> Result<(), LedgerError> {
        self.ask_all(|| Command::PutLane(lane.clone())).await.map(drop)
    }

    async fn lanes(&self) -> Result<Vec<Lane>, LedgerError> {
        let lanes = self.look(PartitionId(0), |readers, db| readers.lanes(db)).await?;
        Ok(lanes.into_iter().map(|(lane, _)| lane).collect())
    }

    async fn accept(
        &self,
        partition: PartitionId,
        messages: Vec<NewMessage>,
        expansion: Option<Expansion>,
        now: Timestamp,
    ) -> Result<u32, LedgerError> {
        if messages.iter().any(|message| self.map.of_message(message.id) != partition) {
            return Err(LedgerError::NoSuch("message in this partition"));
        }
        let messages = messages.iter().map(|message| self.seal(message)).collect();
        count(self.ask(partition, Command::Accept { messages, expansion, now }).await)
    }

    async fn expanded_through(&self, partition: PartitionId, lane: LaneId) -> Result<u64, LedgerError> {
        let lanes = self.look(partition, |readers, db| readers.lanes(db)).await?;
        let found = lanes.into_iter().find(|(known, _)| known.id == lane);
        found.map(|(_, through)| through).ok_or(LedgerError::NoSuch("lane"))
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, LedgerError> {
        match self.ask(request.partition, Command::Claim { request, node: self.node }).await? {
            Reply::Claimed(claim) => Ok(claim),
            _ => Err(LedgerError::Closed),
        }
    }

    async fn settle(&self, partition: PartitionId, settlements: Vec<Settlement>) -> Result<(), LedgerError> {
        self.ask(partition, Command::Settle(settlements)).await.map(drop)
    }

    async fn receipts(
        &self,
        partition: PartitionId,
        receipts: Vec<Receipt>,
        hold: bool,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<Vec<ReceiptOutcome>, LedgerError> {
        match self.ask(partition, Command::Receipts { receipts, hold, retry, now }).await? {
            Reply::Receipts(outcomes) => Ok(outcomes),
            _ => Err(LedgerError::Closed),
        }
    }

    async fn suppress(
        &self,
        partition: PartitionId,
        orders: Vec<SuppressionOrder>,
    ) -> Result<(), LedgerError> {
        if orders.iter().any(|order| self.home(order.phone) != partition) {
            return Err(LedgerError::NoSuch("phone in this partition"));
        }
        self.ask(partition, Command::Suppress(orders)).await.map(drop)
    }

    async fn unsuppress(
        &self,
        phone: Phone,
        suppressed: Suppressed,
        now: Timestamp,
    ) -> Result<u32, LedgerError> {
        count(self.ask(self.home(phone), Command::Unsuppress { phone, suppressed, now }).await)
    }

    async fn consent(&self, partition: PartitionId, grants: Vec<ConsentGrant>) -> Result<(), LedgerError> {
        if grants.iter().any(|grant| self.home(grant.phone) != partition) {
            return Err(LedgerError::NoSuch("phone in this partition"));
        }
        let indexed = grants.iter().map(|grant| (self.sealer.phone_index(grant.phone), grant.consent));
        let mut indexed: Vec<(i64, Consented)> = indexed.collect();
        indexed.sort_by_key(|(phone_index, _)| *phone_index);
        for some in indexed.chunks(CONSENT_ROWS) {
            self.ask(partition, Command::Consent(some.to_vec())).await?;
        }
        Ok(())
    }

    async fn inbound(
        &self,
        record: InboundRecord,
        orders: Vec<SuppressionOrder>,
    ) -> Result<bool, LedgerError> {
        let home = self.home(record.from);
        if orders.iter().any(|order| self.home(order.phone) != home) {
            return Err(LedgerError::NoSuch("phone in this partition"));
        }
        match self.ask(home, Command::Inbound { record: Box::new(record), orders }).await? {
            Reply::Fresh(fresh) => Ok(fresh),
            _ => Err(LedgerError::Closed),
        }
    }

    async fn last_sent(
        &self,
        phone: Phone,
        over: &SentOver,
        since: Timestamp,
    ) -> Result<Vec<LastSent>, LedgerError> {
        let over = over.clone();
        self.look(self.home(phone), move |readers, db| readers.last_sent(db, phone, &over, since)).await
    }

    async fn facts(
        &self,
        partition: PartitionId,
        phones: Vec<Phone>,
    ) -> Result<Vec<PersonFacts>, LedgerError> {
        self.look(partition, move |readers, db| readers.facts(db, &phones)).await
    }

    async fn unknown_codes(&self) -> Result<Vec<UnknownCode>, LedgerError> {
        let mut all = Vec::new();
        for id in self.map.all() {
            all.extend(self.look(id, |_, db| tally::codes(db)).await?);
        }
        Ok(fold_codes(all))
    }

    async fn tallies(&self, lanes: &[LaneId]) -> Result<Vec<Tally>, LedgerError> {
        let mut all = Vec::new();
        for id in self.map.all() {
            let lanes = lanes.to_vec();
            all.extend(self.look(id, move |readers, db| readers.tallies(db, &lanes)).await?);
        }
        Ok(fold(all))
    }

    async fn message(&self, account: AccountId, id: MessageId) -> Result<Option<MessageRecord>, LedgerError> {
        self.look(self.map.of_message(id), move |readers, db| readers.message(db, account, id)).await
    }

    async fn messages(
        &self,
        filter: &MessageFilter,
        limit: u32,
    ) -> Result<(Vec<MessageRecord>, Option<MessageId>), LedgerError> {
        let ids: Vec<PartitionId> = match filter.phone {
            Some(phone) => vec![self.home(phone)],
            None => self.map.all().collect(),
        };
        let mut pages = Vec::with_capacity(ids.len());
        for id in ids {
            let filter = filter.clone();
            pages.push(self.look(id, move |readers, db| readers.page(db, &filter, limit)).await?);
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
        for id in self.map.all() {
            all.extend(self.look(id, move |r, db| r.suppressions(db, account, before, limit)).await?);
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
        for id in self.map.all() {
            all.extend(self.look(id, move |r, db| r.inbounds(db, account, before, limit)).await?);
        }
        Ok(newest(all, limit, |record| record.id))
    }

    async fn hold_fragments(
        &self,
        partition: PartitionId,
        fragments: Vec<Fragment>,
    ) -> Result<(), LedgerError> {
        let table = self.sealer.for_table(waiting::table_of(WaitingKind::Fragment));
        let seal = |fragment: &Fragment| HeldFragment {
            customer: fragment.customer,
            place: fragment.place,
            sealed: waiting::seal_fragment(&table, fragment),
        };
        let held = fragments.iter().map(seal).collect();
        self.ask(partition, Command::HoldFragments(held)).await.map(drop)
    }

    async fn waiting(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        kind: WaitingKind,
        after: WaitingPlace,
        limit: u32,
    ) -> Result<Vec<Waiting>, LedgerError> {
        self.look(partition, move |readers, db| readers.waiting(db, (customer, kind), after, limit)).await
    }

    async fn forget_waiting(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        kind: WaitingKind,
        places: Vec<WaitingPlace>,
    ) -> Result<(), LedgerError> {
        self.ask(partition, Command::ForgetWaiting { customer, kind, places }).await.map(drop)
    }

    async fn recover(&self, retry: Arc<RetryPolicy>, now: Timestamp) -> Result<u32, LedgerError> {
        self.recover_node(self.node, retry, now).await
    }

    async fn sweep(
        &self,
        partition: PartitionId,
        retention: Retention,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<Swept, LedgerError> {
        match self.ask(partition, Command::Sweep { retention, retry, now }).await? {
            Reply::Swept(swept) => Ok(swept),
            _ => Err(LedgerError::Closed),
        }
    }

    async fn close(&self) {
        let partitions = Arc::clone(&self.partitions);
        if tokio::task::spawn_blocking(move || partitions.shut()).await.is_err() {
            tracing::error!("closing the ledger ended by a panic");
        }
    }
}

fn count(reply: Result<Reply, LedgerError>) -> Result<u32, LedgerError> {
    match reply? {
        Reply::Count(count) => Ok(count),
        _ => Err(LedgerError::Closed),
    }
}
