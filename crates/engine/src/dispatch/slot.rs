//! A running channel as dispatch keeps it: capacity less what claims have reserved, health, counters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::channel::{Channel, Outgoing, Ticket};
use domain::control::ChannelConfig;
use domain::routing::{Change, ChannelNow, Condition, Health, HealthRules, Occupied, Room, Unfit};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::status::ChannelStatus;

/// A claim that would take fewer parts than this share of the channel's whole window waits for more room, unless
/// nothing is under way: small claims cost a commit each.
const CLAIM_SHARE: u32 = 16;
/// Nodes that share a database share the channel's connections too: the fewer each has, the smaller its window. A claim waits for so
/// many parts all the same,
const WORTH_A_CLAIM: u32 = 64;
/// but not for more than this share of the node's window, so that something is always on its way.
const MOST_SHARE: u32 = 4;
/// Claims whose answers are timed at once.
const MOST_SAMPLES: usize = 1_024;

/// How long a stopped channel's goodbye is awaited; longer than it waits for its carrier's last answers.
const FAREWELL: Duration = Duration::from_secs(6);

/// What the ledger has in flight on one channel: claimed, and not yet settled. Shared with the slot that replaces this
/// one, since the answers to what was claimed before come afterwards.
#[derive(Default)]
struct InFlight {
    parts: AtomicU32,
    /// Wakes the claiming loop when some are settled.
    settled: Notify,
}

/// A running channel.
pub struct ChannelSlot {
    pub(crate) config: ChannelConfig,
    /// The channel's connections that are this node's.
    pub(super) places: Vec<u16>,
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) stop: CancellationToken,
    /// Cancelled when it has said goodbye on every connection.
    pub(super) gone: CancellationToken,
    /// Parts promised to claims that are under way.
    reserved: AtomicU32,
    /// Never more parts than the window, so that a kill leaves no more messages uncertain than that.
    in_flight: Arc<InFlight>,
    health: Mutex<Health>,
    trouble: Mutex<Option<String>>,
    /// What its claims had too little room for.
    unfit: Mutex<Option<Unfit>>,
    /// One message of each claim that is under way, and when it was handed over.
    samples: Mutex<HashMap<Ticket, u64>>,
    pub(crate) counters: Counters,
}

/// What happened on a channel since the process started.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) claimed: AtomicU64,
    pub(crate) submitted: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) uncertain: AtomicU64,
    pub(crate) receipts: AtomicU64,
    pub(crate) inbound: AtomicU64,
}

impl ChannelSlot {
    /// `former` is the slot that this one replaces.
    pub(crate) fn new(
        config: ChannelConfig,
        places: Vec<u16>,
        channel: Arc<dyn Channel>,
        stop: CancellationToken,
        former: Option<&Self>,
    ) -> Self {
        Self {
            config,
            places,
            channel,
            stop,
            gone: CancellationToken::new(),
            reserved: AtomicU32::new(0),
            in_flight: former.map(|former| Arc::clone(&former.in_flight)).unwrap_or_default(),
            health: Mutex::new(Health::new(HealthRules::default())),
            trouble: Mutex::new(None),
            unfit: Mutex::new(None),
            samples: Mutex::default(),
            counters: Counters::default(),
        }
    }

    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// What a claim had too little room for, and room is gathered for now.
    pub(super) fn unfit(&self) -> Option<Unfit> {
        *self.unfit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_unfit(&self, unfit: Option<Unfit>) {
        *self.unfit.lock().unwrap_or_else(PoisonError::into_inner) = unfit;
    }

    pub(crate) fn is_usable(&self, now: u64) -> bool {
        self.health().is_usable(now)
    }

    /// The channel as routing sees it.
    pub(super) fn seen(&self, now: u64) -> ChannelNow<'_> {
        let (condition, delivered_percent) = {
            let health = self.health();
            (health.condition(now), health.delivered_percent(now))
        };
        // What is kept for emergencies is no room that other channels should wait for.
        let free_parts = self.room(condition).open;
        ChannelNow { config: &self.config, condition, free_parts, delivered_percent }
    }

    /// What another claim may take now.
    pub(crate) fn room_now(&self, now: u64) -> Room {
        let condition = self.health().condition(now);
        self.room(condition)
    }

    fn room(&self, condition: Condition) -> Room {
        let promised = self.reserved.load(Ordering::Acquire);
        let in_flight = self.in_flight.parts.load(Ordering::Acquire);
        let occupied = Occupied { window: self.window(), in_flight, promised };
        Room::of(self.channel.capacity(), occupied, condition)
    }

    /// The least that is worth a claim of its own while others are under way. `shared`: other nodes have connections too.
    pub(crate) fn least_claim(&self, shared: bool) -> u32 {
        let window = self.window();
        let worth = if shared { WORTH_A_CLAIM.min(window / MOST_SHARE) } else { 0 };
        worth.max(window / CLAIM_SHARE)
    }

    /// Remembers when a claim was handed over, by one of its messages.
    pub(crate) fn sample(&self, outgoing: &[Outgoing], now: u64) {
        let Some(first) = outgoing.first() else { return };
        let mut samples = self.samples();
        if samples.len() < MOST_SAMPLES {
            samples.insert(first.ticket, now);
        }
    }

    /// How long the answer to this message took, in milliseconds, if it is one of those remembered.
    pub(crate) fn answer_time(&self, ticket: Ticket, now: u64) -> Option<u64> {
        self.samples().remove(&ticket).map(|since| now.saturating_sub(since))
    }

    fn samples(&self) -> MutexGuard<'_, HashMap<Ticket, u64>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Parts that all connections together may have unanswered.
    fn window(&self) -> u32 {
        u32::from(self.config.connections) * u32::from(self.config.window)
    }

    /// The ledger has so many more parts in flight here.
    pub(crate) fn claimed(&self, parts: u32) {
        self.in_flight.parts.fetch_add(parts, Ordering::AcqRel);
    }

    /// The ledger knows what became of so many parts.
    pub(crate) fn settled(&self, parts: u32) {
        self.in_flight.parts.fetch_sub(parts, Ordering::AcqRel);
        self.in_flight.settled.notify_one();
    }

    /// Returns when parts were settled.
    pub(crate) async fn some_settled(&self) {
        self.in_flight.settled.notified().await;
    }

    /// Returns when a stopped slot has said goodbye on every connection, or does not tell.
    pub(super) async fn said_goodbye(&self) {
        if tokio::time::timeout(FAREWELL, self.gone.cancelled()).await.is_err() {
            tracing::warn!(channel = %self.config.id, "a channel has not told that its connections are closed");
        }
    }

    /// Parts that are not yet settled, those included that claims under way may still take.
    pub(crate) fn in_flight(&self) -> u32 {
        // In this order: a claim counts its parts as in flight before it gives the reserved ones back.
        let reserved = self.reserved.load(Ordering::Acquire);
        self.in_flight.parts.load(Ordering::Acquire).saturating_add(reserved)
    }

    /// Sets parts aside for a claim; they are free again when the guard is dropped, after what was claimed has been
    /// handed over.
    pub(crate) fn reserve(self: &Arc<Self>, parts: u32) -> Reservation {
        self.reserved.fetch_add(parts, Ordering::AcqRel);
        Reservation { slot: Arc::clone(self), parts }
    }

    pub(crate) fn status(&self, now: u64) -> ChannelStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let capacity = self.channel.capacity();
        let (condition, vitals, history) = {
            let health = self.health();
            let ago = |change: &Change| (now.saturating_sub(change.at_millis), change.turn);
            (health.condition(now), health.vitals(now), health.history().map(ago).collect())
        };
        ChannelStatus {
            id: self.config.id,
            name: self.config.name.clone(),
            connections_up: capacity.connections_up,
            connections: self.config.connections,
            free_parts: capacity.parts,
            condition,
            down_for: match condition {
                Condition::Down { until_millis, .. } => until_millis.map(|until| until.saturating_sub(now)),
                Condition::Up | Condition::Recovering { .. } | Condition::Probing { .. } => None,
            },
            vitals,
            history,
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            claimed: count(&self.counters.claimed),
            submitted: count(&self.counters.submitted),
            throttled: count(&self.counters.throttled),
            refused: count(&self.counters.refused),
            uncertain: count(&self.counters.uncertain),
            receipts: count(&self.counters.receipts),
            inbound: count(&self.counters.inbound),
        }
    }
}

/// Parts set aside.
pub(crate) struct Reservation {
    slot: Arc<ChannelSlot>,
    parts: u32,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.slot.reserved.fetch_sub(self.parts, Ordering::AcqRel);
    }
}
