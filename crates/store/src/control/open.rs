//! Opening the file: how SQLite is set, and which schema is accepted.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use sea_orm_migration::MigratorTrait;

use super::error::{OpenControlError, of_database};
use super::migrations::{Migrator, SCHEMA_VERSION, version_of};
use super::write::begin;
use domain::control::ControlError;

/// Longer than any bulk transaction of this process by far: only a foreign tool can hold the file this long.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
/// Reads are short, and writes take turns.
const CONNECTIONS: u32 = 4;
/// Pages of the write-ahead log at which a small write folds it into the file. More than the bulk writer's own bound,
/// so that a person's click does not pay for an import.
const CHECKPOINT_PAGES: &str = "32000";

pub(super) async fn connect(file: &Path, max_pages: Option<u32>) -> Result<DatabaseConnection, ControlError> {
    let mut options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .disable_statement_logging();
    if let Some(pages) = max_pages {
        options = options.pragma("max_page_count", pages.to_string());
    }
    let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await;
    match pool {
        Ok(pool) => Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)),
        Err(error) => Err(ControlError::Unavailable(error.to_string())),
    }
}

/// Applies the steps that are missing, all or none of them.
pub(super) async fn migrate(db: &DatabaseConnection) -> Result<(), OpenControlError> {
    let failed = |error| OpenControlError::Database(of_database(&error, "schema"));
    let transaction = begin(db).await.map_err(failed)?;
    let applied = Migrator::get_migration_models(&transaction).await.map_err(failed)?;
    let known: Vec<String> =
        Migrator::get_migration_files().iter().map(|step| step.name().to_owned()).collect();
    let steps = applied.into_iter().map(|model| model.version);
    if let Some(step) = steps.filter(|step| !known.contains(step)).max_by_key(|step| version_of(step)) {
        return Err(match version_of(&step) {
            Some(found) if found > SCHEMA_VERSION => {
                OpenControlError::NewerSchema { found, known: SCHEMA_VERSION }
            }
            _ => OpenControlError::ForeignSchema { step },
        });
    }
    Migrator::up(&transaction, None).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}
