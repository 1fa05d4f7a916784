//! Dispatch: channels claim what they can write, and what they answer is settled.
//!
//! One task per channel claims; one task takes the channels' events; per partition one task settles and one applies
//! receipts, so that what waits for a busy partition goes as one batch. Invariants: a channel never holds more than
//! its capacity; nothing is written after its claim's deadline; a carrier's PDU is acknowledged only when its
//! content is durable.

mod callbacks;
mod claim;
mod dispose;
mod explain;
mod recalls;
mod receipts;
mod seats;
mod settle;
mod slot;
mod status;
mod turns;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use domain::channel::{Channel, ChannelEvent, SettingsFault};
use domain::control::{ChannelConfig, Conditions, ControlError, Edit, RouteConfig};
use domain::ids::{ChannelId, LaneId, RouteId};
use domain::lane::{Lane, Share};
use domain::ledger::LedgerError;
use domain::phone::Phone;
use domain::retry::RetryPolicy;
use domain::routing::{ChannelNow, Condition, Scheduler, Trouble};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use callbacks::CallbackError;
pub use explain::{RouteAnswer, RouteQuestion};
pub use slot::ChannelSlot;
pub use status::ChannelStatus;

use self::recalls::Recalls;
use self::seats::Elsewhere;
use crate::nodes::keep_recovering;
use crate::{CampaignTrouble, Engine};

/// How often lanes and routes are read again: a changed speed is in force after at most this.
const REFRESH: Duration = Duration::from_millis(500);
/// Batches of channel events that may wait; beyond it the connections stop reading, and the carriers wait.
pub const EVENT_BATCHES: usize = 256;

/// Makes a running channel from its configuration; it ends when the token is cancelled. It must not wait: events of all
/// channels do meanwhile.
pub type StartChannel =
    Box<dyn Fn(&ChannelConfig, CancellationToken) -> Result<Arc<dyn Channel>, String> + Send + Sync>;

/// Why dispatch could not start, or a channel could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The configuration does not fit the protocol: the operator's fault.
    #[error("channel {id} cannot be started: {detail}")]
    Channel { id: ChannelId, detail: String },
    /// Settings of a provider's channel are not understood: the operator's fault.
    #[error("the settings of channel {id} are not understood at {}", fault.pointer)]
    Settings { id: ChannelId, fault: SettingsFault },
    #[error(transparent)]
    Campaign(#[from] CampaignTrouble),
    /// `start` was not called.
    #[error("dispatch is not running")]
    NotRunning,
}

/// What all tasks of dispatch share.
pub(crate) struct Dispatch {
    retry: RwLock<Arc<RetryPolicy>>,
    start_channel: StartChannel,
    slots: RwLock<Vec<Arc<ChannelSlot>>>,
    /// The last slot of each channel that was changed or switched off: answers to what it claimed still come.
    former: RwLock<HashMap<ChannelId, Arc<ChannelSlot>>>,
    /// Slots that were stopped and have not said goodbye, of each channel, oldest first.
    leaving: Mutex<HashMap<ChannelId, VecDeque<Arc<ChannelSlot>>>>,
    /// Channels that other nodes serve and this one does not.
    elsewhere: RwLock<Arc<[Elsewhere]>>,
    /// Held while seats change hands.
    seating: tokio::sync::Mutex<()>,
    /// Channels started and not ended, replaced ones included, and as many loops that claim for them: whoever may still
    /// send an event.
    running: AtomicUsize,
    scheduler: Mutex<Scheduler>,
    recalls: Mutex<Recalls>,
    /// Where receipts and inbound messages go, while events are taken.
    receipts: OnceLock<Weak<receipts::Receipts>>,
    lanes: RwLock<HashMap<LaneId, Lane>>,
    routes: RwLock<Arc<[RouteConfig]>>,
    /// When, on the monotonic clock, a channel was last seen with a connection, or none was wanted here.
    connected_at: AtomicU64,
}

impl Dispatch {
    pub(crate) fn slots(&self) -> Vec<Arc<ChannelSlot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A channel's slot, or its last one when it does not run any more.
    fn slot(&self, id: ChannelId) -> Option<Arc<ChannelSlot>> {
        self.running_slot(id).or_else(|| self.former(id))
    }

    fn running_slot(&self, id: ChannelId) -> Option<Arc<ChannelSlot>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.iter().find(|slot| slot.config.id == id).cloned()
    }

    fn former(&self, id: ChannelId) -> Option<Arc<ChannelSlot>> {
        self.former.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Stops a channel's slot, and keeps it for the answers that still come.
    fn retire(&self, id: ChannelId) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = slots.iter().position(|slot| slot.config.id == id) {
            let slot = slots.remove(place);
            slot.stop.cancel();
            self.leaving().entry(id).or_default().push_back(Arc::clone(&slot));
            self.former.write().unwrap_or_else(PoisonError::into_inner).insert(id, slot);
        }
    }

    /// Parts in flight by channel, those of stopped slots included. A slot shares its count with the one that replaced it.
    pub(crate) fn in_flight(&self) -> Vec<(String, u32)> {
        let mut counts: BTreeMap<ChannelId, (String, u32)> = BTreeMap::new();
        // In the order in which a slot is retired: each waits for nobody who waits for it.
        let slots = self.slots();
        let former = self.former.read().unwrap_or_else(PoisonError::into_inner);
        for slot in former.values().chain(&slots) {
            counts.insert(slot.config.id, (slot.config.name.clone(), slot.in_flight()));
        }
        counts.into_values().collect()
    }

    fn leaving(&self) -> MutexGuard<'_, HashMap<ChannelId, VecDeque<Arc<ChannelSlot>>>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when all stopped slots of a channel have said goodbye; who never tells is not waited for again, and keeps
    /// its place, so that a late word of it is not taken for another slot's.
    async fn goodbyes(&self, id: ChannelId) {
        let leaving = self.leaving().get(&id).cloned().unwrap_or_default();
        for slot in leaving {
            slot.said_goodbye().await;
            slot.gone.cancel();
        }
    }

    /// A channel has said goodbye on all connections of its oldest stopped slot.
    fn ended(&self, id: ChannelId) {
        self.running.fetch_sub(1, Ordering::AcqRel);
        let slot = self.leaving().get_mut(&id).and_then(VecDeque::pop_front);
        if let Some(slot) = slot {
            slot.gone.cancel();
        }
    }

    fn scheduler(&self) -> MutexGuard<'_, Scheduler> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recalls(&self) -> MutexGuard<'_, Recalls> {
        self.recalls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back what is claimed for a phone and not yet written: on every channel, and of claims under way.
    pub(crate) fn recall(&self, phone: Phone) {
        let slots = self.slots();
        let mut recalls = self.recalls();
        recalls.recall(phone);
        for slot in slots {
            slot.channel.recall(phone);
        }
    }

    fn elsewhere(&self) -> Arc<[Elsewhere]> {
        Arc::clone(&self.elsewhere.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// For how long there have been channels to serve here and none of them has been seen with a connection, in
    /// milliseconds.
    pub(crate) fn millis_without_connection(&self, now: u64) -> u64 {
        let slots = self.slots();
        if slots.is_empty() || slots.iter().any(|slot| slot.channel.capacity().connections_up > 0) {
            self.connected_at.store(now, Ordering::Release);
        }
        now.saturating_sub(self.connected_at.load(Ordering::Acquire))
    }

    /// What is done after failures, and what codes mean.
    pub(crate) fn retry(&self) -> Arc<RetryPolicy> {
        Arc::clone(&self.retry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Codes may mean something else over one protocol: which gateway speaks which is as the channels say.
    fn follow_protocols(&self, channels: &[ChannelConfig]) {
        let known = self.retry();
        let gateways = channels.iter().map(|channel| (channel.gateway, channel.protocol));
        let codes = known.codes.for_gateways(gateways);
        if codes != known.codes {
            let retry = Arc::new(RetryPolicy { codes, ..RetryPolicy::clone(&known) });
            *self.retry.write().unwrap_or_else(PoisonError::into_inner) = retry;
        }
    }

    fn routes(&self) -> Arc<[RouteConfig]> {
        Arc::clone(&self.routes.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Engine {
    /// Settles what an earlier process left in flight, brings campaigns back to where they were, starts the configured
    /// channels, and begins to claim.
    ///
    /// # Errors
    /// When storage refuses. A channel that cannot be started is reported in its status and left out.
    pub async fn start_dispatch(
        self: &Arc<Self>,
        start_channel: StartChannel,
        events: mpsc::Receiver<(ChannelId, ChannelEvent)>,
        retry: RetryPolicy,
    ) -> Result<(), DispatchError> {
        let retry = Arc::new(retry);
        let found = self.ledger.recover(Arc::clone(&retry), self.clock.now()).await?;
        if found > 0 {
            tracing::warn!(messages = found, "messages were in flight when the last process ended");
        }
        match self.node.joined() {
            // Whoever has the duty brings campaigns back.
            Some(joined) => self.start_heartbeat(joined).await?,
            None => self.resume_all().await?,
        }
        let dispatch = Arc::new(Dispatch {
            retry: RwLock::new(retry),
            start_channel,
            slots: RwLock::default(),
            former: RwLock::default(),
            leaving: Mutex::default(),
            elsewhere: RwLock::new(Arc::from([])),
            seating: tokio::sync::Mutex::default(),
            running: AtomicUsize::new(0),
            scheduler: Mutex::default(),
            recalls: Mutex::default(),
            receipts: OnceLock::new(),
            lanes: RwLock::default(),
            routes: RwLock::new(Arc::from([])),
            connected_at: AtomicU64::new(self.clock.monotonic_millis()),
        });
        *self.dispatch.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&dispatch));
        self.refresh(&dispatch).await?;
        self.start_channels(&dispatch).await?;
        let partitions = settle::start(self);
        let receipts = Arc::new(receipts::start(self, &dispatch));
        let _set_once = dispatch.receipts.set(Arc::downgrade(&receipts));
        self.tasks.spawn(settle::take_events(
            Arc::clone(self),
            Arc::clone(&dispatch),
            events,
            partitions,
            receipts,
        ));
        self.tasks.spawn(keep_fresh(Arc::clone(self), Arc::clone(&dispatch)));
        Ok(())
    }

    /// Adds a channel or changes one: its connections are closed and made anew.
    ///
    /// # Errors
    /// When the control database refuses, dispatch does not run, or the settings of a provider's channel are not
    /// understood; those are not kept.
    pub async fn put_channel(self: &Arc<Self>, config: &ChannelConfig) -> Result<(), DispatchError> {
        self.put_channel_on(config, Conditions::default()).await
    }

    /// The same on the terms of whoever read it before.
    ///
    /// # Errors
    /// As [`Engine::put_channel`]; [`ControlError::Changed`] when somebody was faster.
    pub async fn put_channel_on(
        self: &Arc<Self>,
        config: &ChannelConfig,
        terms: Conditions<'_>,
    ) -> Result<(), DispatchError> {
        if let Some(providers) = self.providers.get() {
            let checked = providers.check(config);
            checked.map_err(|fault| DispatchError::Settings { id: config.id, fault })?;
        }
        let dispatch = self.dispatch().ok_or(DispatchError::NotRunning)?;
        self.edit(Edit::Channel(config), terms).await?;
        if let Some(joined) = self.node.joined() {
            let failed =
                self.take_seats(&dispatch, joined).await?.into_iter().find(|(id, _)| *id == config.id);
            return match failed {
                None => Ok(()),
                Some((id, detail)) => Err(DispatchError::Channel { id, detail }),
            };
        }
        dispatch.retire(config.id);
        match self.start_whole(&dispatch, config.clone()) {
            None => Ok(()),
            Some(detail) => Err(DispatchError::Channel { id: config.id, detail }),
        }
    }

    /// Live state of every channel.
    #[must_use]
    pub fn channel_statuses(&self) -> Vec<ChannelStatus> {
        let now = self.clock.monotonic_millis();
        self.dispatch()
            .map_or_else(Vec::new, |dispatch| dispatch.slots().iter().map(|slot| slot.status(now)).collect())
    }

    /// Writes a lane into every partition and shows it to dispatch at once: an OTP does not wait for the next refresh.
    pub(crate) async fn put_lane(&self, lane: Lane) -> Result<(), LedgerError> {
        let id = lane.id;
        self.ledger.put_lane(lane.clone()).await?;
        if let Some(dispatch) = self.dispatch() {
            // A failure to read them is none of the lane's: the next look slows it as it should be.
            if let (Ok(routes), Ok(channels)) = (self.routes().await, self.channels().await) {
                let mut sharing = vec![lane.route];
                {
                    let lanes = dispatch.lanes.read().unwrap_or_else(PoisonError::into_inner);
                    let siblings = lanes.values().filter(|known| known.share() == lane.share());
                    sharing.extend(siblings.map(|known| known.route));
                }
                let lane = self.slowed(&dispatch, lane, &sharing, &routes, &channels);
                dispatch.lanes.write().unwrap_or_else(PoisonError::into_inner).insert(id, lane);
            }
        }
        Ok(())
    }

    pub(crate) fn dispatch(&self) -> Option<Arc<Dispatch>> {
        self.dispatch.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All channels when alone; those for which there are seats when among others.
    async fn start_channels(self: &Arc<Self>, dispatch: &Arc<Dispatch>) -> Result<(), DispatchError> {
        let Some(joined) = self.node.joined() else {
            for config in self.control.channels().await? {
                self.start_whole(dispatch, config);
            }
            return Ok(());
        };
        self.take_seats(dispatch, joined).await?;
        self.tasks.spawn(seats::keep(Arc::clone(self), Arc::clone(dispatch), Arc::clone(joined)));
        let (joined, retry) = (Arc::clone(joined), dispatch.retry());
        self.tasks.spawn(keep_recovering(Arc::clone(self), joined, retry));
        Ok(())
    }

    /// A channel with all its connections; as [`Self::start_slot`].
    fn start_whole(self: &Arc<Self>, dispatch: &Arc<Dispatch>, config: ChannelConfig) -> Option<String> {
        let places = (0..config.connections).collect();
        self.start_slot(dispatch, config, places)
    }

    /// Returns why the channel could not be started.
    fn start_slot(
        self: &Arc<Self>,
        dispatch: &Arc<Dispatch>,
        config: ChannelConfig,
        places: Vec<u16>,
    ) -> Option<String> {
        if !config.enabled {
            return None;
        }
        let stop = self.stop.child_token();
        let former = dispatch.former(config.id);
        // Held until the slot is there: the channel may say at once that it is connected, and says so once. Who takes its
        // events waits here for the slot, and would otherwise know of none, or of the one that is replaced.
        let mut slots = dispatch.slots.write().unwrap_or_else(PoisonError::into_inner);
        let channel = match (dispatch.start_channel)(&config, stop.clone()) {
            Ok(channel) => channel,
            Err(detail) => {
                tracing::error!(channel = %config.id, detail, "the channel cannot be started");
                return Some(detail);
            }
        };
        dispatch.running.fetch_add(2, Ordering::AcqRel);
        let slot = Arc::new(ChannelSlot::new(config, places, channel, stop, former.as_deref()));
        slots.push(Arc::clone(&slot));
        drop(slots);
        self.tasks.spawn(claim::run(Arc::clone(self), Arc::clone(dispatch), slot));
        None
    }

    async fn refresh(&self, dispatch: &Dispatch) -> Result<(), DispatchError> {
        let (routes, channels) = (self.routes().await?, self.channels().await?);
        dispatch.follow_protocols(&channels);
        let lanes = self.ledger.lanes().await?;
        let mut sharing: HashMap<Share, Vec<RouteId>> = HashMap::new();
        for lane in &lanes {
            sharing.entry(lane.share()).or_default().push(lane.route);
        }
        let slowed = |lane: Lane| {
            let of = sharing.get(&lane.share()).map_or(&[][..], Vec::as_slice);
            let lane = self.slowed(dispatch, lane, of, &routes, &channels);
            (lane.id, lane)
        };
        let lanes: HashMap<_, _> = lanes.into_iter().map(slowed).collect();
        dispatch.scheduler().retain(|share| sharing.contains_key(&share));
        *dispatch.lanes.write().unwrap_or_else(PoisonError::into_inner) = lanes;
        *dispatch.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
        Ok(())
    }
}

/// Reads lanes and routes again from time to time. A claim decides by the partition's own copy of the lane, so a
/// stale view here costs a moment's speed and never a wrong message.
async fn keep_fresh(engine: Arc<Engine>, dispatch: Arc<Dispatch>) {
    loop {
        tokio::select! {
            () = engine.stop.cancelled() => {
                engine.keep_turns(&dispatch).await;
                return;
            }
            () = tokio::time::sleep(REFRESH) => {}
        }
        engine.keep_turns(&dispatch).await;
        dispatch.millis_without_connection(engine.clock.monotonic_millis());
        if let Err(error) = engine.refresh(&dispatch).await {
            tracing::warn!(%error, "lanes and routes could not be read again");
        }
    }
}

/// The channels as routing sees them: those of this node, and those that only others can use.
fn channels_now<'a>(
    slots: &'a [Arc<ChannelSlot>],
    elsewhere: &'a [Elsewhere],
    now: u64,
) -> Vec<ChannelNow<'a>> {
    let here = slots.iter().map(|slot| slot.seen(now));
    let there = elsewhere.iter().map(|channel| ChannelNow {
        config: &channel.config,
        condition: if channel.usable {
            Condition::Up
        } else {
            Condition::Down { trouble: Trouble::Disconnected, until_millis: None }
        },
        free_parts: 0,
        delivered_percent: None,
    });
    here.chain(there).collect()
}
