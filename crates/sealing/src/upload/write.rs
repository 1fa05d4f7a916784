//! Writing a sealed file from its start to its end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{PIECE, Seal};

/// Takes a file's plain bytes; complete only after [`Write::flush`], gone when dropped before.
pub struct SealedWriter {
    seal: Seal,
    /// None once the end was written, in vain or not.
    file: Option<BufWriter<File>>,
    is_complete: bool,
    partial: PathBuf,
    complete: PathBuf,
    /// Not yet sealed; at most a piece.
    waiting: Vec<u8>,
    piece: u64,
}

impl SealedWriter {
    pub(super) fn create(seal: Seal, partial: PathBuf, complete: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = BufWriter::new(options.open(&partial)?);
        file.write_all(&seal.head())?;
        let waiting = Vec::with_capacity(PIECE);
        Ok(Self { seal, file: Some(file), is_complete: false, partial, complete, waiting, piece: 0 })
    }
}

impl Write for SealedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = self.file.as_mut().ok_or_else(ended)?;
        // A full piece waits for a byte behind it: only then is it known not to be the last.
        if self.waiting.len() == PIECE && !bytes.is_empty() {
            file.write_all(&self.seal.seal(self.piece, false, &self.waiting))?;
            self.piece += 1;
            self.waiting.clear();
        }
        let taken = bytes.len().min(PIECE - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Seals the last piece, and gives the file its name once all of it is on disk. A second call does nothing.
    fn flush(&mut self) -> io::Result<()> {
        if self.is_complete {
            return Ok(());
        }
        // Taken before it is tried: after a failure nothing more is written, and dropping removes what there is.
        let mut file = self.file.take().ok_or_else(ended)?;
        file.write_all(&self.seal.seal(self.piece, true, &self.waiting))?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&self.partial, &self.complete)?;
        sync_folder_of(&self.complete)?;
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for SealedWriter {
    fn drop(&mut self) {
        if !self.is_complete {
            // Should this fail, the file is removed when it expires.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the upload was ended: nothing can be added")
}

/// A new name is on disk only when its folder is.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
