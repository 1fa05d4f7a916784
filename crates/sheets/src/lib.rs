//! Rows out of the files that people upload: text in any encoding with any delimiter, and XLSX.
//!
//! Owns what a file is (by content), its encoding and delimiter, and the bounds. Refuses what is no spreadsheet. Invariants: memory does
//! not grow with the file, a row or a cell (shared strings of a spreadsheet are bounded); one bad row never stops the file.

mod delimited;
mod error;
mod row;
mod sheet;
mod sniff;

use std::io::SeekFrom;
use std::ops::ControlFlow;

use domain::control::ReadSeek;

pub use error::SheetError;
pub use row::{Row, RowTrouble, push_csv_cell};
pub use sniff::{FileKind, TextLayout, sniff};

/// Longest cell in bytes: texts and addresses are far shorter.
pub const MAX_CELL_BYTES: usize = 4 << 10;
/// Most columns of a file.
pub const MAX_COLUMNS: usize = 256;

/// Calls `visit` for each row that is not blank, the header included, until it breaks. Blocking.
///
/// # Errors
/// When the file as a whole cannot be read; never because of a row.
pub fn read_rows(
    file: &mut dyn ReadSeek,
    kind: FileKind,
    visit: &mut dyn FnMut(&Row) -> ControlFlow<()>,
) -> Result<(), SheetError> {
    file.seek(SeekFrom::Start(0))?;
    match kind {
        FileKind::Delimited(layout) => delimited::read(file, layout, visit),
        FileKind::Xlsx => sheet::read(file, visit),
    }
}
