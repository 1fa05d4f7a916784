//! Bulk work on SQLite: one writer thread with a connection of its own, and readers that page.
//!
//! Invariants: commands that wait are committed together, in transactions of some ten thousand rows (some 100 ms),
//! each under the turn to write; a command is answered only after its commit; a command that fails
//! takes no other with it.

mod append;
mod reader;
mod rejected;
pub(crate) mod sql;
mod upsert;

use std::cell::Cell;
use std::path::Path;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::thread::JoinHandle;

use domain::control::{Contact, ContactFilter, ControlError};
use domain::ids::AccountId;
use rusqlite::Connection;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::{Answer, Command, Outcome, panicked};
use crate::error::of_bulk;
use crate::open::BUSY_TIMEOUT;
use files::Anchor;
use reader::BulkReader;
use sealing::Sealer;

pub use reader::phone_slots;

/// Commands that may wait: enough to keep the writer busy, few enough to bound memory.
const QUEUE: usize = 16;
/// Rows at which a transaction is closed: some 100 ms, for which a small write may have to wait.
const TRANSACTION_ROWS: usize = 10_000;
/// Rows that an audience chunk weighs as: about 100 kB to seal, hash and write, without an index to search.
const CHUNK_WEIGHT: usize = 100;
/// Pages kept in memory, in KiB (negative is SQLite's way to say so): holds the phone index of a million contacts.
const CACHE: i64 = -65_536;
/// Pages of the write-ahead log at which it is folded into the file: 64 MB. Fewer would write every page of the phone
/// index anew for each transaction.
const CHECKPOINT_PAGES: i32 = 16_000;
/// All statements stay prepared.
const STATEMENTS: usize = 32;

thread_local! {
    /// Pages in the log after this thread's last commit, as SQLite told its hook.
    static LOG_PAGES: Cell<i32> = const { Cell::new(0) };
}

struct Job {
    command: Command,
    reply: oneshot::Sender<Answer>,
}

/// The handle to the writer thread, and the readers.
pub(crate) struct SqliteBulk {
    queue: StdMutex<Option<mpsc::Sender<Job>>>,
    thread: StdMutex<Option<JoinHandle<()>>>,
    reader: Arc<BulkReader>,
}

impl SqliteBulk {
    pub(crate) fn start(
        file: &Path,
        max_pages: Option<u32>,
        sealer: Arc<Sealer>,
        turn: Arc<Mutex<Anchor>>,
    ) -> Result<Self, ControlError> {
        let connection =
            Connection::open(file).and_then(|opened| set_up(opened, max_pages)).map_err(|e| of_bulk(&e))?;
        let reader = Arc::new(BulkReader::new(file, Arc::clone(&sealer)));
        let (queue, waiting) = mpsc::channel(QUEUE);
        let work = move || work(&connection, &sealer, &turn, waiting);
        let thread = std::thread::Builder::new().name("control-bulk".to_owned()).spawn(work);
        let thread = thread.map_err(|error| ControlError::Unavailable(error.to_string()))?;
        Ok(Self { queue: StdMutex::new(Some(queue)), thread: StdMutex::new(Some(thread)), reader })
    }

    /// Durable on return.
    pub(super) async fn run(&self, command: Command) -> Answer {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (reply, answer) = oneshot::channel();
        let sent = match queue {
            Some(queue) => queue.send(Job { command, reply }).await.is_ok(),
            None => false,
        };
        if !sent {
            return Err(ControlError::Unavailable("the control database is closed".to_owned()));
        }
        answer.await.unwrap_or_else(|_| Err(panicked()))
    }

    pub(super) async fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        limit: u32,
    ) -> Result<Vec<Contact>, ControlError> {
        let (reader, filter) = (Arc::clone(&self.reader), filter.clone());
        spawn_blocking(move || reader.contacts(account, &filter, limit)).await.map_err(|_| panicked())?
    }

    /// Lets the writer finish what it was given.
    pub(super) async fn stop(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread was told to each caller that it left without an answer.
            let _ = spawn_blocking(|| thread.join()).await;
        }
        self.reader.close();
    }
}

fn set_up(connection: Connection, max_pages: Option<u32>) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    // Instead of a checkpoint within the commit, which would be made during the turn to write.
    connection.wal_hook(Some(|_, pages| {
        LOG_PAGES.set(pages);
        Ok(())
    }));
    if let Some(pages) = max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn work(connection: &Connection, sealer: &Sealer, turn: &Mutex<Anchor>, mut waiting: mpsc::Receiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut jobs = vec![first];
        let mut rows: usize = jobs.iter().map(|job| job.command.weight()).sum();
        while rows < TRANSACTION_ROWS
            && let Ok(job) = waiting.try_recv()
        {
            rows += job.command.weight();
            jobs.push(job);
        }
        for (job, answer) in commit(connection, sealer, turn, jobs) {
            // Nobody waits any more: the work is kept all the same.
            let _ = job.reply.send(answer);
        }
        if LOG_PAGES.get() >= CHECKPOINT_PAGES {
            fold_log(connection);
        }
    }
}

/// Copies the log into the file beside the writes of others. A failure loses nothing: the log stays, and the next
/// commit leads here again.
fn fold_log(connection: &Connection) {
    match connection.query_row(sql::CHECKPOINT, [], |_| Ok(())) {
        Ok(()) => LOG_PAGES.set(0),
        Err(error) => tracing::warn!(%error, "the log of the control database could not be folded into it"),
    }
}

/// All in one transaction; when that fails, each in its own, so that the one at fault fails alone.
fn commit(
    connection: &Connection,
    sealer: &Sealer,
    turn: &Mutex<Anchor>,
    jobs: Vec<Job>,
) -> Vec<(Job, Answer)> {
    let together: Result<Vec<Outcome>, ControlError> = in_transaction(connection, turn, || {
        jobs.iter().map(|job| job.command.apply(connection, sealer)).collect()
    });
    match together {
        Ok(outcomes) => jobs.into_iter().zip(outcomes.into_iter().map(Ok)).collect(),
        Err(error) if jobs.len() == 1 => jobs.into_iter().zip([Err(error)]).collect(),
        Err(_) => {
            let alone = |job: Job| {
                let answer = in_transaction(connection, turn, || job.command.apply(connection, sealer));
                (job, answer)
            };
            jobs.into_iter().map(alone).collect()
        }
    }
}

fn in_transaction<T>(
    connection: &Connection,
    turn: &Mutex<Anchor>,
    body: impl FnOnce() -> Result<T, ControlError>,
) -> Result<T, ControlError> {
    let files = turn.blocking_lock();
    connection.execute_batch(sql::BEGIN).map_err(|e| of_bulk(&e))?;
    let done = body().and_then(|value| {
        files.holds()?;
        connection.execute_batch(sql::COMMIT).map_err(|e| of_bulk(&e))?;
        Ok(value)
    });
    if done.is_err() && !connection.is_autocommit() {
        // Fails only when SQLite has rolled back by itself.
        let _ = connection.execute_batch(sql::ROLLBACK);
    }
    done
}

impl Command {
    fn weight(&self) -> usize {
        match self {
            Self::Upsert(upsert) => upsert.rows.len(),
            Self::Append { chunks, .. } => chunks.len() * CHUNK_WEIGHT,
            Self::Reject { rows, .. } => rows.len(),
        }
    }

    /// Within the caller's transaction. May run a second time after a rollback.
    fn apply(&self, connection: &Connection, sealer: &Sealer) -> Answer {
        match self {
            Self::Upsert(upsert) => upsert::apply(upsert, connection, sealer).map(Outcome::Upserted),
            Self::Append { account, audience, chunks } => {
                append::apply(connection, *account, *audience, chunks).map(|()| Outcome::Done)
            }
            Self::Reject { account, import, rows } => {
                rejected::apply(connection, *account, *import, rows).map(|()| Outcome::Done)
            }
        }
    }
}
