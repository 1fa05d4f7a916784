//! One seed's world: its nodes live through their steps, die and come back, and in the end everything that was begun is
//! brought to its end.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::phone::Phone;
use domain::policy::Policy;
use store::ledger::Loss;
use store::sealing::Sealer;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::audience::Plan;
use crate::carrier::{Carriers, SharedCarriers};
use crate::cast;
use crate::clock::{NodeClock, WorldClock};
use crate::control::MemoryControl;
use crate::coverage::Coverage;
use crate::faults::{Fault, Memory};
use crate::model::SharedModel;
use crate::node::Seat;
use crate::random::Random;
use crate::storage::{Disk, Storage};

/// Turns that every node gets between two steps.
const TURNS: usize = 8;
/// Lines of the story of a failure that tell what happened last.
const LAST_LINES: usize = 30;
/// Starts of the nodes of one world, at most: a node that dies while it starts must not do so for ever.
const MOST_LIVES: usize = 300;
/// The key that everything is sealed with; the same in every world, so that nothing depends on chance.
const KEY_FILE: &str = "hongyan-keys 1\n1 0707070707070707070707070707070707070707070707070707070707070707\n";

/// See the module.
pub(crate) struct World {
    pub random: Random,
    pub clock: Arc<WorldClock>,
    pub model: SharedModel,
    pub carriers: SharedCarriers,
    pub coverage: Arc<Mutex<Coverage>>,
    pub control: Arc<MemoryControl>,
    pub policy: Arc<Policy>,
    pub sealer: Arc<Sealer>,
    pub fault: Fault,
    pub memory: Arc<Mutex<Memory>>,
    pub phones: Vec<Phone>,
    pub plans: Vec<Plan>,
    pub seats: Vec<Seat>,
    pub storage: Option<Storage>,
    pub disk: Disk,
    /// Steps to make before the end is begun, and those made.
    pub steps: usize,
    pub step: usize,
    /// Steps in which something moved.
    pub moved: usize,
    /// Counter of requests: makes texts and keys differ.
    pub requests: u64,
    lives: usize,
    told: Vec<String>,
    /// A digest of all that was told: equal for equal seeds.
    digest: u64,
    /// For looks of the world itself.
    looks: Runtime,
    folder: TempDir,
}

impl World {
    pub(crate) fn new(seed: u64, steps: usize, fault: Fault, place: &Path) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("hongyan-world").tempdir_in(place);
        let folder = folder.map_err(|error| error.to_string())?;
        let key = folder.path().join("key");
        write_key(&key).map_err(|error| error.to_string())?;
        let sealer = Sealer::open(&key, folder.path()).map_err(|error| error.to_string())?;
        let looks =
            tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
        let mut random = Random::new(seed);
        // Half of the worlds are one machine; the others have two or three nodes.
        let nodes = [1, 1, 1, 2, 2, cast::NODES][random.below(6)];
        let clock = Arc::new(WorldClock::default());
        let seats = (0..nodes).map(|_| Seat::new(NodeClock::new(Arc::clone(&clock), &mut random))).collect();
        let carriers = SharedCarriers::new(Carriers::new(random.split(), nodes));
        let model = SharedModel::default();
        let control = Arc::new(MemoryControl::new(fault, random.split(), model.clone()));
        Ok(Self {
            random,
            clock,
            model,
            carriers,
            coverage: Arc::default(),
            control,
            policy: fault.policy(),
            sealer,
            fault,
            memory: Arc::default(),
            phones: cast::phones(),
            plans: Vec::new(),
            seats,
            storage: None,
            disk: Disk::Sound,
            steps,
            step: 0,
            moved: 0,
            requests: 0,
            lives: 0,
            told: Vec::new(),
            digest: 0xcbf2_9ce4_8422_2325,
            looks,
            folder,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn coverage(&self) -> MutexGuard<'_, Coverage> {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, kind: &str, what: impl std::fmt::Display) {
        self.coverage().count(kind, what);
    }

    /// Adds to the story of this run.
    pub(crate) fn tell(&mut self, what: &str) {
        for byte in what.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.told.push(format!("{} {what}", self.step));
    }

    /// What happened last, and before that what happened to the messages that `what` names, or to the nodes.
    pub(crate) fn story(&self, what: &str) -> Vec<String> {
        let mut subjects = vec!["killed", "power lost", " node "];
        let named = |word: &&str| ["msg_", "cmp_", "lan_"].iter().any(|kind| word.starts_with(kind));
        subjects.extend(what.split([' ', ';']).filter(named));
        let last = self.told.len().saturating_sub(LAST_LINES);
        let tells = |line: &&String| subjects.iter().any(|word| line.contains(word));
        self.told[..last].iter().filter(tells).chain(&self.told[last..]).cloned().collect()
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Lives until all is done.
    ///
    /// # Errors
    /// What the model found wrong, or what broke the simulation itself.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        self.count("nodes", self.seats.len());
        for place in 0..self.seats.len() {
            self.start_node(place)?;
        }
        while self.step < self.steps {
            let before = self.model.lock().changes;
            self.next_step()?;
            self.step += 1;
            self.take_turns();
            self.moved += usize::from(self.model.lock().changes != before);
            self.check()?;
            self.bury()?;
        }
        self.bring_to_an_end()?;
        self.kill_all(Loss::Process)
    }

    /// Nodes whose start failed have ended.
    pub(crate) fn bury(&mut self) -> Result<(), String> {
        for place in 0..self.seats.len() {
            if self.seats[place].running().is_some_and(|life| life.node.has_failed()) {
                self.tell(&format!("node {place} is killed by a failed start"));
                self.count("fault", "start failed");
                self.kill_node(place)?;
                self.seats[place].gone = false;
            }
        }
        Ok(())
    }

    /// One more life of a node begins.
    pub(crate) fn count_life(&mut self) -> Result<(), String> {
        self.lives += 1;
        if self.lives > MOST_LIVES {
            return Err(format!("the nodes died {MOST_LIVES} times"));
        }
        Ok(())
    }

    /// Lets every task go on that can.
    pub(crate) fn take_turns(&self) {
        let nodes = self.seats.len();
        for place in 0..nodes {
            // Another one is first at every step.
            if let Some(life) = self.seats[(place + self.step) % nodes].running() {
                life.runtime.block_on(async {
                    for _ in 0..TURNS {
                        tokio::task::yield_now().await;
                    }
                });
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        match self.model.lock().first_violation() {
            Some(what) => Err(what.clone()),
            None => Ok(()),
        }
    }

    /// Moves all clocks; who stands still learns of it later.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
        for seat in &mut self.seats {
            if seat.frozen {
                seat.missed += by;
            } else if let Some(life) = &seat.life {
                life.runtime.block_on(tokio::time::advance(by));
            }
        }
    }

    /// Asks something that is answered at once.
    pub(crate) fn look<T>(&self, asked: impl Future<Output = T>) -> T {
        self.looks.block_on(asked)
    }
}

fn write_key(path: &Path) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(KEY_FILE.as_bytes())
}
