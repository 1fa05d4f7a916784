//! The ports of the control database: everything outside the ledger, each aggregate in a module of its own.
//!
//! Every row that belongs to a tenant carries its account, and every read is scoped by it: a method that could
//! return another tenant's row does not exist. Absent is `Ok(None)`.

mod access;
mod account;
mod audience;
mod books;
mod campaign;
mod channel_config;
mod contact;
mod customer;
mod document;
mod edit;
mod export;
mod idempotency;
mod import;
mod provider;
mod quirks;
mod route_config;
mod source;
mod statements;
mod template_record;
mod turns;
mod upload;

pub use access::{
    Access, AccessChange, AccountKind, AuditFilter, AuditLine, CustomRole, KeyGrant, OneTimeLink,
    SecondFactor, Session, Tenant, User, Uses,
};
pub use account::{Account, Accounts, ApiKey, Entity};
pub use audience::{AUDIENCE_CHUNK_ROWS, Audience, AudienceRow, AudienceStats, Audiences};
pub use books::{Balance, Books, Granted, Posting, PostingKey, Short};
pub use campaign::{
    AudienceSource, Campaign, CampaignAction, CampaignError, CampaignState, Campaigns, HeldSample,
    PreflightReport, RouteLoad, Sample,
};
pub use channel_config::{ChannelConfig, Channels, PriceFault, PriceLine, Protocol, Secret};
pub use contact::{Contact, ContactFilter, ContactRow, Contacts, FieldKind, Upserted};
pub use customer::Customers;
pub use document::{Document, DocumentMark, Documents};
pub use edit::{Conditions, Edit, Editable, Edits};
pub use export::{Export, ExportFormat, ExportMonth, ExportOf, ExportState, Exports};
pub use idempotency::{Idempotency, IdempotentStart};
pub use import::{ColumnUse, Import, ImportCounts, ImportMapping, ImportState, Imports, RejectedRow};
pub use provider::{
    ApprovedTemplate, HttpAnswer, HttpBatch, HttpForm, HttpInbound, HttpReceipts, LEAST_TOKEN, MOST_BATCH,
    MOST_TOKEN, Provider,
};
pub use quirks::{Alphabet, Binds, LongText, NumberForm, QuirkError, Quirks, ReceiptIds};
pub use route_config::{Misfit, Pick, RouteConfig, RouteScope, RouteStep, Traffic, choose_route};
pub use source::{
    Fetch, FetchFault, Fetched, ImportSource, MOST_SOURCES, Pieces, RunState, SourceMemory, SourcePlace,
    SourceRun, Sources,
};
pub use statements::{
    Agreement, BookFault, BookRule, BooksChecked, JournalLine, Paid, Payment, Spent, Standing, Statements,
    TransferFilter,
};
pub use template_record::{TemplateRecord, Templates};
pub use turns::{ChannelTurn, ChannelTurns, MOST_TURNS, TURNS_AGE};
pub use upload::{ReadSeek, Uploads};

use crate::events::Notices;
use crate::webhooks::Webhooks;

/// What went wrong in the control database.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The disk is full; nothing of the call was kept.
    #[error("the disk that holds the data folder is full; free some space, nothing was lost")]
    Full,
    /// Another try may succeed.
    #[error("the control database is unavailable for the moment: {0}")]
    Unavailable(String),
    /// A row with this name or key exists already.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// Somebody changed the row since it was read; read again and repeat.
    #[error("{0} was changed by somebody else meanwhile")]
    Changed(&'static str),
    /// What had this number was deleted, and the number is not used again.
    #[error("{0} was deleted; take another number")]
    Gone(&'static str),
    /// Storage holds what cannot be: a person must look.
    #[error("the control database is inconsistent in {table}.{column}")]
    Inconsistent { table: &'static str, column: &'static str },
}

/// All of the control database.
pub trait Control:
    Accounts
    + Access
    + Contacts
    + Audiences
    + Imports
    + Templates
    + Campaigns
    + Channels
    + ChannelTurns
    + Customers
    + Books
    + Documents
    + Edits
    + Exports
    + Idempotency
    + Uploads
    + Notices
    + Sources
    + Webhooks
{
}

impl<T> Control for T where
    T: Accounts
        + Access
        + Contacts
        + Audiences
        + Imports
        + Templates
        + Campaigns
        + Channels
        + ChannelTurns
        + Customers
        + Books
        + Documents
        + Edits
        + Exports
        + Idempotency
        + Uploads
        + Notices
        + Sources
        + Webhooks
{
}
