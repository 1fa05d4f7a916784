//! How a log's pages reach its file: a transaction in one write, instead of two writes for every page.
//!
//! SQLite appends each page to its write-ahead log with one write for the frame's header and one for the page. Those
//! were half of all system calls of a campaign. Here is a virtual file system that is SQLite's own in everything but the
//! log: what is appended to that is gathered in memory and written with the frame that commits.
//!
//! Invariant: when SQLite publishes a commit to other connections, or tells the disk to keep it, all its frames are in
//! the file, or the write of the last one has failed and the commit with it. So whoever reads the file, in this process
//! or another, sees what it would see without this. Source: SQLite's "VFS" and "Database File Format", section 4.1.
#![expect(
    unsafe_code,
    reason = "SQLite calls its file system through C functions; nothing else here is unsafe"
)]

use std::ffi::{CStr, c_int, c_void};
use std::mem::{self, size_of};
use std::path::Path;
use std::sync::OnceLock;
use std::{ptr, slice};

use rusqlite::{Connection, OpenFlags, ffi};

/// The name under which SQLite knows this file system.
const NAME: &CStr = c"gathered-log";
/// A frame's header (section 4.1).
const FRAME_HEADER: usize = 24;
/// What is gathered at most: 31 frames. SQLite's own file system takes no more than this in one write (`seekAndWriteFd`).
const MAX_GATHERED: usize = 0x1_FFFF;

/// Opens a database file whose log is gathered.
///
/// # Errors
/// As SQLite opens.
pub fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    match *REGISTERED.get_or_init(register) {
        ffi::SQLITE_OK => Connection::open_with_flags_and_vfs(path, flags, NAME),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// The end of a log, as far as it is not in the file yet.
#[derive(Default)]
struct Tail {
    /// Where `gathered` belongs in the file.
    start: i64,
    gathered: Vec<u8>,
    /// The last header was that of a commit's last frame.
    commits: bool,
}

impl Tail {
    /// Takes a write of SQLite's; `out` writes to the file and answers as SQLite's functions do.
    fn write(&mut self, bytes: &[u8], at: i64, mut out: impl FnMut(&[u8], i64) -> c_int) -> c_int {
        if bytes.len() == FRAME_HEADER {
            // "For commit records, the size of the database file in pages after the commit. For all others, zero."
            self.commits = bytes.get(4..8).is_some_and(|pages| pages != [0; 4]);
        }
        let appends = at == self.end();
        if !appends || self.gathered.len() + bytes.len() > MAX_GATHERED {
            let code = self.flush(&mut out);
            if code != ffi::SQLITE_OK {
                return code;
            }
        }
        if !appends {
            // The log begins anew, or a frame is written twice: then nobody says that this was the last.
            self.start = at + length(bytes);
            return out(bytes, at);
        }
        self.gathered.extend_from_slice(bytes);
        let is_page = bytes.len() != FRAME_HEADER;
        if is_page && self.commits { self.flush(&mut out) } else { ffi::SQLITE_OK }
    }

    /// Writes what is gathered. If that fails, it stays gathered: SQLite believes that it was written.
    fn flush(&mut self, mut out: impl FnMut(&[u8], i64) -> c_int) -> c_int {
        if self.gathered.is_empty() {
            return ffi::SQLITE_OK;
        }
        let code = out(&self.gathered, self.start);
        if code == ffi::SQLITE_OK {
            self.start = self.end();
            self.gathered.clear();
        }
        code
    }

    fn end(&self) -> i64 {
        self.start + length(&self.gathered)
    }
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

/// An open log. SQLite allocates it, with room behind it for the file of its own file system.
#[repr(C)]
struct LogFile {
    base: ffi::sqlite3_file,
    tail: Tail,
}

/// SQLite's own file system.
fn system() -> *mut ffi::sqlite3_vfs {
    // SAFETY: a null name asks for the default; the answer lives as long as the process, as nobody unregisters it.
    unsafe { ffi::sqlite3_vfs_find(ptr::null()) }
}

/// Registers a copy of SQLite's own file system that opens logs in its own way.
fn register() -> c_int {
    let system = system();
    if system.is_null() {
        return ffi::SQLITE_ERROR;
    }
    // SAFETY: not null. The copy's functions are given the copy instead of the original, whose name, length of a file
    // and place in SQLite's list they do not read.
    let mut ours = unsafe { *system };
    ours.zName = NAME.as_ptr();
    ours.szOsFile += c_int::try_from(size_of::<LogFile>()).unwrap_or(0);
    ours.pNext = ptr::null_mut();
    ours.xOpen = Some(open_file);
    // SAFETY: what is registered lives for ever.
    unsafe { ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 0) }
}

/// `xOpen`: SQLite's own, with a tail before it if the file is a log.
unsafe extern "C" fn open_file(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    opened_as: *mut c_int,
) -> c_int {
    let system = system();
    // SAFETY: the system's file system has `xOpen`, and `file` has room for its file, at its beginning or after ours.
    unsafe {
        let Some(open) = (*system).xOpen else { return ffi::SQLITE_CANTOPEN };
        if flags & ffi::SQLITE_OPEN_WAL == 0 {
            return open(system, name, file, flags, opened_as);
        }
        // Without methods SQLite does not close what did not open.
        (*file).pMethods = ptr::null();
        let code = open(system, name, below(file), flags, opened_as);
        if code == ffi::SQLITE_OK {
            let base = ffi::sqlite3_file { pMethods: &raw const METHODS };
            ptr::write(file.cast::<LogFile>(), LogFile { base, tail: Tail::default() });
        }
        code
    }
}

/// The system's file behind ours.
///
/// # Safety
/// `file` was allocated for [`NAME`]'s files.
unsafe fn below(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: the allocation is `size_of::<LogFile>()` longer than the system's file, and the alignment of both is that
    // of a pointer.
    unsafe { file.cast::<LogFile>().add(1).cast() }
}

/// Calls a method of the system's file below `$file`.
macro_rules! call_below {
    ($method:ident($file:expr $(, $argument:expr)*), else $missing:expr) => {{
        let below = below($file);
        match (*(*below).pMethods).$method {
            Some(method) => method(below $(, $argument)*),
            None => $missing,
        }
    }};
}

/// Writes to the file what was gathered.
///
/// # Safety
/// `file` is a log that [`open_file`] opened.
unsafe fn flush(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: so says the caller; SQLite uses a file from one thread at a time.
    unsafe {
        let tail = &mut (*file.cast::<LogFile>()).tail;
        tail.flush(|bytes, at| write_below(file, bytes, at))
    }
}

/// # Safety
/// As [`flush`].
unsafe fn write_below(file: *mut ffi::sqlite3_file, bytes: &[u8], at: i64) -> c_int {
    let Ok(count) = c_int::try_from(bytes.len()) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: so says the caller.
    unsafe { call_below!(xWrite(file, bytes.as_ptr().cast(), count, at), else ffi::SQLITE_IOERR_WRITE) }
}

/// Methods that see the file as it would be: they flush, and then ask the system's file.
macro_rules! flushing {
    ($($ours:ident = $method:ident($($argument:ident: $kind:ty),*);)+) => {$(
        unsafe extern "C" fn $ours(file: *mut ffi::sqlite3_file $(, $argument: $kind)*) -> c_int {
            // SAFETY: SQLite calls the methods of a file that `open_file` opened with it.
            unsafe {
                match flush(file) {
                    ffi::SQLITE_OK => call_below!($method(file $(, $argument)*), else ffi::SQLITE_IOERR),
                    code => code,
                }
            }
        }
    )+};
}

flushing! {
    truncate = xTruncate(size: i64);
    sync = xSync(flags: c_int);
    file_size = xFileSize(size: *mut i64);
    lock = xLock(level: c_int);
    unlock = xUnlock(level: c_int);
    check_reserved_lock = xCheckReservedLock(held: *mut c_int);
    file_control = xFileControl(operation: c_int, argument: *mut c_void);
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    count: c_int,
    at: i64,
) -> c_int {
    let Ok(count) = usize::try_from(count) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: SQLite calls the methods of a file that `open_file` opened with it, and `from` holds `count` bytes.
    unsafe {
        let bytes = slice::from_raw_parts(from.cast::<u8>(), count);
        let tail = &mut (*file.cast::<LogFile>()).tail;
        tail.write(bytes, at, |bytes, at| write_below(file, bytes, at))
    }
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: as in `write`.
    unsafe {
        // What lies before the tail can be read on a full disk too.
        let code = if at + i64::from(count) > (*file.cast::<LogFile>()).tail.start {
            flush(file)
        } else {
            ffi::SQLITE_OK
        };
        match code {
            ffi::SQLITE_OK => call_below!(xRead(file, into, count, at), else ffi::SQLITE_IOERR_READ),
            code => code,
        }
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as in `write`; SQLite does not use the file again, so that its tail may be taken out of it.
    unsafe {
        // Frames that no commit followed are nothing to anybody.
        flush(file);
        drop(mem::take(&mut (*file.cast::<LogFile>()).tail));
        call_below!(xClose(file), else ffi::SQLITE_OK)
    }
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as in `write`.
    unsafe { call_below!(xSectorSize(file), else 0) }
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as in `write`.
    unsafe { call_below!(xDeviceCharacteristics(file), else 0) }
}

/// Version 1: a log is neither mapped into memory nor shared in it.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 512;

    fn header(commits: bool) -> [u8; FRAME_HEADER] {
        let mut header = [1; FRAME_HEADER];
        header[4..8].copy_from_slice(&[0, 0, 0, u8::from(commits)]);
        header
    }

    /// A file in memory that counts the writes to it, and refuses them when `full`.
    #[derive(Default)]
    struct Disk {
        bytes: Vec<u8>,
        writes: usize,
        full: bool,
    }

    impl Disk {
        fn write(&mut self, bytes: &[u8], at: i64) -> c_int {
            if self.full {
                return ffi::SQLITE_FULL;
            }
            let at = usize::try_from(at).unwrap();
            self.bytes.resize(self.bytes.len().max(at + bytes.len()), 0);
            self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
            self.writes += 1;
            ffi::SQLITE_OK
        }
    }

    fn frames(tail: &mut Tail, disk: &mut Disk, at: i64, count: usize) -> c_int {
        let mut at = at;
        let mut code = ffi::SQLITE_OK;
        for frame in 1..=count {
            code = tail.write(&header(frame == count), at, |b, at| disk.write(b, at));
            at += length(&[0; FRAME_HEADER]);
            code = code.max(tail.write(&[7; PAGE], at, |b, at| disk.write(b, at)));
            at += length(&[0; PAGE]);
        }
        code
    }

    #[test]
    fn a_transaction_is_one_write_and_in_the_file_when_its_last_frame_is_written() {
        let (mut tail, mut disk) = (Tail::default(), Disk::default());
        assert_eq!(tail.write(&[3; 32], 0, |b, at| disk.write(b, at)), ffi::SQLITE_OK);
        disk.writes = 0;
        assert_eq!(frames(&mut tail, &mut disk, 32, 5), ffi::SQLITE_OK);
        assert_eq!(disk.bytes.len(), 32 + 5 * (FRAME_HEADER + PAGE));
        assert!(disk.writes <= 2, "{}", disk.writes);
        disk.writes = 0;
        let end = length(&disk.bytes);
        assert_eq!(frames(&mut tail, &mut disk, end, 5), ffi::SQLITE_OK);
        assert_eq!((disk.writes, disk.bytes.len()), (1, 32 + 10 * (FRAME_HEADER + PAGE)));
    }

    #[test]
    fn what_is_gathered_is_bounded() {
        let (mut tail, mut disk) = (Tail::default(), Disk::default());
        assert_eq!(frames(&mut tail, &mut disk, 0, 2_000), ffi::SQLITE_OK);
        assert!(tail.gathered.capacity() <= 2 * MAX_GATHERED);
        assert_eq!(disk.bytes.len(), 2_000 * (FRAME_HEADER + PAGE));
    }

    #[test]
    fn a_full_disk_fails_the_last_frame_and_loses_nothing_that_was_gathered() {
        let (mut tail, mut disk) = (Tail::default(), Disk { full: true, ..Disk::default() });
        assert_eq!(frames(&mut tail, &mut disk, 0, 3), ffi::SQLITE_FULL);
        disk.full = false;
        assert_eq!(tail.flush(|b, at| disk.write(b, at)), ffi::SQLITE_OK);
        assert_eq!(disk.bytes.len(), 3 * (FRAME_HEADER + PAGE));
    }

    #[test]
    fn others_read_every_commit_at_once_also_of_transactions_larger_than_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let flags = OpenFlags::default();
        let writer = open(&path, flags).unwrap();
        writer
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;
                 PRAGMA cache_size = 10; CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)",
            )
            .unwrap();
        // Not through this file system: as another process would read.
        let reader = Connection::open(&path).unwrap();
        let seen = |sum: &str| reader.query_row(sum, [], |row| row.get::<_, i64>(0)).unwrap();
        for round in 1..=20_i64 {
            writer.execute_batch("BEGIN").unwrap();
            for k in 0..300_i64 {
                // Pages that are in the log already, because the cache was full, are written again.
                let row = (k * 37 % 300, vec![u8::try_from(round).unwrap(); 300]);
                writer.execute("INSERT OR REPLACE INTO t VALUES (?1, ?2)", row).unwrap();
            }
            let end = if round % 4 == 0 { "ROLLBACK" } else { "COMMIT" };
            writer.execute_batch(end).unwrap();
            let expected = if round % 4 == 0 { round - 1 } else { round };
            let newest = format!(
                "SELECT count(*) FROM t WHERE v = (SELECT v FROM t WHERE k = 0) AND substr(hex(v), 1, 2) = '{expected:02X}'"
            );
            assert_eq!(seen(&newest), 300, "round {round}");
            if round % 5 == 0 {
                writer.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
            }
        }
        // As many pages as the cache holds, written by one commit.
        writer.execute_batch("PRAGMA cache_size = 2000").unwrap();
        writer.execute("INSERT INTO t VALUES (1000, zeroblob(4000000))", []).unwrap();
        assert_eq!(seen("SELECT length(v) FROM t WHERE k = 1000"), 4_000_000);
        drop(writer);
        let whole: String = reader.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
    }
}
