//! Uploaded files: in the data folder on one machine, in the database where nodes share one, so that any of them can read
//! what another one took.

mod database;

use std::io;
use std::path::Path;
use std::sync::Arc;

use domain::control::{ReadSeek, Uploads};
use domain::ids::{AccountId, ImportId};
use domain::time::Timestamp;
use sea_orm::sqlx::PgPool;
use sealing::Sealer;
use sealing::upload::SealedFolder;

use crate::ControlDb;
use database::SealedTable;

/// Where the pieces of files lie.
pub(super) struct UploadPlaces {
    /// On a database, only what an earlier version of the program put there.
    folder: SealedFolder,
    table: Option<SealedTable>,
}

impl UploadPlaces {
    /// In a data folder; with a pool, in its database.
    pub(super) fn open(folder: &Path, sealer: &Arc<Sealer>, pool: Option<PgPool>) -> io::Result<Self> {
        Ok(Self {
            folder: SealedFolder::open(&folder.join("uploads"), Arc::clone(sealer))?,
            table: pool.map(|pool| SealedTable::new(pool, Arc::clone(sealer))),
        })
    }
}

impl Uploads for ControlDb {
    fn create_upload(&self, account: AccountId, id: ImportId) -> io::Result<Box<dyn io::Write + Send>> {
        Ok(match &self.uploads.table {
            None => Box::new(self.uploads.folder.create(account, id)?),
            Some(table) => Box::new(table.create(account, id)?),
        })
    }

    fn open_upload(&self, account: AccountId, id: ImportId) -> io::Result<Box<dyn ReadSeek>> {
        if let Some(table) = &self.uploads.table {
            match table.read(account, id) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                read => return Ok(Box::new(read?)),
            }
        }
        Ok(Box::new(self.uploads.folder.read(account, id)?))
    }

    fn expire_uploads(&self, before: Timestamp) -> io::Result<u64> {
        let in_table = self.uploads.table.as_ref().map_or(Ok(0), |table| table.expire(before))?;
        Ok(in_table + self.uploads.folder.expire(before)?)
    }
}
