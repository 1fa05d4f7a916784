//! One file from its first row to its end, whatever its format.

use std::io::{self, BufWriter, Write};

use domain::control::{Export, ExportFormat, Uploads};
use domain::ids::ImportId;
use jiff::tz::TimeZone;
use tokio::sync::mpsc::Receiver;

use crate::cell::Row;
use crate::rows::columns;
use crate::{columnar, delimited, sheet};

/// What is gathered before it is sealed.
const BUFFER_BYTES: usize = 64 << 10;

/// What comes to the writer.
pub(crate) enum Piece {
    Rows(Vec<Row>),
    /// Nothing is missing.
    End,
}

/// Pages of rows on their way to the writer.
pub(crate) type Rows = Receiver<Piece>;

/// What is to be written.
pub(crate) struct Task {
    pub(crate) export: Export,
    /// Under which the file will lie.
    pub(crate) file: ImportId,
    pub(crate) zone: TimeZone,
}

/// Writes a file to its end; its size. Without an end, nothing usable is left. Blocking.
pub(crate) fn write_file<U: Uploads + ?Sized>(uploads: &U, task: &Task, rows: Rows) -> io::Result<u64> {
    let file = uploads.create_upload(task.export.account, task.file)?;
    let out = BufWriter::with_capacity(BUFFER_BYTES, Counted { file, bytes: 0 });
    let columns = columns(task.export.of);
    let out = match task.export.format {
        ExportFormat::Csv => delimited::write(out, columns, &task.zone, rows)?,
        ExportFormat::Xlsx => sheet::write(out, columns, &task.zone, rows)?,
        ExportFormat::Parquet => columnar::write(out, columns, rows)?,
    };
    let Counted { mut file, bytes } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.flush()?;
    Ok(bytes)
}

/// An upload is complete with its `flush`, so none goes through before the end.
struct Counted {
    file: Box<dyn Write + Send>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hands on every row until the end.
///
/// # Errors
/// `Interrupted` when the rows stop before their end, and what `take` says.
pub(crate) fn each(mut rows: Rows, mut take: impl FnMut(Row) -> io::Result<()>) -> io::Result<()> {
    while let Some(piece) = rows.blocking_recv() {
        match piece {
            Piece::Rows(some) => some.into_iter().try_for_each(&mut take)?,
            Piece::End => return Ok(()),
        }
    }
    Err(io::Error::new(io::ErrorKind::Interrupted, "the rows ended early"))
}
