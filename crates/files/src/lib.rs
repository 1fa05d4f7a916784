//! What SQLite's files need beside SQLite.
//!
//! Owns how a log's pages reach its file, when the log is copied and by whom, and whether files that are open are still
//! where they were. Refuses statements on tables: what is in the files is `store`'s.

mod anchor;
mod log;
mod log_file;

pub use anchor::{Anchor, Gone, beside, log_of};
pub use log::Log;
pub use log_file::open;
