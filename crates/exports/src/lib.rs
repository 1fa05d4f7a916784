//! Exports: messages, contacts, inbound messages, suppressions or a month's charges of an account as one file, written in the
//! background by one node, and sealed as uploads are.
//!
//! Owns what is in such a file, how it is written, and its life. Refuses to know who asks (`api` does) and when to run
//! (`engine` does). Invariants: memory is bounded by a few pages, however long the file is; a file is shown only when it is
//! whole; what was interrupted begins anew, in another file, a few times at most; no cell is ever a formula.

mod cell;
mod columnar;
mod delimited;
pub mod paper;
mod rows;
mod run;
mod sheet;
pub mod statement;
mod write;

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use domain::control::{
    Control, ControlError, Export, ExportFormat, ExportMonth, ExportOf, ExportState, ReadSeek,
};
use domain::ids::{AccountId, CampaignId, ExportId, IdGenerator};
use domain::ledger::Ledger;
use domain::message::MessageState;
use domain::time::Clock;
use futures::{Stream, stream};
use jiff::tz::TimeZone;

pub use run::MayGoOn;

/// Exports of one account that are not whole yet; more would only wait longer.
pub const MAX_UNFINISHED: usize = 5;
/// How long an export and its file are kept: as long as uploads are.
pub const EXPORTS_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Looked at for that bound: more than anybody asks for in a week.
const LOOKED_AT: u32 = 200;
/// What is read of a file at once: one sealed piece.
const PIECE_BYTES: usize = 64 << 10;

/// What to export.
#[derive(Clone, Debug)]
pub struct ExportOrder {
    /// Of what.
    pub of: ExportOf,
    /// As what.
    pub format: ExportFormat,
    /// Whether people are shown as they are.
    pub reveal: bool,
    /// Messages of this campaign only.
    pub campaign: Option<CampaignId>,
    /// Messages in this state only.
    pub of_state: Option<MessageState>,
    /// Contacts with this tag only.
    pub tag: Option<String>,
    /// The month, of a statement.
    pub month: Option<ExportMonth>,
}

/// What went wrong with an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportTrouble {
    /// The account has [`MAX_UNFINISHED`] already.
    #[error("{MAX_UNFINISHED} exports are not finished yet; wait for one of them")]
    TooMany,
    /// Not of this account, or expired.
    #[error("there is no such export")]
    NoSuchExport,
    /// It waits, is being written, or failed.
    #[error("the export has no file yet")]
    NotFinished,
    /// Older than [`EXPORTS_KEPT`].
    #[error("the file has expired")]
    Expired,
    /// The control database refused.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// What exports are made of.
pub struct ExporterParts {
    /// Messages, inbound messages and suppressions.
    pub ledger: Arc<dyn Ledger>,
    /// Contacts, and the exports themselves with their files.
    pub control: Arc<dyn Control>,
    /// Where instants come from.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub ids: Arc<IdGenerator>,
    /// By whose clock times are written.
    pub zone: TimeZone,
}

/// Takes orders for files, writes them, and hands them out.
pub struct Exporter {
    parts: ExporterParts,
}

impl Exporter {
    /// Nothing runs before [`Self::run`] is called.
    #[must_use]
    pub const fn new(parts: ExporterParts) -> Self {
        Self { parts }
    }

    /// Asks for a file. It is written in the background.
    ///
    /// # Errors
    /// [`ExportTrouble::TooMany`] and storage's own.
    pub async fn start(&self, account: AccountId, order: ExportOrder) -> Result<Export, ExportTrouble> {
        let before = self.parts.control.exports(account, LOOKED_AT).await?;
        if before.iter().filter(|export| !is_over(export)).count() >= MAX_UNFINISHED {
            return Err(ExportTrouble::TooMany);
        }
        let now = self.parts.clock.now();
        let export = Export {
            id: ExportId::from(self.parts.ids.fresh(now)),
            account,
            of: order.of,
            format: order.format,
            reveal: order.reveal,
            campaign: order.campaign,
            of_state: order.of_state,
            tag: order.tag,
            month: order.month,
            state: ExportState::Waiting,
            tries: 0,
            rows: 0,
            bytes: 0,
            file: None,
            created_at: now,
            finished_at: None,
        };
        self.parts.control.put_export(&export).await?;
        Ok(export)
    }

    /// An export of an account.
    ///
    /// # Errors
    /// [`ExportTrouble::NoSuchExport`] and storage's own.
    pub async fn find(&self, account: AccountId, id: ExportId) -> Result<Export, ExportTrouble> {
        self.parts.control.export(account, id).await?.ok_or(ExportTrouble::NoSuchExport)
    }

    /// A part of a whole file, in pieces.
    ///
    /// # Errors
    /// [`ExportTrouble::NotFinished`], [`ExportTrouble::Expired`]; later errors come through the stream.
    pub async fn file(
        &self,
        export: &Export,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = io::Result<Vec<u8>>> + Send + use<>, ExportTrouble> {
        let Some(file) = export.file else { return Err(ExportTrouble::NotFinished) };
        let (control, account) = (Arc::clone(&self.parts.control), export.account);
        let opened = tokio::task::spawn_blocking(move || {
            let mut file = control.open_upload(account, file)?;
            file.seek(SeekFrom::Start(range.start))?;
            Ok::<_, io::Error>(file)
        });
        let file = opened.await.map_err(|_| ControlError::Unavailable("interrupted".to_owned()))?;
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ExportTrouble::Expired,
            _ => ControlError::Unavailable(error.to_string()).into(),
        })?;
        Ok(stream::try_unfold((file, range.end - range.start), |(file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let read = tokio::task::spawn_blocking(move || piece(file, left));
            let (file, piece) = read.await.map_err(io::Error::other)??;
            let left = left - piece.len() as u64;
            Ok(Some((piece, (file, left))))
        }))
    }

    /// Forgets what is older than [`EXPORTS_KEPT`]; the files expire as uploads do.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn expire(&self) -> Result<u64, ControlError> {
        self.parts.control.expire_exports(self.parts.clock.now().minus(EXPORTS_KEPT)).await
    }
}

fn piece(mut file: Box<dyn ReadSeek>, left: u64) -> io::Result<(Box<dyn ReadSeek>, Vec<u8>)> {
    let most = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
    let mut bytes = vec![0; most];
    file.read_exact(&mut bytes)?;
    Ok((file, bytes))
}

const fn is_over(export: &Export) -> bool {
    matches!(export.state, ExportState::Finished | ExportState::Failed)
}
