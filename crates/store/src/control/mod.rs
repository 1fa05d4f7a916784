//! The control database: everything outside the ledger, behind the ports of [`domain::control`].
//!
//! Owns the file `control.db` with its migrations and entities (SeaORM, the same on PostgreSQL), the bulk statements
//! that need more than an object mapper gives (imports, audiences; SQLite), and the sealed uploads. Refuses a file
//! that a newer program wrote. Invariants: every row of a tenant carries its account and every read names it;
//! phones, texts, names, passwords and whatever may hold them are sealed; a call that returned is on disk; within
//! the process only the holder of the turn writes, so that a small write waits for at most one bulk transaction.

mod account;
mod audience;
mod audience_codec;
mod bulk;
mod campaign;
mod channel;
mod contact;
mod document;
mod error;
mod first_start;
mod idempotency;
mod import;
mod migrations;
mod nodes;
mod open;
mod pack;
mod preflight_document;
mod reading;
mod row;
mod template;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::control::{ControlError, ReadSeek, Uploads};
use domain::ids::{AccountId, IdGenerator, ImportId};
use domain::time::Timestamp;
use sea_orm::DatabaseConnection;
use tokio::sync::Mutex;

use crate::sealing::Sealer;
use crate::upload::SealedFolder;
use bulk::{BulkReader, BulkWriter};

pub use error::OpenControlError;
pub use first_start::{FirstStart, secret_sha256};
pub use nodes::NodeDb;

/// What [`ControlDb::open`] needs.
#[derive(Clone, Debug)]
pub struct OpenControl {
    /// The data folder; made when missing.
    pub folder: PathBuf,
    pub sealer: Arc<Sealer>,
    /// Makes the ids of contacts and tags.
    pub ids: Arc<IdGenerator>,
}

/// The control database on SQLite. Shared by all of the process; the folder's lock is the ledger's.
pub struct ControlDb {
    db: DatabaseConnection,
    turn: Arc<Mutex<()>>,
    sealer: Arc<Sealer>,
    ids: Arc<IdGenerator>,
    writer: BulkWriter,
    reader: Arc<BulkReader>,
    uploads: SealedFolder,
}

impl std::fmt::Debug for ControlDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlDb").finish_non_exhaustive()
    }
}

impl ControlDb {
    /// Opens `<folder>/control.db`, making it or bringing an older one up to date first.
    ///
    /// # Errors
    /// [`OpenControlError`]; only its `Io` and `Database` may pass by themselves.
    pub async fn open(options: OpenControl) -> Result<Arc<Self>, OpenControlError> {
        Self::open_bounded(options, None).await
    }

    /// [`Self::open`] with a bound on the pages of the file: what a full disk answers can be had for the asking.
    async fn open_bounded(
        options: OpenControl,
        max_pages: Option<u32>,
    ) -> Result<Arc<Self>, OpenControlError> {
        let OpenControl { folder, sealer, ids } = options;
        std::fs::create_dir_all(&folder)?;
        let file = Self::file(&folder);
        let db = open::connect(&file, max_pages).await?;
        open::migrate(&db).await?;
        let turn = Arc::new(Mutex::new(()));
        let reader = Arc::new(BulkReader::new(&file, Arc::clone(&sealer)));
        let writer = BulkWriter::start(&file, max_pages, Arc::clone(&sealer), Arc::clone(&turn))?;
        let uploads = SealedFolder::open(&folder.join("uploads"), Arc::clone(&sealer))?;
        Ok(Arc::new(Self { db, turn, sealer, ids, writer, reader, uploads }))
    }

    /// Where the database of a data folder is.
    #[must_use]
    pub fn file(folder: &Path) -> PathBuf {
        folder.join("control.db")
    }

    /// Ends the writer after what it was given, and closes the file. Calls after it answer
    /// [`ControlError::Unavailable`].
    ///
    /// # Errors
    /// When the engine cannot close the file; nothing is lost by that.
    pub async fn close(&self) -> Result<(), ControlError> {
        self.writer.stop().await;
        self.reader.close();
        self.db.close_by_ref().await.map_err(|e| error::of_database(&e, "control database"))
    }
}

impl Uploads for ControlDb {
    fn create_upload(&self, account: AccountId, id: ImportId) -> io::Result<Box<dyn io::Write + Send>> {
        Ok(Box::new(self.uploads.create(account, id)?))
    }

    fn open_upload(&self, account: AccountId, id: ImportId) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(self.uploads.read(account, id)?))
    }

    fn expire_uploads(&self, before: Timestamp) -> io::Result<u64> {
        self.uploads.expire(before)
    }
}
