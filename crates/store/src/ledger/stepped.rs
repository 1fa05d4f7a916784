//! The ledger without threads: whoever holds the [`Stepper`] says when each partition's writer does its next
//! transaction, that its storage fails, and that the process or the machine dies. For simulation and tests; the
//! writers, their queues and their group commits are those of production.
//!
//! Invariants: nothing happens between two calls; one call is one gathering of what waits; a kill keeps all that was
//! committed, a power loss all that the disk was waited for.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use domain::ids::PartitionId;
use rusqlite::config::DbConfig;

use super::fault::Fault;
use super::open::{LedgerOpenError, OpenOptions};
use super::partition::{ANY_PAGES, PartitionWriter};
use super::port::{Looks, SqliteLedger};
use super::writer::{Queues, WriterHandle, work};
use crate::moves::board::Board;
use files::{beside, log_of};

/// What the storage does to a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Stops the first transaction after about so many of SQLite's instructions; a second try works.
    Once(u32),
    /// Stops every transaction of the step after about so many instructions.
    Always(u32),
    /// The disk is full: the file may not grow.
    Full,
    /// The folder has become read-only.
    ReadOnly,
}

/// What one step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stepped {
    /// Commands that were answered.
    pub commands: usize,
    /// Those that were answered with an error.
    pub failed: usize,
    /// Whether all that was committed is on the disk.
    pub durable: bool,
    /// Whether the storage interrupted a transaction, or refused one.
    pub interrupted: bool,
}

/// How the ledger ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The process is killed: the operating system keeps what was written.
    Process,
    /// The machine loses its power: of what the disk was not waited for, so many thousandths remain, whole or torn.
    Power { kept: u16 },
}

/// The writers of all partitions, in order of their numbers.
pub struct Stepper {
    writers: Vec<Stepwise>,
}

struct Stepwise {
    id: PartitionId,
    writer: PartitionWriter,
    queues: Arc<Queues>,
    board: Arc<Board>,
    path: PathBuf,
    trouble: Arc<Countdown>,
    max_pages: u32,
    /// Bytes of the log that the disk has.
    durable: u64,
}

/// Ticks of SQLite's progress handler until it stops a statement.
#[derive(Default)]
struct Countdown {
    left: AtomicU32,
    armed: AtomicBool,
    once: AtomicBool,
    fired: AtomicBool,
}

impl Countdown {
    fn set(&self, trouble: Trouble) {
        let (armed, once, left) = match trouble {
            Trouble::None | Trouble::Full | Trouble::ReadOnly => (false, false, 0),
            Trouble::Once(left) => (true, true, left),
            Trouble::Always(left) => (true, false, left),
        };
        self.left.store(left, Ordering::Relaxed);
        self.once.store(once, Ordering::Relaxed);
        self.fired.store(false, Ordering::Relaxed);
        self.armed.store(armed, Ordering::Relaxed);
    }

    /// Whether the running statement is to be stopped.
    fn tick(&self) -> bool {
        if !self.armed.load(Ordering::Relaxed) {
            return false;
        }
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(TICK), Ordering::Relaxed);
        if left > TICK {
            return false;
        }
        self.fired.store(true, Ordering::Relaxed);
        if self.once.load(Ordering::Relaxed) {
            self.armed.store(false, Ordering::Relaxed);
        }
        true
    }
}

/// SQLite's instructions between two ticks.
const TICK: u32 = 8;

impl SqliteLedger {
    /// Opens the ledger of a data folder without threads. Its calls wait until [`Stepper::step`] does them; looks of
    /// readers are done at once.
    ///
    /// # Errors
    /// [`LedgerOpenError`].
    pub fn open_stepped(options: &OpenOptions) -> Result<(Arc<Self>, Stepper), LedgerOpenError> {
        let mut writers = Vec::new();
        let ledger = Self::open_driven(options, |looks, id, writer, path, board| {
            *looks = Looks::AtOnce;
            let mut stepwise =
                Stepwise::new(id, writer, path, Arc::clone(board)).map_err(io::Error::other)?;
            stepwise.max_pages = options.max_pages.unwrap_or(ANY_PAGES);
            let handle = WriterHandle::without_thread(Arc::clone(&stepwise.queues));
            writers.push(stepwise);
            Ok(handle)
        })?;
        Ok((ledger, Stepper { writers }))
    }
}

impl Stepper {
    /// Commands that wait in a partition; zero for a partition that is not there.
    #[must_use]
    pub fn waiting(&self, id: PartitionId) -> usize {
        self.writers.get(usize::from(id.0)).map_or(0, |writer| writer.queues.len())
    }

    /// Does what waits in a partition, in one transaction if nothing breaks. `None`: nothing waited.
    pub fn step(&mut self, id: PartitionId, trouble: Trouble) -> Option<Stepped> {
        self.writers.get_mut(usize::from(id.0)).and_then(|writer| writer.step(trouble))
    }

    /// Forgets what was asked by callers that are gone: a node's connection to its storage ends with the node, and what
    /// had not begun never does. Returns how many commands that were.
    pub fn forget_abandoned(&mut self) -> usize {
        self.writers.iter().map(|writer| writer.queues.forget_abandoned()).sum()
    }

    /// Copies every log of more than so many bytes into its file and cuts it, as a writer does when it is idle.
    /// Returns how many were.
    ///
    /// # Errors
    /// When the file system does not say how long a log is.
    pub fn tend_logs(&mut self, bytes: u64) -> io::Result<usize> {
        let mut cut = 0;
        for writer in &mut self.writers {
            if length(&log_of(&writer.path))? > bytes && writer.empty_log() {
                cut += 1;
            }
        }
        Ok(cut)
    }

    /// Ends all at once. What waited is not done, and nobody is answered. The ledger must have been dropped before.
    ///
    /// # Errors
    /// When the file system does not cut a log.
    pub fn kill(self, loss: Loss) -> io::Result<()> {
        self.writers.into_iter().try_for_each(|writer| writer.kill(loss))
    }
}

impl Stepwise {
    fn new(
        id: PartitionId,
        writer: PartitionWriter,
        path: &Path,
        board: Arc<Board>,
    ) -> rusqlite::Result<Self> {
        let connection = writer.connection();
        // Closing would copy the log into the file, which no killed process does.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let trouble = Arc::new(Countdown::default());
        connection.progress_handler(TICK.cast_signed(), {
            let trouble = Arc::clone(&trouble);
            Some(move || trouble.tick())
        })?;
        board.publish(id, writer.due());
        let path = path.to_owned();
        let queues = Arc::default();
        let mut stepwise =
            Self { id, writer, queues, board, path, trouble, max_pages: ANY_PAGES, durable: 0 };
        // From here on the log's length says what is in it: a torn end of an earlier life is gone.
        stepwise.empty_log();
        Ok(stepwise)
    }

    fn step(&mut self, trouble: Trouble) -> Option<Stepped> {
        let jobs = self.queues.take();
        if jobs.is_empty() {
            return None;
        }
        let commands = jobs.len();
        let must_last = jobs.iter().any(|job| !job.command.may_be_lost_with_power());
        self.trouble.set(trouble);
        self.refuse(trouble, true);
        let failed = work(self.id, &mut self.writer, jobs, &self.board);
        self.refuse(trouble, false);
        let refused = failed > 0 && matches!(trouble, Trouble::Full | Trouble::ReadOnly);
        let interrupted = refused || self.trouble.fired.load(Ordering::Relaxed);
        self.trouble.set(Trouble::None);
        // After a failure the commands ran one by one; then what was waited for may lie before what was not, and the
        // whole is taken to be on the disk, which loses less than a disk might.
        let durable = self.writer.is_synced() || (must_last && failed < commands);
        if durable {
            self.durable = length(&log_of(&self.path)).unwrap_or(self.durable);
        }
        Some(Stepped { commands, failed, durable, interrupted })
    }

    /// Lets SQLite meet a disk that is full or may not be written, or no longer.
    fn refuse(&self, trouble: Trouble, on: bool) {
        let pragma = match trouble {
            // A bound below the file's size is taken as that size.
            Trouble::Full if on => "PRAGMA max_page_count = 1".to_owned(),
            Trouble::Full => format!("PRAGMA max_page_count = {}", self.max_pages),
            Trouble::ReadOnly => format!("PRAGMA query_only = {}", u8::from(on)),
            Trouble::None | Trouble::Once(_) | Trouble::Always(_) => return,
        };
        if let Err(error) = self.writer.connection().execute_batch(&pragma) {
            tracing::error!(partition = self.id.0, %error, "the simulated disk could not be set");
        }
    }

    fn empty_log(&mut self) -> bool {
        let cut = self
            .writer
            .connection()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
            .map_err(Fault::from);
        let done = matches!(cut, Ok(0));
        if done {
            self.durable = 0;
        }
        done
    }

    fn kill(self, loss: Loss) -> io::Result<()> {
        let Self { writer, path, durable, .. } = self;
        drop(writer);
        let log = log_of(&path);
        if let Loss::Power { kept } = loss {
            let written = length(&log)?;
            let left = durable + written.saturating_sub(durable) * u64::from(kept.min(1_000)) / 1_000;
            if left < written {
                File::options().write(true).open(&log)?.set_len(left)?;
            }
        }
        // The index of the log lies in memory that processes share; it is made anew from the log.
        match fs::remove_file(beside(&path, "-shm")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Of a file that may not be there yet.
fn length(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}
