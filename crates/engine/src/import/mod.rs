//! Spreadsheets into contacts, and the reading of files that campaigns are sent to directly.
//!
//! Owns what a file is (by content), its encoding, delimiter and header, the proposal of what each column becomes,
//! the bounds, and the running of imports. Refuses what is no spreadsheet. Invariants: memory does not grow with the
//! file, a row or a cell (shared strings of a spreadsheet are bounded); one bad row never stops the file; each row
//! read is counted exactly once as new, updated, duplicate or invalid.

mod columns;
mod delimited;
mod error;
mod map;
mod propose;
mod rejected;
mod row;
mod run;
mod sheet;
mod sniff;
mod upload;

pub use error::ImportError;
pub use map::{Mapped, Mapper};
pub(crate) use map::{is_header, phone_place};
pub use propose::{Proposal, ProposedColumn, propose};
pub use rejected::REJECTED_MEDIA_TYPE;
pub use row::{Row, RowTrouble};
pub(crate) use run::RunningImports;
pub use run::{ImportOrder, ImportProgress};
pub use sniff::{FileKind, TextLayout, sniff};

use std::io::SeekFrom;
use std::ops::ControlFlow;

use domain::control::ReadSeek;

/// Longest cell in bytes: texts and addresses are far shorter.
pub const MAX_CELL_BYTES: usize = 4 << 10;
/// Most columns of a file.
pub const MAX_COLUMNS: usize = 256;
/// Most rows of a file.
pub const MAX_ROWS: u64 = 5_000_000;
/// Largest file, in bytes: five million rows of a hundred bytes, twice.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// Calls `visit` for each row that is not blank, the header included, until it breaks. Blocking.
///
/// # Errors
/// When the file as a whole cannot be read; never because of a row.
pub fn read_rows(
    file: &mut dyn ReadSeek,
    kind: FileKind,
    visit: &mut dyn FnMut(&Row) -> ControlFlow<()>,
) -> Result<(), ImportError> {
    file.seek(SeekFrom::Start(0))?;
    match kind {
        FileKind::Delimited(layout) => delimited::read(file, layout, visit),
        FileKind::Xlsx => sheet::read(file, visit),
    }
}
