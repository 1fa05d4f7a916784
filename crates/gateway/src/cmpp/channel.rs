//! The front of a CMPP channel: capacity, hand-over, recall.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::channel::{Capacity, Channel, ChannelEvent, Outgoing, SubmitOutcome, Submitted};
use domain::control::ChannelConfig;
use domain::ids::ChannelId;
use domain::phone::Phone;
use domain::time::Clock;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::EncodeError;

use super::assembly::Assembly;
use super::connection;
use super::handover::Handover;
use super::submit::SubmitForm;
use crate::pace::Pace;

/// What a channel needs besides its configuration.
#[derive(Clone)]
pub struct ChannelSettings {
    pub clock: Arc<dyn Clock>,
    /// C: silence after which the peer is tested.
    pub active_test_interval: Duration,
    /// T: how long an answer may take before the message is uncertain.
    pub response_timeout: Duration,
    /// Seeds the jitter of reconnects.
    pub seed: u64,
}

/// What all tasks of a channel share.
pub(crate) struct Core {
    pub(crate) config: ChannelConfig,
    pub(crate) settings: ChannelSettings,
    pub(crate) form: SubmitForm,
    pub(crate) connections: Vec<Arc<Handover>>,
    pub(crate) up: AtomicU16,
    pub(crate) stop: CancellationToken,
    /// Connections whose tasks have not ended.
    pub(crate) running: AtomicU16,
    pub(crate) pace: Mutex<Pace>,
    pub(crate) assembly: Mutex<Assembly>,
    pub(crate) references: References,
    /// Wakes whoever waits for capacity.
    pub(crate) changed: Notify,
    pub(crate) events: mpsc::Sender<(ChannelId, ChannelEvent)>,
}

/// Concatenation references: a counter per class of phones, so that two long messages to one phone never share one
/// within 256 of them.
pub(crate) struct References(Box<[AtomicU16]>);

impl References {
    fn new() -> Self {
        Self((0..domain::phone::SLOT_COUNT).map(|_| AtomicU16::new(0)).collect())
    }

    pub(crate) fn next(&self, phone: Phone) -> u16 {
        self.0[usize::from(phone.slot().get())].fetch_add(1, Ordering::Relaxed)
    }
}

impl Core {
    pub(crate) fn now_millis(&self) -> u64 {
        self.settings.clock.monotonic_millis()
    }

    pub(crate) fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn submitted(&self, outgoing: Outgoing, outcome: SubmitOutcome) -> Submitted {
        Submitted { outgoing, at: self.settings.clock.now(), outcome }
    }
}

/// A channel over CMPP 2.0 or 3.0.
pub struct CmppChannel {
    core: Arc<Core>,
}

impl CmppChannel {
    /// Starts the channel's connections as tasks of `tracker`; they end when `stop` is cancelled, after saying
    /// goodbye. Events go to `events`, whose receiver must never wait for this channel.
    ///
    /// # Errors
    /// [`EncodeError`] when a configured value does not fit its field.
    pub fn start(
        config: ChannelConfig,
        settings: ChannelSettings,
        events: mpsc::Sender<(ChannelId, ChannelEvent)>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>, EncodeError> {
        let connections: Vec<_> = (0..config.connections).map(|_| Handover::new()).collect();
        let now = settings.clock.monotonic_millis();
        let core = Arc::new(Core {
            form: SubmitForm::new(&config)?,
            pace: Mutex::new(Pace::new(config.parts_per_second, now)),
            connections,
            up: AtomicU16::new(0),
            stop: stop.clone(),
            running: AtomicU16::new(config.connections),
            assembly: Mutex::new(Assembly::default()),
            references: References::new(),
            changed: Notify::new(),
            events,
            config,
            settings,
        });
        for (number, handover) in core.connections.iter().enumerate() {
            let rng = StdRng::seed_from_u64(core.settings.seed ^ (number as u64 + 1));
            tracker.spawn(connection::run(Arc::clone(&core), Arc::clone(handover), stop.clone(), rng));
        }
        Ok(Arc::new(Self { core }))
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
impl Channel for CmppChannel {
    fn id(&self) -> ChannelId {
        self.core.config.id
    }

    fn capacity(&self) -> Capacity {
        let free: i64 = self.core.connections.iter().map(|connection| connection.free()).sum();
        let free = u32::try_from(free.max(0)).unwrap_or(u32::MAX);
        let paced = self.core.pace().available(self.core.now_millis()).unwrap_or(u32::MAX);
        Capacity { parts: free.min(paced), connections_up: self.core.up.load(Ordering::Relaxed) }
    }

    async fn capacity_changed(&self) {
        let notified = self.core.changed.notified();
        let wait = self.core.pace().wait_millis(self.core.now_millis());
        match wait {
            None => notified.await,
            Some(millis) => tokio::select! {
                () = notified => {}
                () = tokio::time::sleep(Duration::from_millis(millis)) => {}
            },
        }
    }

    fn submit(&self, batch: Vec<Outgoing>, write_deadline_millis: u64) {
        let parts = batch.iter().map(|outgoing| u32::from(outgoing.parts)).sum();
        self.core.pace().take(parts, self.core.now_millis());
        let mut free: Vec<i64> = self.core.connections.iter().map(|connection| connection.free()).collect();
        let mut homeless = Vec::new();
        for outgoing in batch {
            let roomiest = free.iter().enumerate().max_by_key(|(_, free)| **free).map(|(index, _)| index);
            let Some(index) = roomiest else {
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
