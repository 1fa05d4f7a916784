//! Sealed files: what people upload, in pieces of 64 KiB, readable from any position and gone after a while.
//!
//! Owns how a file is cut into pieces and sealed, and the folder `uploads`, one of the places where pieces may lie.
//! Invariants: no plain byte of a file leaves the memory; a piece opens only at its own place of its own file, and only
//! the last one opens as the last, so a file that was cut, reordered or mixed does not open; a file is there only when it
//! is complete and on disk.

mod folder;
mod read;
mod write;

use std::io;
use std::sync::Arc;

use domain::ids::{AccountId, ImportId};

use crate::{SEALED_OVERHEAD, Sealer};

pub use folder::{PiecesInFile, PiecesToFile, SealedFolder};
pub use read::SealedReader;
pub use write::SealedWriter;

/// The purpose that pieces are sealed for.
const TABLE: &str = "upload";
/// Plain bytes of every piece but the last.
const PIECE: usize = 64 * 1024;
const SEALED_PIECE: usize = PIECE + SEALED_OVERHEAD;

/// Where the sealed pieces of one file go, in their order. Blocking.
pub trait PiecesOut: Send {
    /// Takes the next piece.
    ///
    /// # Errors
    /// When it cannot be kept; nothing more is put then.
    fn put(&mut self, sealed: Vec<u8>) -> io::Result<()>;
    /// All pieces were put, `bytes` plain bytes in all: durable on return, and only now is there a file.
    ///
    /// # Errors
    /// When it cannot be made sure.
    fn complete(&mut self, bytes: u64) -> io::Result<()>;
    /// There will be no more: what was put may go.
    fn give_up(&mut self);
}

/// The sealed pieces of one complete file. Blocking.
pub trait PiecesIn: Send {
    /// How many; at least one.
    fn pieces(&self) -> u64;
    /// Plain bytes of all of them.
    fn bytes(&self) -> u64;
    /// A piece, from 0.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&mut self, piece: u64) -> io::Result<Vec<u8>>;
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
