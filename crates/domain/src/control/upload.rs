//! Uploaded files: sealed on disk in pieces, readable from any position (spreadsheets are zip files), and gone after
//! a while.

use std::io::{self, Read, Seek, Write};

use crate::ids::{AccountId, ImportId};
use crate::time::Timestamp;

/// A file that can be read from any position.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// Sealed files. Blocking: call from a thread that may block.
pub trait Uploads: Send + Sync {
    /// A new file; what is written is sealed piece by piece, and complete only after `flush`.
    ///
    /// # Errors
    /// When the data folder cannot be written (full, read-only).
    fn create_upload(&self, account: AccountId, id: ImportId) -> io::Result<Box<dyn Write + Send>>;
    /// Opens a complete file.
    ///
    /// # Errors
    /// `NotFound` when it has expired or never was.
    fn open_upload(&self, account: AccountId, id: ImportId) -> io::Result<Box<dyn ReadSeek>>;
    /// Removes files made before `before`. Returns how many.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn expire_uploads(&self, before: Timestamp) -> io::Result<u64>;
}
