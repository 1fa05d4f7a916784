//! A campaign's audience becomes messages, as the engine's expansion does it: chunk by chunk, from the ledger's own marks,
//! again after a failure, and now and then from the beginning.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use domain::control::Campaign;
use domain::ids::{IdGenerator, MessageId, PartitionId};
use domain::ledger::{Entry, Expansion, Ledger as _, LedgerError, NewMessage};
use domain::message::Reason;
use domain::money::Money;
use domain::phone::Phone;
use domain::policy::RuleId;
use domain::text::Encoding;
use domain::time::{Clock as _, Timestamp};

use crate::cast;
use crate::clock::WorldClock;
use crate::watch::WatchedLedger;

/// Rows of one chunk.
const CHUNK: usize = 6;

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
const DONE: u8 = 2;

/// A campaign and who is to get it.
pub(crate) struct Plan {
    pub campaign: Campaign,
    pub rows: Vec<Phone>,
    progress: Arc<AtomicU8>,
    pub cancelled: bool,
}

impl Plan {
    pub(crate) fn new(campaign: Campaign, rows: Vec<Phone>) -> Self {
        Self { campaign, rows, progress: Arc::default(), cancelled: false }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.progress.load(Ordering::Relaxed) == IDLE
    }

    pub(crate) fn is_done(&self) -> bool {
        self.progress.load(Ordering::Relaxed) == DONE
    }

    pub(crate) fn node_died(&mut self) {
        if self.progress.load(Ordering::Relaxed) == RUNNING {
            self.progress = Arc::default();
        }
    }

    /// The task that expands it. `again`: as if no mark had been read.
    pub(crate) fn expand(
        &self,
        ledger: Arc<WatchedLedger>,
        clock: Arc<WorldClock>,
        ids: Arc<IdGenerator>,
        again: bool,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.progress.store(RUNNING, Ordering::Relaxed);
        let (progress, campaign, rows) =
            (Arc::clone(&self.progress), self.campaign.clone(), self.rows.clone());
        async move {
            let expansion = Work { ledger: &ledger, clock: &clock, ids: &ids, campaign: &campaign };
            let outcome = expansion.run(&rows, again).await;
            if outcome.is_ok() {
                ledger.model.lock().expanded(campaign.lane, rows.len() as u64);
            }
            progress.store(if outcome.is_ok() { DONE } else { IDLE }, Ordering::Relaxed);
        }
    }
}

struct Work<'a> {
    ledger: &'a WatchedLedger,
    clock: &'a WorldClock,
    ids: &'a IdGenerator,
    campaign: &'a Campaign,
}

impl Work<'_> {
    async fn run(&self, rows: &[Phone], again: bool) -> Result<(), LedgerError> {
        let map = self.ledger.partitions();
        let mut marks = Vec::new();
        for partition in map.all() {
            let mark = self.ledger.expanded_through(partition, self.campaign.lane).await?;
            marks.push(if again { 0 } else { mark });
        }
        for (chunk, phones) in rows.chunks(CHUNK).enumerate() {
            let first = chunk * CHUNK;
            let through = (first + CHUNK) as u64;
            for partition in map.all() {
                let mark = marks.get(usize::from(partition.0)).copied().unwrap_or(0);
                if through > mark {
                    self.accept(partition, phones, first, through, mark).await?;
                }
            }
        }
        Ok(())
    }

    async fn accept(
        &self,
        partition: PartitionId,
        phones: &[Phone],
        first: usize,
        through: u64,
        mark: u64,
    ) -> Result<(), LedgerError> {
        let now = self.clock.now();
        let map = self.ledger.partitions();
        let mut messages = Vec::new();
        for (ordinal, phone) in (first as u64..).zip(phones) {
            if map.of(phone.slot()) == partition && ordinal >= mark {
                let message = self.message(*phone, ordinal, now);
                self.ledger.model.lock().offered(&message, Some(ordinal));
                messages.push(message);
            }
        }
        let expansion = Expansion { lane: self.campaign.lane, through };
        self.ledger.accept(partition, messages, Some(expansion), now).await.map(drop)
    }

    /// Every thirteenth person lacks what the text needs.
    fn message(&self, phone: Phone, ordinal: u64, now: Timestamp) -> NewMessage {
        let entry = match ordinal % 13 {
            12 => Entry::Reject { reason: Reason::MissingVariable, rule: RuleId::NONE },
            _ => Entry::Queue { due_at: now, by_carrier: true },
        };
        let campaign = self.campaign;
        NewMessage {
            id: MessageId::from(self.ids.next(now, phone.slot())),
            lane: campaign.lane,
            account: campaign.account,
            entity: campaign.entity,
            campaign: Some(campaign.id),
            contact: None,
            category: campaign.category,
            phone,
            text: format!("【鸿雁】会员日{}第{ordinal}位，拒收请回复R", campaign.lane.raw()),
            encoding: Encoding::Ucs2,
            parts: if ordinal.is_multiple_of(5) { 2 } else { 1 },
            price: Money::from_micros(45_000),
            carrier: phone.carrier(),
            valid_until: now.plus(cast::CAMPAIGN_VALID_FOR),
            test: false,
            entry,
        }
    }
}
