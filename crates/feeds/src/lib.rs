//! Contacts that come by themselves: places that accounts name, when they are fetched, and what each time came to.
//!
//! Owns schedules, runs and their reports. Refuses to know how a place is spoken to ([`Fetch`]), and what becomes of a file
//! ([`Intake`]: the same as of an upload). Invariants: one node fetches; a source is fetched by one run at a time; what was
//! interrupted begins anew, a few times at most, and imports nobody twice; a file that was imported last is not imported
//! again; every run ends with a report.

mod check;
mod run;
mod schedule;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use domain::control::{
    Conditions, Control, ControlError, Edit, Fetch, FetchFault, Import, ImportCounts, ImportMapping,
    ImportSource, MOST_SOURCES, Pieces, RunState, SourcePlace, SourceRun,
};
use domain::ids::{AccountId, IdGenerator, ImportId, SourceId};
use domain::text::Bilingual;
use domain::time::Clock;

pub use check::MAX_QUERY_BYTES;
pub use run::{MAX_TRIES, MayGoOn};
pub use schedule::{Schedule, ScheduleError};

/// How long reports are kept.
pub const RUNS_KEPT: Duration = Duration::from_secs(90 * 86_400);

/// A file that was stored.
pub struct StoredFile {
    /// Under which it lies, and is imported.
    pub id: ImportId,
    /// Its size.
    pub bytes: u64,
    /// What its columns are taken for.
    pub proposed: ImportMapping,
}

/// What becomes of a file: what becomes of any that somebody uploads.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Keeps a file until it is imported.
    ///
    /// # Errors
    /// Why it was not taken, for people, with advice.
    async fn store(
        &self,
        account: AccountId,
        name: &str,
        body: Box<dyn Pieces>,
    ) -> Result<StoredFile, Bilingual>;

    /// Imports a stored file to its end.
    ///
    /// # Errors
    /// Why it was not begun; one that fails later says so itself.
    async fn import(
        &self,
        source: &ImportSource,
        id: ImportId,
        mapping: ImportMapping,
    ) -> Result<Import, Bilingual>;
}

/// What went wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum FeedTrouble {
    /// A field that cannot be.
    #[error("{pointer}: {}", .said.en)]
    Field {
        /// JSON pointer.
        pointer: &'static str,
        /// Why, and what to write.
        said: Bilingual,
    },
    /// Not of this account.
    #[error("there is no such source")]
    NoSuchSource,
    /// The account has [`MOST_SOURCES`] already.
    #[error("there are {MOST_SOURCES} sources already")]
    TooMany,
    /// It is being fetched, or will be within a second.
    #[error("the source is being fetched")]
    Busy,
    /// The control database refused.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// Who fetches: over HTTP (and from object stores), and from databases.
#[derive(Clone)]
pub struct Fetchers {
    /// [`SourcePlace::Http`] and [`SourcePlace::S3`].
    pub http: Arc<dyn Fetch>,
    /// [`SourcePlace::Postgres`].
    pub sql: Arc<dyn Fetch>,
}

impl Fetchers {
    fn of(&self, place: &SourcePlace) -> &dyn Fetch {
        match place {
            SourcePlace::Http { .. } | SourcePlace::S3 { .. } => self.http.as_ref(),
            SourcePlace::Postgres { .. } => self.sql.as_ref(),
        }
    }
}

/// Sources of all accounts.
pub struct Feeds {
    control: Arc<dyn Control>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdGenerator>,
    fetchers: OnceLock<Fetchers>,
}

impl Feeds {
    /// Nothing is fetched before [`Self::set_fetchers`] and [`Self::serve`].
    #[must_use]
    pub const fn new(control: Arc<dyn Control>, clock: Arc<dyn Clock>, ids: Arc<IdGenerator>) -> Self {
        Self { control, clock, ids, fetchers: OnceLock::new() }
    }

    /// Says who fetches; without, every run fails and says so. Once.
    pub fn set_fetchers(&self, fetchers: Fetchers) {
        let _only_the_first_counts = self.fetchers.set(fetchers);
    }

    /// A source of an account.
    ///
    /// # Errors
    /// [`FeedTrouble::NoSuchSource`] and storage's own.
    pub async fn source(&self, account: AccountId, id: SourceId) -> Result<ImportSource, FeedTrouble> {
        self.control.source(account, id).await?.ok_or(FeedTrouble::NoSuchSource)
    }

    /// Whether a source can be kept, and when it is fetched first: both are written into it.
    ///
    /// # Errors
    /// [`FeedTrouble::Field`].
    pub fn prepare(&self, source: &mut ImportSource) -> Result<(), FeedTrouble> {
        let schedule = check::check(source)?;
        if let Some(fetchers) = self.fetchers.get()
            && let Err(fault) = fetchers.of(&source.place).may_fetch(&source.place)
        {
            return Err(FeedTrouble::Field { pointer: "/place", said: fault.explain() });
        }
        source.next_at =
            if source.enabled { schedule.next(self.clock.now(), source.zone.rules()) } else { None };
        Ok(())
    }

    /// Adds a prepared source.
    ///
    /// # Errors
    /// [`FeedTrouble::TooMany`] and storage's own.
    pub async fn add(&self, source: &ImportSource, terms: Conditions<'_>) -> Result<(), FeedTrouble> {
        if self.control.sources(source.account).await?.len() >= MOST_SOURCES {
            return Err(FeedTrouble::TooMany);
        }
        self.control.edit(Edit::Source(source), terms).await?;
        Ok(())
    }

    /// Replaces a source by a prepared one.
    ///
    /// # Errors
    /// [`ControlError::Changed`] when the edition is another, and storage's own.
    pub async fn replace(&self, source: &ImportSource, terms: Conditions<'_>) -> Result<(), FeedTrouble> {
        self.control.edit(Edit::Source(source), terms).await?;
        Ok(())
    }

    /// Forgets a source with its reports; what was imported stays.
    ///
    /// # Errors
    /// [`FeedTrouble::NoSuchSource`] and storage's own.
    pub async fn remove(
        &self,
        account: AccountId,
        id: SourceId,
        terms: Conditions<'_>,
    ) -> Result<(), FeedTrouble> {
        let is_gone = self.control.edit(Edit::DeleteSource(account, id), terms).await?;
        if is_gone { Ok(()) } else { Err(FeedTrouble::NoSuchSource) }
    }

    /// A run that somebody asks for; nothing of it is kept yet.
    ///
    /// # Errors
    /// [`FeedTrouble::Busy`], [`FeedTrouble::NoSuchSource`].
    pub async fn asked_run(&self, account: AccountId, id: SourceId) -> Result<SourceRun, FeedTrouble> {
        let source = self.source(account, id).await?;
        let newest = self.control.runs(account, id, 1).await?;
        if newest.iter().any(|run| matches!(run.state, RunState::Waiting | RunState::Running)) {
            return Err(FeedTrouble::Busy);
        }
        Ok(self.fresh_run(&source, true))
    }

    /// Keeps a run that was asked for; it begins within a second or so.
    ///
    /// # Errors
    /// Storage's own.
    pub async fn add_run(&self, run: &SourceRun, terms: Conditions<'_>) -> Result<(), FeedTrouble> {
        self.control.edit(Edit::AddRun(run), terms).await?;
        Ok(())
    }

    /// Forgets reports that are older than [`RUNS_KEPT`].
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn expire(&self) -> Result<u64, ControlError> {
        self.control.expire_runs(self.clock.now().minus(RUNS_KEPT)).await
    }

    fn fresh_run(&self, source: &ImportSource, by_hand: bool) -> SourceRun {
        let now = self.clock.now();
        SourceRun {
            id: self.ids.fresh(now).into(),
            account: source.account,
            source: source.id,
            state: RunState::Waiting,
            by_hand,
            tries: 0,
            bytes: 0,
            import: None,
            counts: ImportCounts::default(),
            trouble: None,
            created_at: now,
            finished_at: None,
        }
    }

    fn fetcher(&self, place: &SourcePlace) -> Result<&dyn Fetch, FetchFault> {
        self.fetchers.get().map(|fetchers| fetchers.of(place)).ok_or(FetchFault::NotHere)
    }
}
