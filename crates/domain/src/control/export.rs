//! Exports: what an account holds, written into one file that it fetches. The file is sealed as uploads are, and expires
//! with them.

use std::fmt;

use async_trait::async_trait;

use super::ControlError;
use crate::billing::{Charge, Month};
use crate::ids::{AccountId, CampaignId, ExportId, ImportId};
use crate::message::{MessageState, coded_enum};
use crate::policy::Zone;
use crate::time::Timestamp;

coded_enum! {
    /// What is exported.
    ExportOf {
        Messages = 1, "messages";
        Contacts = 2, "contacts";
        Inbound = 3, "inbound";
        Suppressions = 4, "suppressions";
        /// What each message came to in a month: the lines whose sums a statement is.
        Statement = 5, "statement";
    }
}

coded_enum! {
    /// What the file is.
    ExportFormat {
        Csv = 1, "csv";
        Xlsx = 2, "xlsx";
        /// Typed columns, for programs.
        Parquet = 3, "parquet";
    }
}

coded_enum! {
    /// Where an export is.
    ExportState {
        Waiting = 1, "waiting";
        /// Being written; after a crash, from its beginning.
        Running = 2, "running";
        /// The file is whole.
        Finished = 3, "finished";
        Failed = 4, "failed";
    }
}

/// The month of an exported statement, as it was agreed when the export was asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct ExportMonth {
    pub month: Month,
    /// By whose clock.
    pub zone: Zone,
    /// When messages of lanes that are gone are paid for.
    pub otherwise: Charge,
}

/// One file for one account.
#[derive(Clone, PartialEq, Debug)]
pub struct Export {
    pub id: ExportId,
    pub account: AccountId,
    pub of: ExportOf,
    pub format: ExportFormat,
    /// Whether people are shown as they are.
    pub reveal: bool,
    /// Messages of this campaign only.
    pub campaign: Option<CampaignId>,
    /// Messages in this state only.
    pub of_state: Option<MessageState>,
    /// Contacts with this tag only.
    pub tag: Option<String>,
    /// Of a statement.
    pub month: Option<ExportMonth>,
    pub state: ExportState,
    /// How often it was begun.
    pub tries: u32,
    /// Written so far.
    pub rows: u64,
    /// Of the whole file.
    pub bytes: u64,
    /// Under which the sealed file lies, once it is whole.
    pub file: Option<ImportId>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// Exports.
#[async_trait]
pub trait Exports: Send + Sync {
    /// Adds or replaces.
    async fn put_export(&self, export: &Export) -> Result<(), ControlError>;
    async fn export(&self, account: AccountId, id: ExportId) -> Result<Option<Export>, ControlError>;
    /// Newest first.
    async fn exports(&self, account: AccountId, limit: u32) -> Result<Vec<Export>, ControlError>;
    /// Of all accounts, those that are not whole yet, oldest first.
    async fn unfinished_exports(&self, limit: u32) -> Result<Vec<Export>, ControlError>;
    /// Forgets those made before `before`; their files expire by themselves.
    async fn expire_exports(&self, before: Timestamp) -> Result<u64, ControlError>;
}
