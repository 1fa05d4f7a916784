//! Files in a folder, each `<id>.sealed`, and `<id>.partial` until it is complete.
//!
//! ```text
//! HYUP 1 account(8) id(8)   head, 21 bytes
//! piece 0 … piece n         each 64 KiB of the file and SEALED_OVERHEAD, the last one shorter
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::ids::{AccountId, ImportId};
use domain::time::Timestamp;

use super::write::ended;
use super::{PiecesIn, PiecesOut, SEALED_PIECE, SealedReader, SealedWriter};
use crate::{SEALED_OVERHEAD, Sealer};

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
    pub fn create(&self, account: AccountId, id: ImportId) -> io::Result<SealedWriter<PiecesToFile>> {
        let complete = self.place(id, COMPLETE);
        if complete.try_exists()? {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "this upload is complete already"));
        }
        let file = PiecesToFile::create(&head(account, id), self.place(id, PARTIAL), complete)?;
        Ok(SealedWriter::new(&self.sealer, account, id, file))
    }

    /// A complete file of this account.
    ///
    /// # Errors
    /// `NotFound` when it has expired, never was, or belongs to another account; `InvalidData` when it was damaged
    /// or cut.
    pub fn read(&self, account: AccountId, id: ImportId) -> io::Result<SealedReader<PiecesInFile>> {
        let file = PiecesInFile::open(head(account, id), File::open(self.place(id, COMPLETE))?)?;
        SealedReader::new(&self.sealer, account, id, file)
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

fn head(account: AccountId, id: ImportId) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..5].copy_from_slice(MAGIC);
    head[5..13].copy_from_slice(&account.raw().to_be_bytes());
    head[13..].copy_from_slice(&id.raw().to_be_bytes());
    head
}

/// A file on its way to its name.
pub struct PiecesToFile {
    /// None once the end was written, in vain or not.
    file: Option<BufWriter<File>>,
    partial: PathBuf,
    complete: PathBuf,
}

impl PiecesToFile {
    fn create(head: &[u8], partial: PathBuf, complete: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = BufWriter::new(options.open(&partial)?);
        file.write_all(head)?;
        Ok(Self { file: Some(file), partial, complete })
    }
}

impl PiecesOut for PiecesToFile {
    fn put(&mut self, sealed: Vec<u8>) -> io::Result<()> {
        self.file.as_mut().ok_or_else(ended)?.write_all(&sealed)
    }

    /// Gives the file its name once all of it is on disk.
    fn complete(&mut self, _: u64) -> io::Result<()> {
        let file = self.file.take().ok_or_else(ended)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&self.partial, &self.complete)?;
        sync_folder_of(&self.complete)
    }

    fn give_up(&mut self) {
        // Should this fail, the file is removed when it expires.
        let _ = fs::remove_file(&self.partial);
    }
}

/// A new name is on disk only when its folder is.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// A complete file.
pub struct PiecesInFile {
    file: File,
    pieces: u64,
    bytes: u64,
}

impl PiecesInFile {
    fn open(head: [u8; HEAD], mut file: File) -> io::Result<Self> {
        let mut found = [0; HEAD];
        file.read_exact(&mut found).map_err(|_| cut())?;
        if found != head {
            // Another account's file does not exist for this one.
            return Err(io::Error::new(io::ErrorKind::NotFound, "no such upload"));
        }
        let body = file.metadata()?.len().checked_sub(HEAD as u64).ok_or_else(cut)?;
        let pieces = body.div_ceil(SEALED_PIECE as u64);
        let overhead = pieces * SEALED_OVERHEAD as u64;
        let bytes = body.checked_sub(overhead).filter(|_| pieces > 0).ok_or_else(cut)?;
        Ok(Self { file, pieces, bytes })
    }
}

impl PiecesIn for PiecesInFile {
    fn pieces(&self) -> u64 {
        self.pieces
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn get(&mut self, piece: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(HEAD as u64 + piece * SEALED_PIECE as u64))?;
        let mut sealed = Vec::with_capacity(SEALED_PIECE);
        Read::by_ref(&mut self.file).take(SEALED_PIECE as u64).read_to_end(&mut sealed)?;
        Ok(sealed)
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the upload is incomplete")
}
