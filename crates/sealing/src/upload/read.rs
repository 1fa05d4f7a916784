//! Reading a sealed file from any position.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::{HEAD, PIECE, SEALED_PIECE, Seal};
use crate::SEALED_OVERHEAD;

/// A complete file, opened piece by piece; holds one piece in memory.
pub struct SealedReader {
    seal: Seal,
    file: File,
    pieces: u64,
    /// Plain bytes in all.
    length: u64,
    position: u64,
    /// The number and the content of the piece read last.
    current: Option<(u64, Vec<u8>)>,
}

impl SealedReader {
    pub(super) fn open(seal: Seal, mut file: File) -> io::Result<Self> {
        let mut head = [0; HEAD];
        file.read_exact(&mut head).map_err(|_| cut())?;
        if head != seal.head() {
            // Another account's file does not exist for this one.
            return Err(io::Error::new(io::ErrorKind::NotFound, "no such upload"));
        }
        let body = file.metadata()?.len().checked_sub(HEAD as u64).ok_or_else(cut)?;
        let pieces = body.div_ceil(SEALED_PIECE as u64);
        let overhead = pieces * SEALED_OVERHEAD as u64;
        let length = body.checked_sub(overhead).filter(|_| pieces > 0).ok_or_else(cut)?;
        let mut reader = Self { seal, file, pieces, length, position: 0, current: None };
        // The last piece opens only as the last: a file that was cut is refused before anything is read.
        reader.load(pieces - 1)?;
        Ok(reader)
    }

    fn load(&mut self, piece: u64) -> io::Result<&[u8]> {
        if self.current.as_ref().is_none_or(|(number, _)| *number != piece) {
            let start = HEAD as u64 + piece * SEALED_PIECE as u64;
            let last = piece + 1 == self.pieces;
            self.file.seek(SeekFrom::Start(start))?;
            let mut sealed = Vec::with_capacity(SEALED_PIECE);
            Read::by_ref(&mut self.file).take(SEALED_PIECE as u64).read_to_end(&mut sealed)?;
            let plain = self.seal.open(piece, last, &sealed)?;
            self.current = Some((piece, plain));
        }
        Ok(self.current.as_ref().map_or(&[], |(_, plain)| plain.as_slice()))
    }
}

impl Read for SealedReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length || out.is_empty() {
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

impl Seek for SealedReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
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
