//! Many seeds, some at a time.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::coverage::Coverage;
use crate::faults::Fault;
use crate::world::World;

/// From so many seeds on, everything in the list of what must be covered has to occur, and most steps must move something.
const ENOUGH_SEEDS: u64 = 40;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Options {
    /// The first seed; the others follow it.
    pub first_seed: u64,
    /// How many seeds (at least one).
    pub seeds: u64,
    /// Steps of each, without those of its end.
    pub steps: usize,
    /// Threads, each with one world at a time.
    pub threads: usize,
    /// What is deliberately wrong.
    pub fault: Fault,
    /// Once it is true, no further seed is begun.
    pub stop: Arc<AtomicBool>,
    /// Where the worlds' data folders lie while they live; a folder in memory is fastest.
    pub place: PathBuf,
}

impl Options {
    /// So many seeds of so many steps on two threads, with nothing wrong, in memory where the system has such a place.
    #[must_use]
    pub fn new(seeds: u64, steps: usize) -> Self {
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        Self { first_seed: 1, seeds, steps, threads: 2, fault: Fault::None, stop: Arc::default(), place }
    }
}

/// One seed that found something wrong. The same seed and steps find it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    pub seed: u64,
    /// The step in which it was noticed.
    pub step: usize,
    pub what: String,
    /// What happened before, oldest first.
    pub story: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.story {
            writeln!(f, "  {line}")?;
        }
        write!(f, "seed {} step {}: {}", self.seed, self.step, self.what)
    }
}

/// What a run came to.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// Seeds that were run; fewer than asked for after a failure.
    pub seeds: u64,
    pub steps: u64,
    /// Steps in which something moved.
    pub moved: u64,
    pub coverage: Coverage,
    /// By seed.
    pub failures: Vec<Failure>,
    /// A digest of the stories of all seeds, whatever their order.
    pub digest: u64,
}

impl Report {
    /// What the run should have met and did not: it was blind there.
    #[must_use]
    pub fn shortcomings(&self) -> Vec<String> {
        if self.seeds < ENOUGH_SEEDS {
            return Vec::new();
        }
        let mut missing: Vec<String> = self.coverage.missing().into_iter().map(str::to_owned).collect();
        if self.moved * 2 < self.steps {
            missing.push(format!("only {} of {} steps moved something", self.moved, self.steps));
        }
        missing
    }
}

/// Runs the seeds, and stops at the first failure.
#[must_use]
pub fn simulate(options: &Options) -> Report {
    let next = AtomicU64::new(0);
    let stop = &options.stop;
    let report = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= options.seeds || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let failed = run_one(options, options.first_seed + place, &report);
                    stop.fetch_or(failed, Ordering::Relaxed);
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.failures.sort_by_key(|failure| failure.seed);
    report
}

/// Whether it failed.
fn run_one(options: &Options, seed: u64, report: &Mutex<Report>) -> bool {
    let mut world = match World::new(seed, options.steps, options.fault, &options.place) {
        Ok(world) => world,
        Err(what) => {
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.failures.push(Failure { seed, step: 0, what, story: Vec::new() });
            return true;
        }
    };
    let outcome = world.run();
    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
    report.seeds += 1;
    report.steps += world.step as u64;
    report.moved += world.moved as u64;
    report.coverage.add(&world.coverage());
    report.digest = report.digest.wrapping_add(world.digest());
    let failed = outcome.is_err();
    if let Err(what) = outcome {
        let story = world.story(&what);
        report.failures.push(Failure { seed, step: world.step, what, story });
    }
    failed
}
