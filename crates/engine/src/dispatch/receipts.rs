//! Receipts find their messages: in the partition that the phone names, else in any, else they are kept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::channel::{Acknowledge, CarrierMessageId, Inbound, Receipt};
use domain::ids::PartitionId;
use domain::ledger::{LedgerError, ReceiptOutcome};
use domain::retry::RetryPolicy;
use tokio::sync::mpsc;

use super::Dispatch;
use crate::Engine;

/// Receipts that may wait for one partition.
const WAITING: usize = 8_192;
/// Receipts of one transaction at most.
const BATCH: usize = 2_000;
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
            engine.tasks.spawn(apply(Arc::clone(engine), Arc::clone(&dispatch.retry), partition, receiver));
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
    retry: Arc<RetryPolicy>,
    partition: PartitionId,
    mut receiver: mpsc::Receiver<Item>,
) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        let receipts: Vec<_> = batch.iter().map(|item| item.receipt.clone()).collect();
        loop {
            match place(&engine, &retry, partition, receipts.clone()).await {
                Ok(()) => {
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
        batch.clear();
    }
}

/// Home first; what finds nothing there is looked for everywhere, and kept at home when it is nowhere. Keeping looks
/// once more in the same transaction, so an answer settled meanwhile is not missed.
async fn place(
    engine: &Engine,
    retry: &Arc<RetryPolicy>,
    home: PartitionId,
    receipts: Vec<Receipt>,
) -> Result<(), LedgerError> {
    let unmatched = attempt(engine, retry, home, receipts, false).await?;
    if unmatched.is_empty() {
        return Ok(());
    }
    let mut lost = unmatched;
    for other in engine.ledger.partitions().all().filter(|partition| *partition != home) {
        if lost.is_empty() {
            return Ok(());
        }
        lost = attempt(engine, retry, other, lost, false).await?;
    }
    attempt(engine, retry, home, lost, true).await.map(drop)
}

/// Applies receipts in one partition and returns those that found nothing.
async fn attempt(
    engine: &Engine,
    retry: &Arc<RetryPolicy>,
    partition: PartitionId,
    receipts: Vec<Receipt>,
    hold: bool,
) -> Result<Vec<Receipt>, LedgerError> {
    let now = engine.clock.now();
    let outcomes = engine.ledger.receipts(partition, receipts.clone(), hold, Arc::clone(retry), now).await?;
    let unmatched = receipts.into_iter().zip(outcomes);
    Ok(unmatched
        .filter(|(_, outcome)| *outcome == ReceiptOutcome::Unmatched)
        .map(|(receipt, _)| receipt)
        .collect())
}
