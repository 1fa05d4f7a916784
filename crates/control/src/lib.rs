//! The control database: everything outside the ledger, behind the ports of [`domain::control`].
//!
//! Owns the file `control.db` or the tables of the same names on PostgreSQL, with their migrations and entities (SeaORM,
//! the same on both), the bulk statements that need more than an object mapper gives (imports, audiences; of each
//! engine's own), and the sealed uploads, in the data folder or in the database. Refuses a schema of a newer
//! program, and on PostgreSQL of an older one. Invariants: every row of a tenant carries its account and every read
//! names it; phones, texts, names, passwords and whatever may hold them are sealed; a call that returned is on disk. On
//! SQLite only the holder of the turn writes, so that a small write waits for at most one bulk transaction. On
//! PostgreSQL several nodes write: whatever must not happen twice is decided by a key or a lock of the database.

mod access;
mod account;
mod audience;
mod audience_codec;
mod books;
mod bulk;
mod campaign;
mod channel;
mod contact;
mod contact_edit;
mod course_document;
mod customer;
mod document;
mod documents;
mod edit;
mod error;
mod export;
mod first_start;
mod idempotency;
mod import;
mod migrations;
mod nodes;
mod notices;
mod open;
mod pack;
mod preflight_document;
mod price;
mod reading;
mod row;
mod source;
mod source_document;
mod template;
#[cfg(test)]
mod tests;
mod turns;
mod uploads;
mod webhooks;
mod write;

#[cfg(test)]
#[path = "../../pg/tests/stage/postgres_server.rs"]
mod postgres_server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::control::ControlError;
use domain::ids::IdGenerator;
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use tokio::sync::Mutex;

use bulk::{Bulk, PostgresBulk, SqliteBulk};
use files::Anchor;
use pg::PostgresPlace;
use sealing::Sealer;
use uploads::UploadPlaces;

pub use bulk::phone_slots;
pub use error::OpenControlError;
pub use first_start::{FirstStart, secret_sha256};
pub use migrations::shape::{Kind, Shape, shapes};
pub use nodes::NodeDb;
pub use open::{check_postgres, is_sealed, migrate_postgres};

/// The names of all control tables.
#[must_use]
pub fn control_tables() -> Vec<String> {
    shapes().into_iter().map(|shape| shape.name).collect()
}

/// What [`ControlDb::open`] needs.
#[derive(Clone, Debug)]
pub struct OpenControl {
    /// The data folder; made when missing.
    pub folder: PathBuf,
    pub sealer: Arc<Sealer>,
    /// Makes the ids of contacts and tags.
    pub ids: Arc<IdGenerator>,
}

/// The control database. Shared by all of the process; on SQLite, the folder's lock is the ledger's.
pub struct ControlDb {
    db: DatabaseConnection,
    /// Of those who write, with what they look at before a commit; on PostgreSQL nobody has to wait for it.
    turn: Option<Arc<Mutex<Anchor>>>,
    sealer: Arc<Sealer>,
    ids: Arc<IdGenerator>,
    bulk: Bulk,
    uploads: UploadPlaces,
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
        // Not the log: it comes and goes with the connections.
        let files = Anchor::of([file.clone()]).map_err(ControlError::from)?;
        let turn = Arc::new(Mutex::new(files));
        let bulk = Bulk::Sqlite(SqliteBulk::start(&file, max_pages, Arc::clone(&sealer), Arc::clone(&turn))?);
        let uploads = UploadPlaces::open(&folder, &sealer, None)?;
        Ok(Arc::new(Self { db, turn: Some(turn), sealer, ids, bulk, uploads }))
    }

    /// Opens the control database on PostgreSQL, migrated before by `store::postgres::migrate`. The folder keeps
    /// nothing but uploads of earlier versions.
    ///
    /// # Errors
    /// [`OpenControlError`], also when the database was sealed with other keys than these.
    pub async fn open_postgres(
        options: OpenControl,
        place: &PostgresPlace,
    ) -> Result<Arc<Self>, OpenControlError> {
        let OpenControl { folder, sealer, ids } = options;
        std::fs::create_dir_all(&folder)?;
        let pool = place.connect()?;
        let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        open::check(&db).await?;
        open::agree_on_keys(&db, &sealer).await?;
        let uploads = UploadPlaces::open(&folder, &sealer, Some(pool.clone()))?;
        let bulk = Bulk::Postgres(PostgresBulk::new(pool, Arc::clone(&sealer)));
        Ok(Arc::new(Self { db, turn: None, sealer, ids, bulk, uploads }))
    }

    /// Where the database of a data folder is.
    #[must_use]
    pub fn file(folder: &Path) -> PathBuf {
        folder.join("control.db")
    }

    /// Ends the writer after what it was given, and closes the file or the connections. Calls after it answer
    /// [`ControlError::Unavailable`].
    ///
    /// # Errors
    /// When the engine cannot close it; nothing is lost by that.
    pub async fn close(&self) -> Result<(), ControlError> {
        self.bulk.stop().await;
        self.db.close_by_ref().await.map_err(|e| error::of_database(&e, "control database"))
    }
}
