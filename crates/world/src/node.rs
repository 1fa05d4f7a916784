//! One life of a node: an engine over the ledger, with a runtime of its own, until it dies.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use domain::channel::{Channel, ChannelEvent};
use domain::control::Control;
use domain::ids::{ChannelId, IdGenerator};
use domain::ledger::Ledger;
use domain::time::Clock;
use engine::billing::Poster;
use engine::dispatch::EVENT_BATCHES;
use engine::{Engine, EngineParts, HeavyWork, Settings};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc;

use crate::carrier::{WorldChannel, line_of};
use crate::cast;
use crate::clock::NodeClock;
use crate::watch::WatchedLedger;
use crate::world::World;

const STARTING: u8 = 0;
const STARTED: u8 = 1;
const FAILED: u8 = 2;

/// A running node, as everybody in the world reaches it.
#[derive(Clone)]
pub(crate) struct Node {
    /// Its number among the nodes.
    pub place: usize,
    pub engine: Arc<Engine>,
    /// What the engine asks; for what people ask beside it.
    pub ledger: Arc<WatchedLedger>,
    pub ids: Arc<IdGenerator>,
    pub clock: Arc<NodeClock>,
    pub poster: Arc<tokio::sync::Mutex<Poster>>,
    handle: Handle,
    events: mpsc::Sender<(ChannelId, ChannelEvent)>,
    start: Arc<AtomicU8>,
}

/// A node with what it lives on: every task ends with its runtime, as threads end with their process.
pub(crate) struct Life {
    pub node: Node,
    pub runtime: Runtime,
}

impl Life {
    /// Begins to start an engine over the ledger; the steps that follow finish that.
    pub(crate) fn start(world: &mut World, place: usize) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| error.to_string())?;
        let number = cast::node(place);
        let storage = world.storage.as_ref().ok_or("a node starts and its storage is down")?;
        let seen = storage.ledger.for_node(number);
        let (fenced, clock) = (Arc::clone(&world.seats[place].fenced), Arc::clone(&world.seats[place].clock));
        fenced.store(false, Ordering::Relaxed);
        let ids = Arc::new(IdGenerator::new(number));
        let newest = runtime.block_on(seen.newest_message()).map_err(|error| error.to_string())?;
        let begun = runtime.block_on(engine::begin_ids(&ids, &*world.control, newest));
        begun.map_err(|error| error.to_string())?;
        let ledger = Arc::new(WatchedLedger {
            inner: world.fault.ledger(Arc::clone(&seen) as Arc<dyn Ledger>, &world.memory),
            seen,
            place,
            fenced,
            fault: world.fault,
            model: world.model.clone(),
            clock: Arc::clone(&clock),
            world: Arc::clone(&world.clock),
            coverage: Arc::clone(&world.coverage),
            random: Mutex::new(world.random.split()),
        });
        let engine = Engine::new(EngineParts {
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            control: Arc::clone(&world.control) as Arc<dyn Control>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Arc::clone(&ids),
            policy: Arc::clone(&world.policy),
            settings: Settings { heavy_work: HeavyWork::AtOnce, ..Settings::default() },
        });
        let (events, receiver) = mpsc::channel(EVENT_BATCHES);
        let start = Arc::new(AtomicU8::new(STARTING));
        let handle = runtime.handle().clone();
        let poster = Arc::default();
        let node = Node { place, engine, ledger, ids, clock, poster, handle, events, start };
        node.begin(world, receiver);
        Ok(Self { node, runtime })
    }
}

impl Node {
    fn begin(&self, world: &World, receiver: mpsc::Receiver<(ChannelId, ChannelEvent)>) {
        let (place, carriers, fault) = (self.place, world.carriers.clone(), world.fault);
        let (engine, start) = (Arc::clone(&self.engine), Arc::clone(&self.start));
        self.spawn(async move {
            let start_channel = Box::new(move |config: &domain::control::ChannelConfig, _| {
                let line = line_of(place, config.id);
                let channel = WorldChannel { id: config.id, line, carriers: carriers.clone() };
                Ok(fault.channel(Arc::new(channel)) as Arc<dyn Channel>)
            });
            let outcome = engine.start_dispatch(start_channel, receiver, fault.retry()).await;
            start.store(if outcome.is_ok() { STARTED } else { FAILED }, Ordering::Relaxed);
        });
    }

    /// Adds a task that ends with the node.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(task));
    }

    /// Whether recovery is over and channels may claim.
    pub(crate) fn is_started(&self) -> bool {
        self.start.load(Ordering::Relaxed) == STARTED
    }

    /// Whether the start failed: then the process ends, and whoever watches it starts it again.
    pub(crate) fn has_failed(&self) -> bool {
        self.start.load(Ordering::Relaxed) == FAILED
    }

    /// A channel tells the engine something; `false`: there is no room, so the connection waits.
    pub(crate) fn tell(&self, channel: ChannelId, event: ChannelEvent) -> bool {
        self.events.try_send((channel, event)).is_ok()
    }

    /// Whether a channel could tell something now.
    pub(crate) fn has_room(&self) -> bool {
        self.events.capacity() > 0
    }
}

/// The place of a node, alive or not.
pub(crate) struct Seat {
    pub clock: Arc<NodeClock>,
    pub life: Option<Life>,
    /// It stands still: no task of it goes on.
    pub frozen: bool,
    /// Since when it is dead or frozen, on the true monotonic clock.
    pub since: u64,
    /// How long it has stood still: what its own timers do not know yet.
    pub missed: std::time::Duration,
    /// Its claims have been taken over: it may claim no more until it is started anew.
    pub fenced: Arc<AtomicBool>,
    /// Who takes its claims over, and whether that is done.
    pub takeover: Option<(usize, Arc<AtomicBool>)>,
    /// It will not come back.
    pub gone: bool,
}

impl Seat {
    pub(crate) fn new(clock: NodeClock) -> Self {
        Self {
            clock: Arc::new(clock),
            life: None,
            frozen: false,
            since: 0,
            missed: std::time::Duration::ZERO,
            fenced: Arc::default(),
            takeover: None,
            gone: false,
        }
    }

    /// The node, when it is alive and does not stand still.
    pub(crate) fn running(&self) -> Option<&Life> {
        self.life.as_ref().filter(|_| !self.frozen)
    }

    pub(crate) fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Relaxed)
    }

    /// Whether somebody is still at ending its claims.
    pub(crate) fn is_being_taken_over(&self) -> bool {
        self.takeover.as_ref().is_some_and(|(_, done)| !done.load(Ordering::Relaxed))
    }

    pub(crate) fn is_being_taken_over_by(&self, helper: usize) -> bool {
        self.is_being_taken_over() && self.takeover.as_ref().is_some_and(|(by, _)| *by == helper)
    }
}
