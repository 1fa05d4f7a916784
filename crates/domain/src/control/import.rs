//! Imports: one reading of one file into contacts.

use async_trait::async_trait;
use std::fmt;

use super::ControlError;
use crate::ids::{AccountId, ImportId};
use crate::message::coded_enum;
use crate::policy::LegalBasis;
use crate::time::Timestamp;

coded_enum! {
    /// What a column becomes.
    ColumnUse {
        /// The phone; exactly one column.
        Phone = 1, "phone";
        /// A sealed attribute.
        Personal = 2, "personal";
        /// A plain attribute.
        Queryable = 3, "queryable";
        /// Tags, separated by `;`, `,` or `|`.
        Tags = 4, "tags";
        /// Not read.
        Ignore = 5, "ignore";
    }
}

/// What each column of a file becomes, in the order of its columns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImportMapping {
    pub columns: Vec<(String, ColumnUse)>,
}

coded_enum! {
    /// Where an import is.
    ImportState {
        /// The file is here; the mapping is proposed.
        Uploaded = 1, "uploaded";
        /// Being read.
        Running = 2, "running";
        /// Read to its end.
        Finished = 3, "finished";
        /// Could not be read; `trouble` says why. What was read before stays.
        Failed = 4, "failed";
    }
}

/// What became of the rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImportCounts {
    pub read: u64,
    pub new: u64,
    pub updated: u64,
    pub duplicate: u64,
    pub invalid: u64,
}

/// One reading of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    pub id: ImportId,
    pub account: AccountId,
    pub file_name: String,
    pub bytes: u64,
    pub mapping: ImportMapping,
    /// Tags given to every row.
    pub tags: Vec<String>,
    /// Where the list came from, in the importer's words (Order 74/2026 art. 21: proof of consent).
    pub source: String,
    /// `None`: no consent is recorded for these people.
    pub basis: Option<LegalBasis>,
    pub state: ImportState,
    pub counts: ImportCounts,
    pub trouble: Option<String>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// A row that was not taken.
#[derive(Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// From 1, the header included, as a spreadsheet program numbers lines.
    pub line: u64,
    /// The word of the reason (`too_short`, `duplicate`, …) and its explanation.
    pub reason: String,
    /// The row as read, as one CSV record. Sealed at rest.
    pub record: String,
}

/// Imports and their rejected rows.
#[async_trait]
pub trait Imports: Send + Sync {
    async fn put_import(&self, import: &Import) -> Result<(), ControlError>;
    async fn import(&self, account: AccountId, id: ImportId) -> Result<Option<Import>, ControlError>;
    /// Newest first.
    async fn imports(&self, account: AccountId, limit: u32) -> Result<Vec<Import>, ControlError>;
    async fn add_rejected(
        &self,
        account: AccountId,
        import: ImportId,
        rows: Vec<RejectedRow>,
    ) -> Result<(), ControlError>;
    /// A page in order of line.
    async fn rejected(
        &self,
        account: AccountId,
        import: ImportId,
        after_line: u64,
        limit: u32,
    ) -> Result<Vec<RejectedRow>, ControlError>;
}
