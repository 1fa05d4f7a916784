//! Sealed files: what people upload, in pieces of 64 KiB, readable from any position and gone after a while.
//!
//! ```text
//! HYUP 1 account(8) id(8)   head, 21 bytes
//! piece 0 … piece n         each 64 KiB of the file and SEALED_OVERHEAD, the last one shorter
//! ```
//!
//! Owns the folder `uploads`. Invariants: no plain byte of a file touches the disk; a piece opens only at its own
//! place of its own file, and only the last one opens as the last, so a file that was cut, reordered or mixed does
//! not open; a file exists under its name only when it is complete and on disk.

mod read;
mod write;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::ids::{AccountId, ImportId};
use domain::time::Timestamp;

use crate::{SEALED_OVERHEAD, Sealer};

pub use read::SealedReader;
pub use write::SealedWriter;

/// The purpose that pieces are sealed for.
const TABLE: &str = "upload";
/// Plain bytes of every piece but the last.
const PIECE: usize = 64 * 1024;
const SEALED_PIECE: usize = PIECE + SEALED_OVERHEAD;
const MAGIC: &[u8; 5] = b"HYUP\x01";
const HEAD: usize = MAGIC.len() + 16;
const COMPLETE: &str = "sealed";
const PARTIAL: &str = "partial";

/// The folder of sealed files.
#[derive(Debug)]
pub struct SealedFolder {
    folder: PathBuf,
    sealer: Arc<Sealer>,
}

impl SealedFolder {
    /// Makes the folder when it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path, sealer: Arc<Sealer>) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), sealer })
    }

    /// A new file; complete only after its `flush`.
    ///
    /// # Errors
    /// `AlreadyExists` when there is a complete file of this id; else what the file system says.
    pub fn create(&self, account: AccountId, id: ImportId) -> io::Result<SealedWriter> {
        let complete = self.place(id, COMPLETE);
        if complete.try_exists()? {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "this upload is complete already"));
        }
        SealedWriter::create(Seal::new(&self.sealer, account, id), self.place(id, PARTIAL), complete)
    }

    /// A complete file of this account.
    ///
    /// # Errors
    /// `NotFound` when it has expired, never was, or belongs to another account; `InvalidData` when it was damaged
    /// or cut.
    pub fn read(&self, account: AccountId, id: ImportId) -> io::Result<SealedReader> {
        SealedReader::open(Seal::new(&self.sealer, account, id), File::open(self.place(id, COMPLETE))?)
    }

    /// Removes complete and partial files whose id was made before `before`. Returns how many.
    ///
    /// # Errors
    /// What the file system says; files removed before stay removed.
    pub fn expire(&self, before: Timestamp) -> io::Result<u64> {
        let mut gone = 0;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let ours = path.extension().is_some_and(|kind| kind == COMPLETE || kind == PARTIAL);
            let id = path.file_stem().and_then(|stem| stem.to_str()?.parse::<ImportId>().ok());
            if ours && id.is_some_and(|id| id.made_at() < before) {
                fs::remove_file(&path)?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    fn place(&self, id: ImportId, kind: &str) -> PathBuf {
        self.folder.join(format!("{id}.{kind}"))
    }
}

/// Seals and opens the pieces of one file.
struct Seal {
    sealer: Arc<Sealer>,
    account: AccountId,
    id: ImportId,
}

impl Seal {
    fn new(sealer: &Arc<Sealer>, account: AccountId, id: ImportId) -> Self {
        Self { sealer: Arc::clone(sealer), account, id }
    }

    fn head(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..5].copy_from_slice(MAGIC);
        head[5..13].copy_from_slice(&self.account.raw().to_be_bytes());
        head[13..].copy_from_slice(&self.id.raw().to_be_bytes());
        head
    }

    fn seal(&self, piece: u64, last: bool, plain: &[u8]) -> Vec<u8> {
        self.sealer.seal(TABLE, &self.name(piece, last), plain)
    }

    fn open(&self, piece: u64, last: bool, sealed: &[u8]) -> io::Result<Vec<u8>> {
        self.sealer
            .open_sealed(TABLE, &self.name(piece, last), sealed)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn name(&self, piece: u64, last: bool) -> [u8; 25] {
        let mut name = [0; 25];
        name[..8].copy_from_slice(&self.id.raw().to_be_bytes());
        name[8..16].copy_from_slice(&self.account.raw().to_be_bytes());
        name[16..24].copy_from_slice(&piece.to_be_bytes());
        name[24] = u8::from(last);
        name
    }
}
