//! Spreadsheets into contacts, and the reading of files that campaigns are sent to directly.
//!
//! Owns the proposal of what each column becomes, the bounds of a file, and the running of imports; crate `sheets` reads the rows.
//! Invariants: memory does not grow with the file; one bad row never stops it; each row read is counted exactly once as
//! new, updated, duplicate or invalid.

mod columns;
mod error;
mod map;
mod propose;
mod rejected;
mod run;
mod upload;

pub use error::ImportError;
pub use map::{Mapped, Mapper};
pub(crate) use map::{is_header, phone_place};
pub use propose::{Proposal, ProposedColumn, propose};
pub use rejected::REJECTED_MEDIA_TYPE;
pub(crate) use run::RunningImports;
pub use run::{ImportOrder, ImportProgress};
pub use sheets::{
    FileKind, MAX_CELL_BYTES, MAX_COLUMNS, Row, RowTrouble, SheetError, TextLayout, read_rows, sniff,
};

/// Most rows of a file.
pub const MAX_ROWS: u64 = 5_000_000;
/// Largest file, in bytes: five million rows of a hundred bytes, twice.
pub const MAX_FILE_BYTES: u64 = 1 << 30;
