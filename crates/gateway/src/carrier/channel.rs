//! The front of a carrier channel: capacity, hand-over, recall.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use domain::channel::{Capacity, Channel, ChannelEvent, Outgoing, SubmitOutcome};
use domain::control::{Binds, ChannelConfig};
use domain::ids::ChannelId;
use domain::phone::Phone;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::core::{ChannelSettings, Core};
use super::handover::Handover;
use super::life;
use crate::StartError;
use crate::drivers::{Driver, Duty};
use crate::pace;
use crate::tls::TlsClient;

/// A channel over a carrier's protocol.
pub(crate) struct CarrierChannel<D: Driver> {
    core: Arc<Core<D>>,
    /// Whose turn it is among connections with as much room: a carrier may limit the rate of each of them.
    turn: AtomicUsize,
}

impl<D: Driver> CarrierChannel<D> {
    /// See [`crate::start`].
    pub(crate) fn start(
        config: ChannelConfig,
        settings: ChannelSettings,
        events: mpsc::Sender<(ChannelId, ChannelEvent)>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>, StartError> {
        let driver = D::new(&config)?;
        let tls = TlsClient::of(&config)?;
        let core = Arc::new(Core::new(config, settings, (driver, tls), events, stop.clone()));
        let separate = D::separates() && core.config.quirks.binds == Binds::Separate;
        let submits = if separate { Duty::Send } else { Duty::Both };
        let mut tasks: Vec<_> =
            core.connections.iter().map(|handover| (Arc::clone(handover), submits)).collect();
        let listens = D::listens(&core.config);
        // A carrier that calls us needs no connection of ours to deliver.
        if separate && listens.is_none() {
            tasks.push((Handover::new(), Duty::Receive));
        }
        let running = tasks.len() + usize::from(listens.is_some());
        core.running.store(u16::try_from(running).unwrap_or(u16::MAX), Ordering::Relaxed);
        for (number, (handover, duty)) in tasks.into_iter().enumerate() {
            let rng = StdRng::seed_from_u64(core.settings.seed ^ (number as u64 + 1));
            tracker.spawn(life::run(Arc::clone(&core), handover, duty, stop.clone(), rng));
        }
        if let Some(address) = listens {
            tracker.spawn(life::listen(Arc::clone(&core), address, stop.clone()));
        }
        Ok(Arc::new(Self { core, turn: AtomicUsize::new(0) }))
    }

    /// The connection with the most room.
    fn roomiest(&self, free: &[i64]) -> Option<usize> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % free.len().max(1);
        (turn..free.len()).chain(0..turn).max_by_key(|index| free[*index])
    }

    /// Gives messages back without waiting: they were never written.
    fn give_back(&self, messages: Vec<Outgoing>, recalled: bool) {
        if messages.is_empty() {
            return;
        }
        let core = Arc::clone(&self.core);
        let batch: Vec<_> = messages
            .into_iter()
            .map(|outgoing| core.submitted(outgoing, SubmitOutcome::NotWritten { recalled }))
            .collect();
        let event = (core.config.id, ChannelEvent::Submitted(batch));
        if let Err(mpsc::error::TrySendError::Full(event)) = core.events.try_send(event) {
            // Rare (a lost connection under load): a task waits for room, so that the caller need not.
            tokio::spawn(async move {
                let _closed_at_shutdown = core.events.send(event).await;
            });
        }
    }
}

#[async_trait]
impl<D: Driver> Channel for CarrierChannel<D> {
    fn id(&self) -> ChannelId {
        self.core.config.id
    }

    fn capacity(&self) -> Capacity {
        let free: i64 = self.core.connections.iter().map(|connection| connection.free()).sum();
        let free = u32::try_from(free.max(0)).unwrap_or(u32::MAX);
        let window = u32::from(self.core.config.connections) * u32::from(self.core.config.window);
        let (now, up) = (self.core.now_millis(), self.core.up.load(Ordering::Relaxed));
        let mut pace = self.core.pace();
        let (parts, open) = pace.capacity(free, window, now);
        let rests =
            || self.core.connections.iter().all(|connection| connection.is_rested(self.core.config.window));
        let rested = up > 0 && pace.is_rested(now) && rests();
        Capacity { parts, open, rested, connections_up: up }
    }

    async fn capacity_changed(&self) {
        let notified = self.core.changed.notified();
        let wait = self.core.pace().wait_millis(self.core.now_millis());
        pace::refilled(wait, notified).await;
    }

    fn submit(&self, batch: Vec<Outgoing>, write_deadline_millis: u64) {
        self.core.pace().take_for(&batch, self.core.now_millis());
        let mut free: Vec<i64> = self.core.connections.iter().map(|connection| connection.free()).collect();
        let mut homeless = Vec::new();
        for outgoing in batch {
            let Some(index) = self.roomiest(&free) else {
                homeless.push(outgoing);
                continue;
            };
            free[index] -= i64::from(outgoing.parts);
            if let Err(outgoing) = self.core.connections[index].push(outgoing, write_deadline_millis) {
                free[index] = i64::MIN / 2;
                homeless.push(outgoing);
            }
        }
        for connection in &self.core.connections {
            connection.wake.notify_one();
        }
        self.give_back(homeless, false);
    }

    fn recall(&self, phone: Phone) -> usize {
        let recalled: Vec<_> =
            self.core.connections.iter().flat_map(|connection| connection.recall(phone)).collect();
        let count = recalled.len();
        self.give_back(recalled, true);
        count
    }
}
