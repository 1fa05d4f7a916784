//! One seed's world: it lives through its steps, dies and comes back, and in the end everything that was begun is brought
//! to its end.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::phone::Phone;
use domain::policy::Policy;
use store::ledger::Loss;
use store::sealing::Sealer;
use tempfile::TempDir;

use crate::audience::Plan;
use crate::carrier::{Carriers, SharedCarriers};
use crate::cast;
use crate::clock::WorldClock;
use crate::control::MemoryControl;
use crate::coverage::Coverage;
use crate::faults::{Fault, Memory};
use crate::model::SharedModel;
use crate::node::Node;
use crate::random::Random;

/// Turns that everybody gets between two steps.
const TURNS: usize = 8;
/// Lines of the story of a failure that tell what happened last.
const LAST_LINES: usize = 30;
/// Starts of one world, at most: a node that dies while it starts must not do so for ever.
const MOST_LIVES: usize = 200;
/// The key that everything is sealed with; the same in every world, so that nothing depends on chance.
const KEY_FILE: &str = "hongyan-keys 1\n1 0707070707070707070707070707070707070707070707070707070707070707\n";

/// How a life ended.
pub(crate) enum End {
    /// The node died.
    Died(Loss),
    /// All is done.
    Done,
}

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
    /// Steps to make before the end is begun, and those made.
    pub steps: usize,
    pub step: usize,
    /// Steps in which something moved.
    pub moved: usize,
    /// Counter of requests: makes texts and keys differ.
    pub requests: u64,
    told: Vec<String>,
    /// A digest of all that was told: equal for equal seeds.
    digest: u64,
    folder: TempDir,
}

impl World {
    pub(crate) fn new(seed: u64, steps: usize, fault: Fault, place: &Path) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("hongyan-world").tempdir_in(place);
        let folder = folder.map_err(|error| error.to_string())?;
        let key = folder.path().join("key");
        write_key(&key).map_err(|error| error.to_string())?;
        let sealer = Sealer::open(&key, folder.path()).map_err(|error| error.to_string())?;
        let mut random = Random::new(seed);
        let carriers = SharedCarriers::new(Carriers::new(random.split()));
        Ok(Self {
            random,
            clock: Arc::default(),
            model: SharedModel::default(),
            carriers,
            coverage: Arc::default(),
            control: Arc::default(),
            policy: fault.policy(),
            sealer,
            fault,
            memory: Arc::default(),
            phones: cast::phones(),
            plans: Vec::new(),
            steps,
            step: 0,
            moved: 0,
            requests: 0,
            told: Vec::new(),
            digest: 0xcbf2_9ce4_8422_2325,
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

    /// What happened last, and before that what happened to the messages that `what` names, or to the node.
    pub(crate) fn story(&self, what: &str) -> Vec<String> {
        let mut subjects = vec!["killed", "power lost"];
        subjects.extend(what.split([' ', ';']).filter(|word| word.starts_with("msg_")));
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
        for _ in 0..MOST_LIVES {
            match self.live()? {
                End::Done => return Ok(()),
                End::Died(_) => {}
            }
        }
        Err(format!("the node died {MOST_LIVES} times"))
    }

    /// One life: every task ends with its runtime, as threads end with their process.
    fn live(&mut self) -> Result<End, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| error.to_string())?;
        let (end, stepper) = runtime.block_on(async {
            let mut node = Node::start(self)?;
            let end = self.go_on(&mut node).await?;
            Ok::<_, String>((end, node.stepper))
        })?;
        drop(runtime);
        let loss = match end {
            End::Died(loss) => loss,
            End::Done => Loss::Process,
        };
        stepper.kill(loss).map_err(|error| error.to_string())?;
        self.carriers.lock().node_died();
        let lost = self.model.lock().node_died(matches!(loss, Loss::Power { .. }));
        if lost > 0 {
            self.count("fault", "settlement lost");
        }
        self.plans.iter_mut().for_each(Plan::node_died);
        // Nobody restarts a machine within a second.
        self.clock.advance(Duration::from_millis(self.random.between(1_000, 20_000)));
        Ok(end)
    }

    async fn go_on(&mut self, node: &mut Node) -> Result<End, String> {
        while self.step < self.steps {
            let before = self.model.lock().changes;
            let end = self.next_step(node).await?;
            self.step += 1;
            if let Some(end) = end {
                self.moved += 1;
                return Ok(end);
            }
            self.take_turns().await;
            self.moved += usize::from(self.model.lock().changes != before);
            self.check()?;
            if node.has_failed() {
                self.tell("killed by a failed start");
                self.count("fault", "start failed");
                return Ok(End::Died(Loss::Process));
            }
        }
        self.bring_to_an_end(node).await?;
        Ok(End::Done)
    }

    /// Lets every task go on that can.
    pub(crate) async fn take_turns(&self) {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        match self.model.lock().first_violation() {
            Some(what) => Err(what.clone()),
            None => Ok(()),
        }
    }

    /// Moves all clocks.
    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        tokio::time::advance(by).await;
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
