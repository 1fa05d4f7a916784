//! Fetching: what is due is begun, what was begun is brought to its end.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::control::{
    ControlError, FetchFault, Fetched, ImportSource, ImportState, Pieces, RunState, SourceMemory, SourceRun,
};
use domain::text::Bilingual;
use domain::webhooks::CallFault;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use sha2::{Digest as _, Sha256};

use crate::check::fitted;
use crate::{Feeds, Intake, Schedule};

/// Between two looks for what is due.
const ROUND: Duration = Duration::from_secs(1);
/// Sources that are fetched at once: each keeps a file, and the database, busy.
const AT_ONCE: usize = 4;
/// Sources that are begun in one round.
const LOOKED_AT: u32 = 50;
/// Runs that are looked at in one round: more wait than can be fetched in an hour.
const MOST_WAITING: u32 = 1_000;
/// Times that a run is begun: more means that it ends the process, or something of the kind.
pub const MAX_TRIES: u32 = 3;
/// Times that a place is asked within a run, while it may be a passing fault.
const MAX_CALLS: u32 = 3;
/// Before the second; the third waits four times as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// How long a place may be silent in the middle of a file.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a whole file may take.
const FETCH_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Whether this node may go on: it is not stopping, and nobody else has taken over.
pub type MayGoOn<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// How a run ended.
enum Ended {
    Imported(SourceMemory),
    /// With what to remember, if the place told something new about the same file.
    Unchanged(Option<SourceMemory>),
}

enum RunTrouble {
    /// For people.
    Said(Bilingual),
    /// Whoever takes over begins it anew.
    Left,
    Control(ControlError),
}

impl From<ControlError> for RunTrouble {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl Feeds {
    /// Fetches what is due, for as long as it is polled. By one node at a time: `may_go_on` says whether it is this one.
    pub async fn serve(&self, intake: &dyn Intake, may_go_on: MayGoOn<'_>) {
        let mut running = FuturesUnordered::new();
        let mut busy = HashSet::new();
        loop {
            if may_go_on() && running.len() < AT_ONCE {
                for run in self.waiting().await {
                    if running.len() < AT_ONCE && busy.insert(run.source) {
                        let source = run.source;
                        running.push(async move {
                            self.bring_to_end(run, intake, may_go_on).await;
                            source
                        });
                    }
                }
            }
            tokio::select! {
                Some(source) = running.next(), if !running.is_empty() => {
                    busy.remove(&source);
                }
                () = tokio::time::sleep(ROUND) => {}
            }
        }
    }

    /// One round of [`Self::serve`], each run to its end.
    pub async fn run_due(&self, intake: &dyn Intake, may_go_on: MayGoOn<'_>) {
        for run in self.waiting().await {
            self.bring_to_end(run, intake, may_go_on).await;
        }
    }

    /// Begins what is due; all runs that have not ended.
    async fn waiting(&self) -> Vec<SourceRun> {
        match self.begin_due().await {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::warn!(%error, "sources of contacts could not be looked for");
                Vec::new()
            }
        }
    }

    async fn begin_due(&self) -> Result<Vec<SourceRun>, ControlError> {
        let now = self.clock.now();
        let waiting = self.control.unfinished_runs(MOST_WAITING).await?;
        for source in self.control.due_sources(now, LOOKED_AT).await? {
            let Some(due) = source.next_at else { continue };
            // One that takes longer than its schedule says begins again when it has ended, not twice.
            if waiting.iter().any(|run| run.source == source.id) {
                continue;
            }
            let schedule = source.schedule.parse::<Schedule>();
            let next = schedule.ok().and_then(|schedule| schedule.next(now, source.zone.rules()));
            self.control.begin_due(&self.fresh_run(&source, false), due, next).await?;
        }
        self.control.unfinished_runs(MOST_WAITING).await
    }

    async fn bring_to_end(&self, mut run: SourceRun, intake: &dyn Intake, may_go_on: MayGoOn<'_>) {
        let id = run.id;
        if let Err(error) = self.run_one(&mut run, intake, may_go_on).await {
            tracing::warn!(run = %id, %error, "the report of a fetch could not be written; it is begun anew");
        }
    }

    async fn run_one(
        &self,
        run: &mut SourceRun,
        intake: &dyn Intake,
        may_go_on: MayGoOn<'_>,
    ) -> Result<(), ControlError> {
        // One that was deleted meanwhile took its runs along.
        let Some(source) = self.control.source(run.account, run.source).await? else { return Ok(()) };
        let ended = if run.tries >= MAX_TRIES {
            let zh = "多次被中断：请查看服务器日志后手动重试";
            let en = "it was interrupted several times: see the server's log, then run it again by hand";
            Err(RunTrouble::Said(Bilingual { zh: zh.into(), en: en.into() }))
        } else {
            run.state = RunState::Running;
            run.tries += 1;
            self.control.put_run(run, None).await?;
            self.fetch_and_import(&source, run, intake, may_go_on).await
        };
        let mut memory = None;
        match ended {
            Ok(Ended::Imported(new)) => {
                run.state = RunState::Finished;
                memory = Some(new);
            }
            Ok(Ended::Unchanged(new)) => {
                run.state = RunState::Unchanged;
                memory = new;
            }
            Err(RunTrouble::Said(words)) if may_go_on() => {
                run.state = RunState::Failed;
                run.trouble = Some(format!("{} / {}", words.zh, words.en));
            }
            Err(RunTrouble::Said(_) | RunTrouble::Left) => return Ok(()),
            Err(RunTrouble::Control(error)) => return Err(error),
        }
        run.finished_at = Some(self.clock.now());
        self.control.put_run(run, memory.as_ref()).await
    }

    async fn fetch_and_import(
        &self,
        source: &ImportSource,
        run: &mut SourceRun,
        intake: &dyn Intake,
        may_go_on: MayGoOn<'_>,
    ) -> Result<Ended, RunTrouble> {
        let known = self.control.source_memory(source.id).await?;
        let fetched = self.fetch(source, &known, may_go_on).await?;
        let Fetched::File { etag, modified, body } = fetched else { return Ok(Ended::Unchanged(None)) };
        let (digest, broken) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let watched =
            Watched { body, hash: Sha256::new(), digest: Arc::clone(&digest), broken: Arc::clone(&broken) };
        let storing = intake.store(source.account, &source.name, Box::new(watched));
        let stored = match tokio::time::timeout(FETCH_WITHIN, storing).await {
            Ok(Ok(stored)) => stored,
            // That the file ended early is the place's doing.
            Ok(Err(_)) if broken.load(Ordering::Relaxed) => {
                return Err(RunTrouble::Said(FetchFault::Call(CallFault::Broken).explain()));
            }
            Ok(Err(words)) => return Err(RunTrouble::Said(words)),
            Err(_) => return Err(RunTrouble::Said(FetchFault::Call(CallFault::TimedOut).explain())),
        };
        if !may_go_on() {
            return Err(RunTrouble::Left);
        }
        let digest = *digest.lock().unwrap_or_else(PoisonError::into_inner);
        run.bytes = stored.bytes;
        let memory = SourceMemory { etag, modified, digest };
        if digest.is_some() && digest == known.digest {
            return Ok(Ended::Unchanged((memory != known).then_some(memory)));
        }
        let mapping = fitted(&source.mapping, &stored.proposed).map_err(RunTrouble::Said)?;
        run.import = Some(stored.id);
        self.control.put_run(run, None).await?;
        let import = intake.import(source, stored.id, mapping).await.map_err(RunTrouble::Said)?;
        run.counts = import.counts;
        match (import.state, import.trouble) {
            (ImportState::Finished, _) => Ok(Ended::Imported(memory)),
            (_, Some(said)) => {
                // Said in both languages already.
                let (zh, en) = said.split_once(" / ").unwrap_or((&said, &said));
                Err(RunTrouble::Said(Bilingual { zh: zh.to_owned().into(), en: en.to_owned().into() }))
            }
            (_, None) => Err(RunTrouble::Left),
        }
    }

    /// Asks again while a fault may pass.
    async fn fetch(
        &self,
        source: &ImportSource,
        known: &SourceMemory,
        may_go_on: MayGoOn<'_>,
    ) -> Result<Fetched, RunTrouble> {
        let fetcher = self.fetcher(&source.place).map_err(|fault| RunTrouble::Said(fault.explain()))?;
        let mut pause = FIRST_PAUSE;
        for call in 1.. {
            if !may_go_on() {
                return Err(RunTrouble::Left);
            }
            match fetcher.fetch(&source.place, known, self.clock.now()).await {
                Ok(fetched) => return Ok(fetched),
                Err(fault) if fault.may_pass() && call < MAX_CALLS => {
                    tokio::time::sleep(pause).await;
                    pause *= 4;
                }
                Err(fault) => return Err(RunTrouble::Said(fault.explain())),
            }
        }
        Err(RunTrouble::Left)
    }
}

/// A body that is digested as it passes, and may not fall silent.
struct Watched {
    body: Box<dyn Pieces>,
    hash: Sha256,
    /// Of the whole body, once it has passed.
    digest: Arc<Mutex<Option<[u8; 32]>>>,
    /// Set when it ended early.
    broken: Arc<AtomicBool>,
}

#[async_trait]
impl Pieces for Watched {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let next = tokio::time::timeout(SILENCE, self.body.next()).await;
        let next = next.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let piece = next.inspect_err(|_| self.broken.store(true, Ordering::Relaxed))?;
        match &piece {
            Some(bytes) => self.hash.update(bytes),
            None => {
                let digest = std::mem::take(&mut self.hash).finalize();
                *self.digest.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest.into());
            }
        }
        Ok(piece)
    }
}
