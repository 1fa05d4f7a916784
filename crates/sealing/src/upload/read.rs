//! Reading a sealed file from any position.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use domain::ids::{AccountId, ImportId};

use super::{PIECE, PiecesIn, Seal};
use crate::Sealer;

/// A complete file, opened piece by piece; holds one piece in memory.
pub struct SealedReader<P: PiecesIn> {
    seal: Seal,
    pieces: P,
    position: u64,
    /// The number and the content of the piece read last.
    current: Option<(u64, Vec<u8>)>,
}

impl<P: PiecesIn> SealedReader<P> {
    /// # Errors
    /// `InvalidData` when the file was damaged, cut, or is not of this id and account.
    pub fn new(sealer: &Arc<Sealer>, account: AccountId, id: ImportId, pieces: P) -> io::Result<Self> {
        let mut reader = Self { seal: Seal::new(sealer, account, id), pieces, position: 0, current: None };
        // The last piece opens only as the last: a file that was cut is refused before anything is read.
        let last = reader.pieces.pieces().checked_sub(1).ok_or_else(cut)?;
        reader.load(last)?;
        Ok(reader)
    }

    fn load(&mut self, piece: u64) -> io::Result<&[u8]> {
        if self.current.as_ref().is_none_or(|(number, _)| *number != piece) {
            let last = piece + 1 == self.pieces.pieces();
            let plain = self.seal.open(piece, last, &self.pieces.get(piece)?)?;
            self.current = Some((piece, plain));
        }
        Ok(self.current.as_ref().map_or(&[], |(_, plain)| plain.as_slice()))
    }
}

impl<P: PiecesIn> Read for SealedReader<P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.pieces.bytes() || out.is_empty() {
            return Ok(0);
        }
        let (piece, offset) = (self.position / PIECE as u64, (self.position % PIECE as u64) as usize);
        let plain = self.load(piece)?.get(offset..).ok_or_else(cut)?;
        let taken = plain.len().min(out.len());
        out[..taken].copy_from_slice(&plain[..taken]);
        self.position += taken as u64;
        Ok(taken)
    }
}

impl<P: PiecesIn> Seek for SealedReader<P> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.pieces.bytes().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a position before the start of the file")
        })?;
        Ok(self.position)
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the upload is incomplete")
}
