//! Writing a sealed file from its start to its end.

use std::io::{self, Write};
use std::sync::Arc;

use domain::ids::{AccountId, ImportId};

use super::{PIECE, PiecesOut, Seal};
use crate::Sealer;

/// Takes a file's plain bytes; complete only after [`Write::flush`], gone when dropped before.
pub struct SealedWriter<P: PiecesOut> {
    seal: Seal,
    out: P,
    state: State,
    /// Not yet sealed; at most a piece.
    waiting: Vec<u8>,
    piece: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The end was tried in vain, or is being tried.
    Ended,
    Complete,
}

impl<P: PiecesOut> SealedWriter<P> {
    /// A new file.
    #[must_use]
    pub fn new(sealer: &Arc<Sealer>, account: AccountId, id: ImportId, out: P) -> Self {
        let seal = Seal::new(sealer, account, id);
        Self { seal, out, state: State::Open, waiting: Vec::with_capacity(PIECE), piece: 0 }
    }
}

impl<P: PiecesOut> Write for SealedWriter<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.state != State::Open {
            return Err(ended());
        }
        // A full piece waits for a byte behind it: only then is it known not to be the last.
        if self.waiting.len() == PIECE && !bytes.is_empty() {
            self.out.put(self.seal.seal(self.piece, false, &self.waiting))?;
            self.piece += 1;
            self.waiting.clear();
        }
        let taken = bytes.len().min(PIECE - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Seals the last piece, and makes the file. A second call does nothing.
    fn flush(&mut self) -> io::Result<()> {
        match self.state {
            State::Complete => return Ok(()),
            State::Ended => return Err(ended()),
            // Before it is tried: after a failure nothing more is written, and dropping removes what there is.
            State::Open => self.state = State::Ended,
        }
        self.out.put(self.seal.seal(self.piece, true, &self.waiting))?;
        self.out.complete(self.piece * PIECE as u64 + self.waiting.len() as u64)?;
        self.state = State::Complete;
        Ok(())
    }
}

impl<P: PiecesOut> Drop for SealedWriter<P> {
    fn drop(&mut self) {
        if self.state != State::Complete {
            self.out.give_up();
        }
    }
}

pub(super) fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the upload was ended: nothing can be added")
}
