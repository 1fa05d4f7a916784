//! Takes the channels' events: answers go to their partitions' settling tasks, arrivals to receipts and inbound.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::carrier_code::CodeBook;
use domain::channel::{ChannelEvent, Inbound, Receipt, ReceiptStatus, Submitted};
use domain::ids::{ChannelId, PartitionId};
use domain::ledger::Settlement;
use domain::routing::{Answers, Health};
use tokio::sync::mpsc;

use super::dispose::{Kind, dispose};
use super::receipts::Receipts;
use super::{ChannelSlot, Dispatch};
use crate::{Engine, metrics};

/// Settlements that may wait for one partition: more than all windows together hold.
const WAITING: usize = 16_384;
/// Settlements of one transaction at most.
const BATCH: usize = 2_000;
/// Wait before a batch that storage refused is tried again.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// An answer on its way into the ledger.
struct Answer {
    settlement: Settlement,
    slot: Arc<ChannelSlot>,
    /// Parts that are in flight no more when it is there.
    parts: u32,
}

/// The way to each partition's settling task.
pub(super) struct Partitions(Vec<mpsc::Sender<Answer>>);

/// Starts a settling task for each partition. Each ends when its sender is dropped and what waits is settled.
pub(super) fn start(engine: &Arc<Engine>) -> Partitions {
    let start = |partition| {
        let (sender, receiver) = mpsc::channel(WAITING);
        engine.tasks.spawn(settle(Arc::clone(engine), partition, receiver));
        sender
    };
    Partitions(engine.ledger.partitions().all().map(start).collect())
}

/// Settles what waits for one partition, batch by batch. A refused batch is tried again for as long as it takes:
/// what the carrier answered must not be lost, and a full disk gets room one day.
async fn settle(engine: Arc<Engine>, partition: PartitionId, mut receiver: mpsc::Receiver<Answer>) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        let settlements: Vec<_> = batch.iter().map(|answer| answer.settlement.clone()).collect();
        loop {
            let began = engine.clock.monotonic_millis();
            let Err(error) = engine.ledger.settle(partition, settlements.clone()).await else {
                let took = engine.clock.monotonic_millis().saturating_sub(began);
                engine.metrics.settled(&settlements, took);
                if let Some(tracer) = engine.tracer() {
                    tracer.settled(&settlements, engine.clock.now());
                }
                break;
            };
            tracing::error!(partition = partition.0, %error, "answers could not be settled; trying again");
            if !error.is_retryable() || engine.stop.is_cancelled() {
                break;
            }
            tokio::time::sleep(AFTER_ERROR).await;
        }
        engine.metrics.settle_waiting(-metrics::gauge(batch.len()));
        engine.counter.look();
        for Answer { slot, parts, .. } in batch.drain(..) {
            slot.settled(parts);
        }
    }
}

/// Takes events until all channels are gone.
pub(super) async fn take_events(
    engine: Arc<Engine>,
    dispatch: Arc<Dispatch>,
    mut events: mpsc::Receiver<(ChannelId, ChannelEvent)>,
    partitions: Partitions,
    receipts: Arc<Receipts>,
) {
    loop {
        let event = if engine.stop.is_cancelled() {
            last_event(&dispatch, &mut events).await
        } else {
            tokio::select! {
                event = events.recv() => event,
                () = engine.stop.cancelled() => continue,
            }
        };
        let Some((id, event)) = event else { return };
        if matches!(event, ChannelEvent::Ended) {
            dispatch.ended(id);
        }
        let Some(slot) = dispatch.slot(id) else { continue };
        match event {
            ChannelEvent::Submitted(answers) => {
                answered(&engine, &dispatch, &slot, answers, &partitions).await;
            }
            ChannelEvent::Arrived { receipts: reports, inbound, acknowledge } => {
                let codes = &dispatch.retry().codes;
                arrived(&slot, codes, (&reports, &inbound), engine.clock.monotonic_millis());
                receipts.take(&engine, reports, inbound, acknowledge).await;
            }
            ChannelEvent::Ended => {}
            ChannelEvent::Connections { up, configured, trouble } => {
                tracing::info!(channel = %id, up, configured, "connections changed");
                slot.health().connections(up, engine.clock.monotonic_millis());
                slot.set_trouble(trouble);
            }
        }
    }
}

/// How long the stop waits for another event of a channel that does not tell its end; longer than the farewell.
const QUIET: Duration = Duration::from_secs(6);
/// Between two looks for one.
const LOOK: Duration = Duration::from_millis(5);

/// The next event after the stop: channels say goodbye, and their last answers still count. None when every channel
/// and every loop that hands messages to one has ended, and nothing waits.
async fn last_event(
    dispatch: &Dispatch,
    events: &mut mpsc::Receiver<(ChannelId, ChannelEvent)>,
) -> Option<(ChannelId, ChannelEvent)> {
    for _ in 0..QUIET.as_millis() / LOOK.as_millis() {
        // Before the look into the queue: who has ended has put everything there.
        let all_ended = dispatch.running.load(Ordering::Acquire) == 0;
        match events.try_recv() {
            Ok(event) => return Some(event),
            Err(_) if all_ended => return None,
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
    None
}

/// Counts what a channel brought, and what its receipts say of it.
pub(super) fn arrived(
    slot: &ChannelSlot,
    codes: &CodeBook,
    (receipts, inbound): (&[Receipt], &[Inbound]),
    now: u64,
) {
    slot.counters.receipts.fetch_add(receipts.len() as u64, Ordering::Relaxed);
    slot.counters.inbound.fetch_add(inbound.len() as u64, Ordering::Relaxed);
    let (mut failed, mut blamed) = (0, 0);
    for receipt in receipts.iter().filter(|receipt| receipt.status != ReceiptStatus::Delivered) {
        failed += 1;
        blamed += u32::from(Health::is_blamed(codes.reason(Some(receipt.gateway), receipt.code)));
    }
    let delivered = u32::try_from(receipts.len()).unwrap_or(u32::MAX).saturating_sub(failed);
    slot.health().receipts(delivered, failed, blamed, now);
    slot.channel.reported(receipts);
}

async fn answered(
    engine: &Engine,
    dispatch: &Dispatch,
    slot: &Arc<ChannelSlot>,
    answers: Vec<Submitted>,
    partitions: &Partitions,
) {
    let now = engine.clock.monotonic_millis();
    let retry = dispatch.retry();
    let mut seen = Answers::default();
    engine.metrics.settle_waiting(metrics::gauge(answers.len()));
    for answer in answers {
        let took = slot.answer_time(answer.outgoing.ticket, now);
        let partition = usize::from(answer.outgoing.ticket.partition.0);
        let parts = u32::from(answer.outgoing.parts);
        let (settlement, kind) = dispose(answer, slot.config.id, slot.config.gateway, &retry);
        let counters = &slot.counters;
        match kind {
            Kind::Taken | Kind::Late => counters.submitted.fetch_add(1, Ordering::Relaxed),
            Kind::Throttled => counters.throttled.fetch_add(1, Ordering::Relaxed),
            Kind::Refused { .. } => counters.refused.fetch_add(1, Ordering::Relaxed),
            Kind::Uncertain => counters.uncertain.fetch_add(1, Ordering::Relaxed),
            Kind::NotWritten => counters.claimed.fetch_sub(1, Ordering::Relaxed),
        };
        match kind {
            Kind::Taken | Kind::Late | Kind::Throttled | Kind::Refused { ill: false } => seen.fine += 1,
            Kind::Refused { ill: true } | Kind::Uncertain => seen.ill += 1,
            Kind::NotWritten => {}
        }
        seen.throttled += u32::from(kind == Kind::Throttled);
        if let Some(millis) = took.filter(|_| !matches!(kind, Kind::NotWritten | Kind::Uncertain)) {
            seen.timed += 1;
            seen.millis += millis;
            engine.metrics.channel_answered(millis);
        }
        let parts = if kind == Kind::Late { 0 } else { parts };
        if let Some(sender) = partitions.0.get(partition) {
            let answer = Answer { settlement, slot: Arc::clone(slot), parts };
            let _closed_at_shutdown = sender.send(answer).await;
        }
    }
    slot.health().answered(seen, now);
}
