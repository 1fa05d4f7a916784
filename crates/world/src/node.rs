//! One life of the node: the ledger opened, the engine started over it, until it dies.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use domain::channel::{Channel, ChannelEvent};
use domain::control::Control;
use domain::ids::{ChannelId, IdGenerator};
use domain::ledger::Ledger;
use domain::time::Clock;
use engine::dispatch::EVENT_BATCHES;
use engine::{Engine, EngineParts, Settings};
use store::ledger::{OpenOptions, SqliteLedger, Stepper};
use tokio::sync::mpsc;

use crate::carrier::WorldChannel;
use crate::cast;
use crate::watch::WatchedLedger;
use crate::world::World;

/// Memory for the pages of one partition, in KiB: the files are small.
const CACHE_KIB: u32 = 512;
/// Few, so that passes over the people's rows begin within a run.
const HAND_OVERS_IN_MEMORY: usize = 24;

const STARTING: u8 = 0;
const STARTED: u8 = 1;
const FAILED: u8 = 2;

/// A running node.
pub(crate) struct Node {
    pub engine: Arc<Engine>,
    /// What the engine asks; for what people ask beside it.
    pub ledger: Arc<WatchedLedger>,
    /// Looks that nobody watches.
    pub reader: Arc<dyn Ledger>,
    pub stepper: Stepper,
    pub ids: Arc<IdGenerator>,
    events: mpsc::Sender<(ChannelId, ChannelEvent)>,
    start: Arc<AtomicU8>,
}

impl Node {
    /// Opens the data folder and begins to start the engine; the steps that follow finish that.
    pub(crate) fn start(world: &mut World) -> Result<Self, String> {
        let options = OpenOptions {
            partitions: cast::PARTITIONS,
            cache_kib: CACHE_KIB,
            hand_overs_in_memory: HAND_OVERS_IN_MEMORY,
            ..OpenOptions::new(world.folder(), Arc::clone(&world.sealer))
        };
        let (ledger, stepper) = SqliteLedger::open_stepped(&options).map_err(|error| error.to_string())?;
        let reader = world.fault.ledger(ledger, &world.memory);
        let ledger = Arc::new(WatchedLedger {
            inner: Arc::clone(&reader),
            model: world.model.clone(),
            clock: Arc::clone(&world.clock),
            coverage: Arc::clone(&world.coverage),
            random: Mutex::new(world.random.split()),
        });
        let ids = Arc::new(IdGenerator::new(1));
        let engine = Engine::new(EngineParts {
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            control: Arc::clone(&world.control) as Arc<dyn Control>,
            clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
            ids: Arc::clone(&ids),
            policy: Arc::clone(&world.policy),
            settings: Settings::default(),
        });
        let (events, receiver) = mpsc::channel(EVENT_BATCHES);
        let start = Arc::new(AtomicU8::new(STARTING));
        let (carriers, fault) = (world.carriers.clone(), world.fault);
        let starting = {
            let (engine, start) = (Arc::clone(&engine), Arc::clone(&start));
            async move {
                let start_channel = Box::new(move |config: &domain::control::ChannelConfig, _| {
                    let channel = WorldChannel { number: config.id.0, carriers: carriers.clone() };
                    Ok(fault.channel(Arc::new(channel)) as Arc<dyn Channel>)
                });
                let outcome = engine.start_dispatch(start_channel, receiver, fault.retry()).await;
                start.store(if outcome.is_ok() { STARTED } else { FAILED }, Ordering::Relaxed);
            }
        };
        tokio::spawn(starting);
        Ok(Self { engine, ledger, reader, stepper, ids, events, start })
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
    pub(crate) fn tell(&self, line: usize, event: ChannelEvent) -> bool {
        self.events.try_send((ChannelId(line as u16 + 1), event)).is_ok()
    }

    /// Whether a channel could tell something now.
    pub(crate) fn has_room(&self) -> bool {
        self.events.capacity() > 0
    }
}
