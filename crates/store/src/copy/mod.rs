//! Moves a stopped installation of one machine over to PostgreSQL: slots map to the new partitions, ids stay.
//!
//! Owns the order: what was in flight is ended as a restart would, the folder is marked so that nobody starts on it again,
//! every table is copied in pages, and then both sides are read once more and compared by counts and checksums. Each page
//! is one transaction with the note of how far it has come, and adding a row twice adds it once: killed at any point, the
//! same command goes on. Uploaded files stay in the data folder, which the node on the new place goes on using.
//!
//! Refuses a folder in use, a database that holds another installation, and a number of partitions that is no multiple
//! of the files': then each new partition has one file that it comes from, and marks and numbers carry over as they are.

mod cell;
mod control;
mod ddl;
mod ledger;
mod source;
mod target;

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::control::ControlError;
use domain::ids::{IdGenerator, PartitionId, PartitionMap};
use domain::ledger::{Ledger as _, LedgerError};
use domain::phone::Slot;
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, Error as SqlError, Row as _};
use tokio::task::spawn_blocking;

use crate::ledger::{LedgerOpenError, OpenOptions, SqliteLedger, moved_mark, stopped_files};
use crate::postgres::{MigrateError, PostgresPlace, check};
use crate::sealing::Sealer;
use ::control::{ControlDb, OpenControl, OpenControlError, Shape, phone_slots, shapes};
use cell::{Row, Sum};
use ledger::Moving;
use source::Source;
use target::{Progress, Set, Target};

/// Rows of one page: some 100 ms.
const PAGE: usize = 2_000;
/// What stands for the whole in the notes of progress.
const ALL: &str = "all";
/// What stands for the installation that is copied.
const KEYS: &str = "keys";
/// Settings that each place has of its own.
const OWN_SETTINGS: [&str; 1] = ["key_check"];
/// Tables of what is true only while nodes run.
const TRANSIENT: [&str; 3] = ["node", "lease", "revision"];

/// What is copied, and where to.
pub struct Transfer {
    /// The data folder.
    pub folder: PathBuf,
    pub sealer: Arc<Sealer>,
    /// Migrated before.
    pub place: PostgresPlace,
    pub retry: Arc<RetryPolicy>,
    pub now: Timestamp,
    /// Rows of one page (default 2,000).
    pub page_rows: usize,
}

/// Where a copy stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The table that is read.
    pub source: String,
    /// Rows read in all by this run.
    pub rows: u64,
    /// Both sides are being compared.
    pub comparing: bool,
}

/// What was copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copied {
    pub partitions: u16,
    /// Name of each table and its rows in the new place.
    pub tables: Vec<(String, u64)>,
}

/// Why a copy is not complete. Whatever it is, the same command goes on once it is mended.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The folder is in use, incomplete, or of another version.
    #[error(transparent)]
    Folder(#[from] LedgerOpenError),
    #[error(transparent)]
    OpenControl(#[from] OpenControlError),
    #[error(transparent)]
    Control(#[from] ControlError),
    /// What was in flight could not be ended.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The new place is not there, or not migrated.
    #[error(transparent)]
    Place(#[from] MigrateError),
    /// Another installation lives there.
    #[error("the database holds an installation already; name an empty one")]
    NotEmpty,
    /// Nothing is left to do.
    #[error("this installation was copied already; start it with --engine postgres")]
    Done,
    /// Partitions of the new place could hold slots of two files.
    #[error(
        "the database has {to} partitions and the data folder {from}: make one with a multiple of {from} and run hongyan migrate there"
    )]
    Partitions { from: u16, to: u16 },
    /// A file cannot be read.
    #[error("a file of the data folder cannot be read: {0}")]
    File(#[from] rusqlite::Error),
    #[error("cannot mark the data folder as moved: {0}")]
    Io(#[from] io::Error),
    /// The database refused.
    #[error("the database refused: {0}")]
    Database(#[from] SqlError),
    /// A row that no version of this program has written.
    #[error("the data folder holds a row of `{0}` that cannot be read; run hongyan verify on it")]
    Odd(&'static str),
    /// The comparison at the end.
    #[error("{table} differs: {from} rows were read and {to} are there")]
    Differs { table: String, from: u64, to: u64 },
    /// The caller asked for it.
    #[error("stopped; the same command goes on from here")]
    Stopped,
}

impl Transfer {
    /// With the defaults.
    #[must_use]
    pub fn new(folder: PathBuf, sealer: Arc<Sealer>, place: PostgresPlace, now: Timestamp) -> Self {
        Self { folder, sealer, place, retry: Arc::new(RetryPolicy::default()), now, page_rows: PAGE }
    }

    /// Copies, or goes on copying. `tell` hears of every page and may stop there.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn run(
        &self,
        tell: &mut (dyn FnMut(&Step) -> ControlFlow<()> + Send),
    ) -> Result<Copied, CopyError> {
        let partitions = check(&self.place).await?;
        let pool = self.place.connect().map_err(MigrateError::from)?;
        let target = Target { pool, page: self.page_rows };
        let copied = self.copy(&target, partitions, tell).await;
        target.pool.close().await;
        copied
    }

    async fn copy(
        &self,
        target: &Target,
        partitions: u16,
        tell: &mut (dyn FnMut(&Step) -> ControlFlow<()> + Send),
    ) -> Result<Copied, CopyError> {
        if !target.is_begun().await? && accounts(target).await? > 0 {
            return Err(CopyError::NotEmpty);
        }
        let mark = moved_mark(&self.folder);
        if !mark.exists() {
            self.end_flights().await?;
        }
        let (from, files, _lock) = stopped_files(&self.folder)?;
        if !partitions.is_multiple_of(from.len()) {
            return Err(CopyError::Partitions { from: from.len(), to: partitions });
        }
        let work =
            Work { whole: self, target, files, from, to: PartitionMap::new(partitions), tables: tables() };
        let known: HashMap<String, Progress> =
            target.begin().await?.into_iter().map(|one| (one.source.clone(), one)).collect();
        if known.contains_key(ALL) {
            return Err(CopyError::Done);
        }
        self.is_the_same(target, &known).await?;
        // From here on the folder is not started on: what it would send then, the new place would send too.
        std::fs::write(&mark, "moved to PostgreSQL by hongyan copy\n")?;
        work.transfer(&known, tell).await?;
        let tables = work.compare(tell).await?;
        work.partitions().await?;
        target.write(&[], &Progress { source: ALL.to_owned(), at: Row::new(), done: true }).await?;
        Ok(Copied { partitions, tables })
    }

    /// Refuses to go on with another installation than the one that was begun.
    async fn is_the_same(&self, target: &Target, known: &HashMap<String, Progress>) -> Result<(), CopyError> {
        let ours = Progress {
            source: KEYS.to_owned(),
            at: vec![cell::Cell::Text(self.sealer.check())],
            done: false,
        };
        match known.get(KEYS) {
            None => Ok(target.write(&[], &ours).await?),
            Some(begun) if *begun == ours => Ok(()),
            Some(_) => Err(CopyError::NotEmpty),
        }
    }

    /// What a restart does with messages of which nobody knows whether the carrier has them.
    async fn end_flights(&self) -> Result<(), CopyError> {
        let options = OpenOptions::new(&self.folder, Arc::clone(&self.sealer));
        // An empty folder is refused, not made.
        stopped_files(&self.folder)?;
        let ledger = spawn_blocking(move || SqliteLedger::open(&options)).await;
        let ledger = ledger.map_err(|_| LedgerError::Closed)??;
        let recovered = ledger.recover(Arc::clone(&self.retry), self.now).await;
        ledger.close().await;
        recovered?;
        // Brings an older schema up to date.
        let (folder, sealer) = (self.folder.clone(), Arc::clone(&self.sealer));
        let ids = Arc::new(IdGenerator::new(0));
        let control = ControlDb::open(OpenControl { folder, sealer, ids }).await?;
        Ok(control.close().await?)
    }
}

async fn accounts(target: &Target) -> Result<i64, SqlError> {
    sqlx::query("SELECT count(*) FROM account").fetch_one(&target.pool).await?.try_get(0)
}

/// The ledger's tables, then the control tables.
fn tables() -> Vec<Shape> {
    let control = shapes().into_iter().filter(|shape| !TRANSIENT.contains(&shape.name.as_str()));
    ledger::targets().into_iter().chain(control).collect()
}

struct Work<'a> {
    whole: &'a Transfer,
    target: &'a Target,
    files: Vec<PathBuf>,
    from: PartitionMap,
    to: PartitionMap,
    tables: Vec<Shape>,
}

/// Which table of which file, or of the control database.
#[derive(Clone, Copy)]
enum Which {
    Control(usize),
    File { file: usize, table: usize },
}

impl Work<'_> {
    fn all(&self) -> Vec<Which> {
        let control = (ledger::targets().len()..self.tables.len()).map(Which::Control);
        let files = 0..self.files.len();
        let files = files.flat_map(|file| (0..ledger::TABLES).map(move |table| Which::File { file, table }));
        control.chain(files).collect()
    }

    /// Reads and looks up off the async threads.
    async fn open(&self, which: Which) -> Result<Source, CopyError> {
        let folder = self.whole.folder.clone();
        match which {
            Which::Control(place) => {
                let shape = self.tables[place].clone();
                blocking(move || control::source(&folder, &shape, place)).await
            }
            Which::File { file, table } => {
                let (moving, path) = (self.moving(file), self.files[file].clone());
                blocking(move || {
                    let phones = if ledger::asks_for_phones(&moving, table) {
                        phones(&moving, &folder, &path)?
                    } else {
                        HashMap::new()
                    };
                    ledger::source(&moving, &path, table, phones)
                })
                .await
            }
        }
    }

    fn moving(&self, file: usize) -> Moving {
        let id = PartitionId(u16::try_from(file).unwrap_or(u16::MAX));
        Moving { sealer: Arc::clone(&self.whole.sealer), from: self.from, to: self.to, file: id }
    }

    async fn transfer(
        &self,
        known: &HashMap<String, Progress>,
        tell: &mut (dyn FnMut(&Step) -> ControlFlow<()> + Send),
    ) -> Result<(), CopyError> {
        let mut rows = 0;
        for which in self.all() {
            let mut source = self.open(which).await?;
            let start = Progress { source: source.name.clone(), at: Row::new(), done: false };
            let mut progress = known.get(&source.name).cloned().unwrap_or(start);
            while !progress.done {
                let (page, back) = page(source, progress.at.clone(), self.whole.page_rows).await?;
                source = back;
                rows += page.read;
                (progress.at, progress.done) = (page.at, page.done);
                let sets =
                    page.turned.into_iter().map(|(place, rows)| Set { table: &self.tables[place], rows });
                self.target.write(&sets.collect::<Vec<_>>(), &progress).await?;
                let step = Step { source: source.name.clone(), rows, comparing: false };
                if tell(&step).is_break() {
                    return Err(CopyError::Stopped);
                }
            }
        }
        Ok(())
    }

    /// Reads everything once more on both sides.
    async fn compare(
        &self,
        tell: &mut (dyn FnMut(&Step) -> ControlFlow<()> + Send),
    ) -> Result<Vec<(String, u64)>, CopyError> {
        let mut sums = vec![Sum::default(); self.tables.len()];
        let mut rows = 0;
        for which in self.all() {
            let mut source = self.open(which).await?;
            let (mut at, mut done) = (Row::new(), false);
            while !done {
                let (page, back) = page(source, at, self.whole.page_rows).await?;
                source = back;
                rows += page.read;
                (at, done) = (page.at, page.done);
                for (place, turned) in page.turned {
                    turned.iter().filter(|row| counts(row)).for_each(|row| sums[place].add(row));
                }
                let step = Step { source: source.name.clone(), rows, comparing: true };
                if tell(&step).is_break() {
                    return Err(CopyError::Stopped);
                }
            }
        }
        let mut tables = Vec::with_capacity(self.tables.len());
        for (table, from) in self.tables.iter().zip(sums) {
            let to = self.target.sum(table, counts).await?;
            if to != from {
                return Err(CopyError::Differs { table: table.name.clone(), from: from.rows, to: to.rows });
            }
            tables.push((table.name.clone(), to.rows));
        }
        Ok(tables)
    }

    /// What a partition knows besides its rows: the time of its last commit, the next numbers, and where its walks stand.
    async fn partitions(&self) -> Result<(), CopyError> {
        for (file, path) in self.files.iter().enumerate() {
            let db = source::open(path)?;
            let numbers: (i64, i64, i64, i64) = db.query_row(
                "SELECT committed_now, next_claim, unknown_through, retired_through FROM partition",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )?;
            let next: i64 =
                db.query_row("SELECT coalesce(max(id), 0) + 1 FROM suppression", [], |row| row.get(0))?;
            let last_event = ledger::last_event(&db)?;
            drop(db);
            let query = sqlx::query(target::EVENT_LAST).bind(last_event);
            query.execute(&self.target.pool).await?;
            for id in self.moving(file).partitions() {
                let query = sqlx::query(target::PARTITION).bind(i32::from(id.0)).bind(numbers.0);
                let query = query.bind(numbers.1).bind(next).bind(numbers.2).bind(numbers.3);
                query.execute(&self.target.pool).await?;
            }
        }
        Ok(())
    }
}

/// Whether a row is of the installation, not of its place.
fn counts(row: &[cell::Cell]) -> bool {
    !matches!(row.first(), Some(cell::Cell::Text(name)) if OWN_SETTINGS.contains(&name.as_str()))
}

/// Where the people of one file live: those whose phone is in their contact's row or that of a suppression.
fn phones(moving: &Moving, folder: &Path, path: &Path) -> Result<HashMap<i64, Slot>, CopyError> {
    let mut phones = HashMap::new();
    ledger::suppressed(moving, &source::open(path)?, &mut phones)?;
    let control = source::open(&ControlDb::file(folder))?;
    let file = moving.file;
    phone_slots(&control, &moving.sealer, |phone_index, slot| {
        if moving.from.of(slot) == file {
            phones.insert(phone_index, slot);
        }
    })
    .map_err(|_| CopyError::Odd("contact"))?;
    Ok(phones)
}

async fn page(mut source: Source, at: Row, rows: usize) -> Result<(source::Page, Source), CopyError> {
    blocking(move || {
        let page = source.page(&at, rows)?;
        Ok((page, source))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CopyError> + Send + 'static,
) -> Result<T, CopyError> {
    spawn_blocking(work).await.map_err(|_| LedgerError::Closed)?
}
