//! One partition's write-ahead log: when it is copied into the file, and by whom.
//!
//! Copying a full log takes tens of milliseconds, and somebody waits for the writer meanwhile. So a thread beside it
//! copies first, while the writer goes on appending; the writer itself copies only what came since. It must: SQLite
//! begins a log anew when all of it is copied, and under load that moment never comes by itself.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};

/// The log is copied when it holds so many pages (16 MiB): rarely enough that a page written by several transactions
/// is copied once, and soon enough that the log stays in the system's cache.
const FULL_PAGES: i32 = 4_096;

thread_local! {
    /// Pages in the log after this thread's last commit, as SQLite told its hook.
    static PAGES: Cell<i32> = const { Cell::new(0) };
}

/// The log of the file that this thread writes.
pub struct Log {
    path: PathBuf,
    /// The thread beside, while it copies.
    copying: Option<JoinHandle<()>>,
}

impl Log {
    /// Begins to watch the log of the file at `path`; called on the thread that writes it.
    pub fn watch(connection: &Connection, path: PathBuf) -> Self {
        connection.wal_hook(Some(|_, pages| {
            PAGES.set(pages);
            Ok(())
        }));
        Self { path, copying: None }
    }

    /// Takes the next step, if there is one. To be called after each transaction.
    pub fn tend(&mut self, connection: &Connection) {
        match self.copying.take() {
            Some(copying) if !copying.is_finished() => self.copying = Some(copying),
            Some(copying) => {
                joined(copying);
                copy(connection, "PASSIVE");
            }
            None if PAGES.get() < FULL_PAGES => {}
            None => match copy_beside(self.path.clone()) {
                Ok(copying) => self.copying = Some(copying),
                // No thread to be had: then the writer's time is spent.
                Err(_) => drop(copy(connection, "PASSIVE")),
            },
        }
    }

    /// Copies all of the log and cuts it. `false`: a reader still needs some of it.
    pub fn empty(&mut self, connection: &Connection) -> bool {
        self.copying.take().into_iter().for_each(joined);
        copy(connection, "TRUNCATE")
    }
}

fn joined(copying: JoinHandle<()>) {
    if copying.join().is_err() {
        tracing::error!("copying a partition's log ended by a panic");
    }
}

fn copy_beside(path: PathBuf) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("ledger-log".to_owned()).spawn(move || match open(&path) {
        Ok(connection) => drop(copy(&connection, "PASSIVE")),
        Err(error) => tracing::warn!(%error, "a partition's file could not be opened to copy its log"),
    })
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // The log must be on the disk before the file changes, and the file before the log begins anew.
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    Ok(connection)
}

/// Copies the log into the file. `true`: all of it. A failure here loses nothing: the log stays.
fn copy(connection: &Connection, mode: &str) -> bool {
    let done =
        connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, i64>(0));
    match done {
        Ok(busy) => {
            PAGES.set(0);
            busy == 0
        }
        Err(error) => {
            tracing::warn!(%error, "the log could not be copied into the file; it will be tried again");
            false
        }
    }
}
