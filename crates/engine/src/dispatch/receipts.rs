//! Receipts find their messages: in the partition that the phone names, else in any, else they are kept where the
//! answer to the submit may yet name them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::channel::{Acknowledge, CarrierMessageId, Inbound, Receipt};
use domain::ids::PartitionId;
use domain::ledger::{LedgerError, ReceiptOutcome};
use domain::retry::RetryPolicy;
use tokio::sync::mpsc;

use super::Dispatch;
use crate::{Engine, metrics};

/// Receipts that may wait for one partition.
const WAITING: usize = 8_192;
/// Receipts of one transaction at most.
const BATCH: usize = 2_000;
/// Fewer receipts than this wait for company: a commit costs much the same for one as for many, and receipts that come
/// together lie on the same pages.
const WORTH_A_COMMIT: usize = 128;
/// They wait in steps as long as the last commit took, within these bounds in milliseconds: where commits are slow, because many
/// nodes share a database, more come meanwhile, and more is worth one.
const STEP_MILLIS: (u64, u64) = (5, 50);
/// So many steps at most, and no longer than more of them come: a carrier whose window of unacknowledged receipts is full
/// waits for us. With a window of 16 it can still send hundreds a second over each connection.
const STEPS: u32 = 16;
/// Wait before a batch that storage refused is tried again.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// A carrier's PDUs of one read: acknowledged when all of their contents are durable.
struct Pending {
    left: AtomicUsize,
    acknowledge: Mutex<Option<Acknowledge>>,
}

impl Pending {
    fn done(&self, items: usize) {
        if self.left.fetch_sub(items, Ordering::AcqRel) == items
            && let Some(acknowledge) = self.acknowledge.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            acknowledge();
        }
    }
}

struct Item {
    receipt: Receipt,
    pending: Arc<Pending>,
}

/// The way to each partition's receipt task.
pub(super) struct Receipts {
    partitions: Vec<mpsc::Sender<Item>>,
}

/// Starts a receipt task for each partition.
pub(super) fn start(engine: &Arc<Engine>, dispatch: &Arc<Dispatch>) -> Receipts {
    let partitions = engine.ledger.partitions();
    let partitions = partitions
        .all()
        .map(|partition| {
            let (sender, receiver) = mpsc::channel(WAITING);
            engine.tasks.spawn(apply(Arc::clone(engine), Arc::clone(dispatch), partition, receiver));
            sender
        })
        .collect();
    Receipts { partitions }
}

impl Receipts {
    /// Takes what one read brought.
    pub(super) async fn take(
        &self,
        engine: &Arc<Engine>,
        receipts: Vec<Receipt>,
        inbound: Vec<Inbound>,
        acknowledge: Acknowledge,
    ) {
        let left = AtomicUsize::new(receipts.len() + inbound.len());
        engine.metrics.receipts_waiting(metrics::gauge(receipts.len()));
        let pending = Arc::new(Pending { left, acknowledge: Mutex::new(Some(acknowledge)) });
        for receipt in receipts {
            let partition = home(engine, &receipt);
            if let Some(sender) = self.partitions.get(usize::from(partition.0)) {
                let item = Item { receipt, pending: Arc::clone(&pending) };
                let _closed_at_shutdown = sender.send(item).await;
            }
        }
        for message in inbound {
            let (engine, pending) = (Arc::clone(engine), Arc::clone(&pending));
            let tasks = engine.tasks.clone();
            tasks.spawn(async move {
                match engine.take_inbound(message).await {
                    Ok(()) => pending.done(1),
                    // Not acknowledged: the carrier delivers it again.
                    Err(error) => tracing::error!(%error, "an inbound message could not be recorded"),
                }
            });
        }
    }
}

/// Where a receipt is looked for first. Without a phone any partition is as good, but always the same one.
fn home(engine: &Engine, receipt: &Receipt) -> PartitionId {
    let partitions = engine.ledger.partitions();
    match (receipt.phone, &receipt.carrier_id) {
        (Some(phone), _) => partitions.of(phone.slot()),
        (None, CarrierMessageId::Number(number)) => {
            PartitionId((number % u64::from(partitions.len())) as u16)
        }
        (None, CarrierMessageId::Text(_)) => PartitionId(0),
    }
}

async fn apply(
    engine: Arc<Engine>,
    dispatch: Arc<Dispatch>,
    partition: PartitionId,
    mut receiver: mpsc::Receiver<Item>,
) {
    let mut batch = Vec::new();
    let mut took = 0;
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        gather(&mut receiver, &mut batch, took).await;
        let receipts: Vec<_> = batch.iter().map(|item| item.receipt.clone()).collect();
        loop {
            let began = engine.clock.monotonic_millis();
            match place(&engine, &dispatch.retry(), partition, receipts.clone()).await {
                Ok(()) => {
                    took = engine.clock.monotonic_millis().saturating_sub(began);
                    batch.iter().for_each(|item| item.pending.done(1));
                    break;
                }
                Err(error) => {
                    tracing::error!(partition = partition.0, %error, "receipts could not be recorded; trying again");
                    // Given up, they stay unacknowledged, and the carrier sends them again.
                    if !error.is_retryable() || engine.stop.is_cancelled() {
                        break;
                    }
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
        engine.metrics.receipts_waiting(-metrics::gauge(batch.len()));
        batch.clear();
    }
}

/// Waits for a batch that is worth a commit, where the last one took so many milliseconds.
async fn gather(receiver: &mut mpsc::Receiver<Item>, batch: &mut Vec<Item>, took: u64) {
    let step = Duration::from_millis(took.clamp(STEP_MILLIS.0, STEP_MILLIS.1));
    for _ in 0..STEPS {
        if batch.len() >= WORTH_A_COMMIT {
            break;
        }
        tokio::time::sleep(step).await;
        let before = batch.len();
        while batch.len() < BATCH
            && let Ok(item) = receiver.try_recv()
        {
            batch.push(item);
        }
        if batch.len() == before {
            break;
        }
    }
}

/// Home first; what finds nothing there is looked for everywhere. What is nowhere yet is kept: at home when it has a
/// phone, else in every partition, since any of them may settle its submit. Keeping looks once more in the same
/// transaction, so an answer settled meanwhile is not missed.
async fn place(
    engine: &Engine,
    retry: &Arc<RetryPolicy>,
    home: PartitionId,
    receipts: Vec<Receipt>,
) -> Result<(), LedgerError> {
    let unmatched = apply_in(engine, retry, home, &receipts, false).await?;
    if unmatched.is_empty() {
        return Ok(());
    }
    let mut lost = unmatched;
    for other in engine.ledger.partitions().all().filter(|partition| *partition != home) {
        if lost.is_empty() {
            return Ok(());
        }
        lost = apply_in(engine, retry, other, &lost, false).await?;
    }
    let (named, mut nameless): (Vec<_>, Vec<_>) =
        lost.into_iter().partition(|receipt| receipt.phone.is_some());
    if !named.is_empty() {
        apply_in(engine, retry, home, &named, true).await?;
    }
    for partition in engine.ledger.partitions().all() {
        if nameless.is_empty() {
            break;
        }
        nameless = apply_in(engine, retry, partition, &nameless, true).await?;
    }
    Ok(())
}

/// Applies receipts in one partition, keeping with `hold` what it does not know, and returns those that found nothing.
async fn apply_in(
    engine: &Engine,
    retry: &Arc<RetryPolicy>,
    partition: PartitionId,
    receipts: &[Receipt],
    hold: bool,
) -> Result<Vec<Receipt>, LedgerError> {
    let now = engine.clock.now();
    let began = engine.clock.monotonic_millis();
    let outcomes = engine.ledger.receipts(partition, receipts.to_vec(), hold, Arc::clone(retry), now).await?;
    engine.metrics.reported(receipts, &outcomes, engine.clock.monotonic_millis().saturating_sub(began));
    if let Some(tracer) = engine.tracer() {
        tracer.reported(receipts, &outcomes, (now, engine.clock.now()));
    }
    engine.counter.look();
    let found_nothing = [ReceiptOutcome::Unmatched, ReceiptOutcome::Held];
    let unmatched = receipts.iter().zip(outcomes).filter(|(_, outcome)| found_nothing.contains(outcome));
    Ok(unmatched.map(|(receipt, _)| receipt.clone()).collect())
}
