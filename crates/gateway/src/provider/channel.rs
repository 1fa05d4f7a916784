//! The front of a provider's channel: capacity, hand-over, recall.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::channel::{
    Capacity, CarrierCode, Channel, ChannelEvent, Outgoing, Receipt, SubmitOutcome, Submitted,
};
use domain::control::ChannelConfig;
use domain::ids::ChannelId;
use domain::phone::Phone;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::awaited::{AwaitedReceipts, Heard, pause};
use super::client::{Client, TlsError};
use super::dialect::{Awaited, Dialect, Prepared, Stamp};
use super::{asking, dialect_of, work};
use crate::StartError;
use crate::carrier::ChannelSettings;
use crate::pace::{self, Pace};

/// Requests that may be under way at once, however large the window is: each has a connection of its own.
const MOST_REQUESTS: u32 = 128;

/// A channel over a provider's HTTP interface.
pub(crate) struct ProviderChannel {
    core: Arc<Core>,
}

/// A message that waits for a request.
pub(super) struct Waiting {
    pub(super) outgoing: Outgoing,
    pub(super) prepared: Result<Prepared, CarrierCode>,
    /// Milliseconds of the monotonic clock after which it must not be written.
    pub(super) deadline: u64,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) waiting: VecDeque<Waiting>,
    /// Parts that wait or are in a request.
    pub(super) under_way: i64,
    /// No connection can be made: nothing is taken until it was tried again.
    pub(super) down: bool,
    /// What a person must look at.
    pub(super) trouble: Option<String>,
}

/// What all tasks of a channel share.
pub(super) struct Core {
    pub(super) config: ChannelConfig,
    pub(super) settings: ChannelSettings,
    pub(super) dialect: Box<dyn Dialect>,
    pub(super) client: Client,
    state: Mutex<State>,
    pace: Mutex<Pace>,
    rng: Mutex<StdRng>,
    requests: AtomicU64,
    /// Messages whose receipts are asked for, when they are.
    awaited: Mutex<AwaitedReceipts>,
    /// Inbound messages that questions have brought.
    heard: Mutex<Heard>,
    /// Wakes a task when there is something to send.
    pub(super) work: Notify,
    /// Wakes whoever waits for capacity.
    pub(super) changed: Notify,
    pub(super) events: mpsc::Sender<(ChannelId, ChannelEvent)>,
    pub(super) stop: CancellationToken,
    /// Tasks that have not ended.
    pub(super) running: AtomicU16,
}

impl ProviderChannel {
    /// See [`crate::start`].
    pub(crate) fn start(
        config: ChannelConfig,
        settings: ChannelSettings,
        events: mpsc::Sender<(ChannelId, ChannelEvent)>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>, StartError> {
        let dialect = dialect_of(&config).map_err(StartError::Settings)?;
        let window = u32::from(config.connections) * u32::from(config.window);
        let requests = u16::try_from(window.clamp(1, MOST_REQUESTS)).unwrap_or(1);
        let provider = config.provider.as_deref();
        let (tls, poll) = (provider.is_none_or(|p| p.tls), provider.and_then(|p| p.poll_seconds));
        let client = Client::new(&config.host, config.port, tls, requests.into());
        let client = client.map_err(|error: TlsError| StartError::Tls(error.to_string()))?;
        let now = settings.clock.monotonic_millis();
        let seed = settings.seed ^ u64::from(config.id.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let tasks = requests + 1 + u16::from(poll.is_some());
        let core = Arc::new(Core {
            pace: Mutex::new(Pace::new(config.parts_per_second, now)),
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            requests: AtomicU64::new(0),
            awaited: Mutex::default(),
            heard: Mutex::default(),
            state: Mutex::default(),
            work: Notify::new(),
            changed: Notify::new(),
            stop: stop.clone(),
            running: AtomicU16::new(tasks),
            config,
            settings,
            dialect,
            client,
            events,
        });
        tracker.spawn(work::keep(Arc::clone(&core)));
        for _ in 0..requests {
            tracker.spawn(work::send(Arc::clone(&core)));
        }
        if let Some(seconds) = poll {
            tracker.spawn(asking::ask(Arc::clone(&core), Duration::from_secs(seconds.into())));
        }
        Ok(Arc::new(Self { core }))
    }
}

impl Core {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn awaited(&self) -> MutexGuard<'_, AwaitedReceipts> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long to wait before this message is asked for; none when nobody is to ask for it, or not any more.
    pub(super) fn pause(&self, awaited: &Awaited) -> Option<Duration> {
        let provider = self.config.provider.as_deref()?;
        let every = Duration::from_secs(provider.poll_seconds?.into());
        let age = self.settings.clock.now().since(awaited.taken_at);
        let pushed = provider.callback_token.is_some();
        pause(every, pushed, awaited.asked, age).filter(|_| self.dialect.follows())
    }

    /// Asks for this message after a while, if it is to be asked for.
    pub(super) fn follow(&self, awaited: Awaited) {
        if let Some(pause) = self.pause(&awaited) {
            let due = self.now_millis() + u64::try_from(pause.as_millis()).unwrap_or(u64::MAX / 2);
            self.awaited().add(awaited, due);
        }
    }

    /// Chance of its own, so that platforms do not act in step.
    pub(super) fn rng(&self) -> MutexGuard<'_, StdRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now_millis(&self) -> u64 {
        self.settings.clock.monotonic_millis()
    }

    /// Parts that may be under way.
    fn window(&self) -> i64 {
        i64::from(self.config.connections) * i64::from(self.config.window)
    }

    pub(super) fn stamp(&self) -> Stamp {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let random: u64 = self.rng().random();
        let now = self.settings.clock.now();
        Stamp { now, nonce: format!("{random:016x}{:08x}{:08x}", now.millis() as u32, count as u32) }
    }

    fn submitted(&self, outgoing: Outgoing, outcome: SubmitOutcome) -> Submitted {
        Submitted { outgoing, at: self.settings.clock.now(), outcome }
    }

    /// Ends the time under way of these messages, and makes the event that tells what became of them.
    pub(super) fn settled(
        &self,
        answers: impl IntoIterator<Item = (Outgoing, SubmitOutcome)>,
    ) -> Option<(ChannelId, ChannelEvent)> {
        let answers: Vec<Submitted> =
            answers.into_iter().map(|(outgoing, outcome)| self.submitted(outgoing, outcome)).collect();
        if answers.is_empty() {
            return None;
        }
        let parts: i64 = answers.iter().map(|answer| i64::from(answer.outgoing.parts)).sum();
        self.state().under_way -= parts;
        self.changed.notify_one();
        Some((self.config.id, ChannelEvent::Submitted(answers)))
    }

    /// Gives messages back without waiting: they were never written.
    fn give_back(self: &Arc<Self>, messages: Vec<Outgoing>, recalled: bool) {
        let answers = messages.into_iter().map(|m| (m, SubmitOutcome::NotWritten { recalled }));
        let Some(event) = self.settled(answers) else { return };
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            // Rare: a task waits for room, so that the caller need not.
            let core = Arc::clone(self);
            tokio::spawn(async move {
                let _closed_at_shutdown = core.events.send(event).await;
            });
        }
    }

    /// A channel that was stopped tells nothing: another one with its id may be running already.
    pub(super) async fn tell_connections(&self) {
        if self.stop.is_cancelled() {
            return;
        }
        let (down, trouble) = {
            let state = self.state();
            (state.down, state.trouble.clone())
        };
        let configured = self.config.connections;
        let up = if down { 0 } else { configured };
        let event = ChannelEvent::Connections { up, configured, trouble };
        let _closed_at_shutdown = self.events.send((self.config.id, event)).await;
    }
}

#[async_trait]
impl Channel for ProviderChannel {
    fn id(&self) -> ChannelId {
        self.core.config.id
    }

    fn capacity(&self) -> Capacity {
        let free = {
            let state = self.core.state();
            if state.down || self.core.stop.is_cancelled() {
                return Capacity::default();
            }
            u32::try_from((self.core.window() - state.under_way).max(0)).unwrap_or(u32::MAX)
        };
        let window = u32::try_from(self.core.window()).unwrap_or(u32::MAX);
        let now = self.core.now_millis();
        let mut pace = self.core.pace();
        let (parts, open) = pace.capacity(free, window, now);
        let rested = free == window && pace.is_rested(now);
        Capacity { parts, open, rested, connections_up: self.core.config.connections }
    }

    async fn capacity_changed(&self) {
        let notified = self.core.changed.notified();
        let wait = self.core.pace().wait_millis(self.core.now_millis());
        pace::refilled(wait, notified).await;
    }

    fn submit(&self, batch: Vec<Outgoing>, write_deadline_millis: u64) {
        let parts: u32 = batch.iter().map(|outgoing| u32::from(outgoing.parts)).sum();
        self.core.pace().take_for(&batch, self.core.now_millis());
        let prepare = |outgoing| {
            let prepared = self.core.dialect.prepare(&outgoing);
            Waiting { outgoing, prepared, deadline: write_deadline_millis }
        };
        let prepared: Vec<Waiting> = batch.into_iter().map(prepare).collect();
        let homeless: Vec<Outgoing> = {
            let mut state = self.core.state();
            state.under_way += i64::from(parts);
            if state.down || self.core.stop.is_cancelled() {
                prepared.into_iter().map(|waiting| waiting.outgoing).collect()
            } else {
                state.waiting.extend(prepared);
                Vec::new()
            }
        };
        self.core.work.notify_one();
        self.core.give_back(homeless, false);
    }

    fn reported(&self, receipts: &[Receipt]) {
        self.core.awaited().reported(receipts);
    }

    fn recall(&self, phone: Phone) -> usize {
        let recalled: Vec<Outgoing> = {
            let mut state = self.core.state();
            let (recalled, kept): (VecDeque<_>, VecDeque<_>) =
                state.waiting.drain(..).partition(|waiting| waiting.outgoing.phone == phone);
            state.waiting = kept;
            recalled.into_iter().map(|waiting| waiting.outgoing).collect()
        };
        let count = recalled.len();
        self.core.give_back(recalled, true);
        count
    }
}
