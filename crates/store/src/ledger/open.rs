//! Opening a data folder: the lock first, then every partition's file.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::ids::{PartitionId, PartitionMap};
use domain::ledger::LedgerError;

use super::events::EventHead;
use super::fault::Fault;
use super::handed::SharedHandOvers;
use super::partition::{PartitionWriter, Setup};
use super::port::{Looks, Partition, SqliteLedger};
use super::read::Readers;
use super::schema;
use super::writer::WriterHandle;
use crate::moves::board::Board;
use crate::sealing::Sealer;

/// Held for as long as the ledger is open.
const LOCK_FILE: &str = "lock";

/// Where and how a ledger is kept.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The data folder; the ledger's files go into `ledger/` inside it.
    pub folder: PathBuf,
    /// Files of a new ledger (default 8). An existing one keeps the number that it was made with.
    pub partitions: u16,
    pub sealer: Arc<Sealer>,
    /// Memory for pages, for each partition's writer, in KiB (default 8 MiB).
    pub cache_kib: u32,
    /// Hand-overs that each partition keeps in memory before it carries them into its people's rows (default 65,536,
    /// about 6 MiB): the more, the fewer pages are written for each.
    pub hand_overs_in_memory: usize,
    /// Pages (4 KiB) that one file may have: a bound on disk use, beyond which work is refused as on a full disk.
    pub max_pages: Option<u32>,
}

impl OpenOptions {
    /// The defaults for a data folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, sealer: Arc<Sealer>) -> Self {
        Self {
            folder: folder.into(),
            partitions: 8,
            sealer,
            cache_kib: 8 * 1024,
            hand_overs_in_memory: 65_536,
            max_pages: None,
        }
    }
}

/// Why a ledger does not open. A person must act, except for `Io` and a `Ledger` error that says it may pass.
#[derive(Debug, thiserror::Error)]
pub enum LedgerOpenError {
    /// Another process has it open.
    #[error(
        "the data folder {folder} is in use by another process; stop that one first, or choose another folder"
    )]
    InUse { folder: PathBuf },
    /// Written by a newer program.
    #[error(
        "{path} was written by a newer version (schema {found}, this program knows {known}); upgrade the program"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// Its installation was moved to a database, or is being moved: what this folder still had to send, would be sent
    /// twice.
    #[error(
        "this installation was moved to PostgreSQL, or the move is not complete: run hongyan copy again, or start it with --engine postgres; to go on here after all, give up the database and remove {mark}"
    )]
    Moved { mark: PathBuf },
    /// The folder holds some of a ledger's files and not others.
    #[error(
        "{path} is missing or belongs elsewhere: the ledger was made of {partitions} files; restore the folder whole"
    )]
    Incomplete { path: PathBuf, partitions: u16 },
    /// The file system refused.
    #[error("cannot use {path}: {source}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A partition's file could not be opened.
    #[error("cannot open {path}: {source}")]
    Ledger {
        path: PathBuf,
        #[source]
        source: LedgerError,
    },
}

impl SqliteLedger {
    /// Opens the ledger of a data folder, or makes it. Blocks for as long as logs have to be replayed.
    ///
    /// # Errors
    /// [`LedgerOpenError`].
    pub fn open(options: &OpenOptions) -> Result<Arc<Self>, LedgerOpenError> {
        Self::open_driven(options, |_, id, writer, path, board| {
            WriterHandle::start(id, writer, path.to_owned(), Arc::clone(board))
        })
    }

    /// Opens the ledger and gives each partition's writer to `drive`, which returns the way to it.
    pub(super) fn open_driven(
        options: &OpenOptions,
        mut drive: impl FnMut(
            &mut Looks,
            PartitionId,
            PartitionWriter,
            &Path,
            &Arc<Board>,
        ) -> io::Result<WriterHandle>,
    ) -> Result<Arc<Self>, LedgerOpenError> {
        let folder = options.folder.join("ledger");
        fs::create_dir_all(&folder).map_err(|source| LedgerOpenError::Io { path: folder.clone(), source })?;
        let lock = lock(&folder, &options.folder)?;
        let mark = moved_mark(&options.folder);
        if mark.exists() {
            return Err(LedgerOpenError::Moved { mark });
        }
        let partitions = count_of_files(&folder, options.partitions)?;
        let board = Arc::new(Board::new(partitions));
        let mut opened = Vec::with_capacity(usize::from(partitions));
        let mut looks = Looks::Beside;
        for id in PartitionMap::new(partitions).all() {
            let (writer, (readers, event_head), path) = open_partition(&folder, id, partitions, options)?;
            let writer = drive(&mut looks, id, writer, &path, &board)
                .map_err(|source| LedgerOpenError::Io { path: path.clone(), source })?;
            opened.push(Partition { writer, readers, event_head });
        }
        let parts = (PartitionMap::new(partitions), opened, board);
        Ok(Arc::new(Self::assemble(parts, looks, &options.sealer, lock)))
    }
}

/// What tells that a folder's installation lives elsewhere by now, or is on its way there.
pub(crate) fn moved_mark(folder: &Path) -> PathBuf {
    folder.join("ledger").join("moved")
}

/// The files of a ledger that is there, of this program's version or an older one, with its lock.
///
/// # Errors
/// [`LedgerOpenError`], also when there is no ledger in the folder.
pub(crate) fn existing(folder: &Path) -> Result<(PartitionMap, Vec<PathBuf>, File), LedgerOpenError> {
    let shown = folder;
    let folder = folder.join("ledger");
    let first = file_of(&folder, PartitionId(0));
    let missing = |path: &Path| {
        let source = io::Error::from(io::ErrorKind::NotFound);
        LedgerOpenError::Io { path: path.into(), source }
    };
    if !first.exists() {
        return Err(missing(&first));
    }
    let lock = lock(&folder, shown)?;
    let map = PartitionMap::new(count_of_files(&folder, 1)?);
    let files: Vec<PathBuf> = map.all().map(|id| file_of(&folder, id)).collect();
    for (id, path) in map.all().zip(&files) {
        if !path.exists() {
            return Err(missing(path));
        }
        check(path, id, map.len())?;
    }
    Ok((map, files, lock))
}

/// Refuses a file of a newer version, or one that belongs elsewhere.
fn check(path: &Path, id: PartitionId, partitions: u16) -> Result<(), LedgerOpenError> {
    let found = Readers::version(path).map_err(|fault| ledger(path, fault))?;
    if found > schema::VERSION {
        return Err(LedgerOpenError::Newer { path: path.into(), found, known: schema::VERSION });
    }
    let place = Readers::place(path).map_err(|fault| ledger(path, fault))?;
    if place.is_some_and(|place| place != (id.0, partitions)) {
        return Err(LedgerOpenError::Incomplete { path: path.into(), partitions });
    }
    Ok(())
}

fn lock(folder: &Path, shown: &Path) -> Result<File, LedgerOpenError> {
    let path = folder.join(LOCK_FILE);
    let io = |source| LedgerOpenError::Io { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerOpenError::InUse { folder: shown.into() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// The number of files that an existing ledger was made of, else the number asked for.
fn count_of_files(folder: &Path, asked: u16) -> Result<u16, LedgerOpenError> {
    let first = file_of(folder, PartitionId(0));
    let asked = PartitionMap::new(asked).len();
    if !first.exists() {
        let stray = PartitionMap::new(asked).all().map(|id| file_of(folder, id)).find(|path| path.exists());
        return match stray {
            Some(_) => Err(LedgerOpenError::Incomplete { path: first, partitions: asked }),
            None => Ok(asked),
        };
    }
    let place = Readers::place(&first).map_err(|fault| ledger(&first, fault))?;
    Ok(place.map_or(asked, |(_, partitions)| partitions))
}

/// What readers of a partition look at.
type Reading = (Arc<Readers>, EventHead);

fn open_partition(
    folder: &Path,
    id: PartitionId,
    partitions: u16,
    options: &OpenOptions,
) -> Result<(PartitionWriter, Reading, PathBuf), LedgerOpenError> {
    let path = file_of(folder, id);
    if path.exists() {
        check(&path, id, partitions)?;
    }
    let (hand_overs, event_head) = (SharedHandOvers::default(), EventHead::default());
    let setup = Setup {
        path: &path,
        id,
        partitions,
        options,
        hand_overs: hand_overs.clone(),
        event_head: event_head.clone(),
    };
    let writer = PartitionWriter::open(&setup).map_err(|fault| ledger(&path, fault))?;
    let readers = Arc::new(Readers::new(&path, &options.sealer, hand_overs));
    Ok((writer, (readers, event_head), path))
}

fn file_of(folder: &Path, id: PartitionId) -> PathBuf {
    folder.join(format!("p{:03}.db", id.0))
}

fn ledger(path: &Path, fault: Fault) -> LedgerOpenError {
    LedgerOpenError::Ledger { path: path.into(), source: fault.into_error() }
}
