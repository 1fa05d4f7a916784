//! Opening: how SQLite is set, which schema is accepted, and with which keys.

use std::path::Path;
use std::time::Duration;

use domain::control::ControlError;
use sea_orm::sea_query::OnConflict;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{ConnectOptions as _, PgPool};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue, ConnectionTrait as _, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, EntityTrait as _, IntoActiveModel as _, SqlxPostgresConnector, SqlxSqliteConnector,
    Statement,
};
use sea_orm_migration::{MigratorTrait, seaql_migrations};

use super::error::{OpenControlError, of_database};
use super::migrations::{Migrator, SCHEMA_VERSION, version_of};
use super::row::setting;
use super::write::begin;
use pg::PostgresPlace;
use sealing::Sealer;

/// Whether the migrator has made the table of the steps that a database has seen.
const STEPS_ARE_THERE: &str = "SELECT to_regclass('seaql_migrations') IS NOT NULL";
/// The setting that tells which keys a database was sealed with.
const KEYS: &str = "key_check";
/// Longer than any bulk transaction of this process by far: only a foreign tool can hold the file this long.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
/// Reads are short, and writes take turns.
const CONNECTIONS: u32 = 4;
/// Pages of the write-ahead log at which a small write folds it into the file. More than the bulk writer's own bound,
/// so that a person's click does not pay for an import.
const CHECKPOINT_PAGES: &str = "32000";

pub(super) async fn connect(file: &Path, max_pages: Option<u32>) -> Result<DatabaseConnection, ControlError> {
    // Made here and never by a connection: one that is opened after somebody has moved the file away would begin an empty
    // one, and its log over the log of the other.
    let made = std::fs::File::options().create(true).append(true).open(file);
    made.map_err(|error| ControlError::Unavailable(format!("{}: {error}", file.display())))?;
    let mut options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
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
    let transaction = begin(db).await.map_err(|error| failed(&error))?;
    apply(transaction).await
}

/// The same on PostgreSQL, where several nodes may do it at once: they wait for each other at the ledger's lock, so the
/// ledger is migrated first.
///
/// `lock` is the statement that keeps two nodes from migrating at once.
///
/// # Errors
/// [`OpenControlError`]; nothing is changed then.
pub async fn migrate_postgres(pool: PgPool, lock: &str) -> Result<(), OpenControlError> {
    let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    let transaction = begin(&db).await.map_err(|error| failed(&error))?;
    transaction.execute_unprepared(lock).await.map_err(|error| failed(&error))?;
    apply(transaction).await
}

async fn apply(transaction: DatabaseTransaction) -> Result<(), OpenControlError> {
    let seen = Migrator::get_migration_models(&transaction).await.map_err(|error| failed(&error))?;
    refuse_strange(&seen.into_iter().map(|step| step.version).collect::<Vec<_>>())?;
    Migrator::up(&transaction, None).await.map_err(|error| failed(&error))?;
    transaction.commit().await.map_err(|error| failed(&error))
}

/// Refuses a schema that is not this program's own, and changes nothing.
pub(super) async fn check(db: &DatabaseConnection) -> Result<(), OpenControlError> {
    let applied = applied(db).await?;
    refuse_strange(&applied)?;
    if known().iter().all(|step| applied.contains(step)) {
        return Ok(());
    }
    let found = applied.iter().filter_map(|step| version_of(step)).max().unwrap_or(0);
    Err(OpenControlError::OlderSchema { found, known: SCHEMA_VERSION })
}

/// Refuses a schema on PostgreSQL that is not this program's own, and changes nothing.
///
/// # Errors
/// [`OpenControlError`].
pub async fn check_postgres(pool: PgPool) -> Result<(), OpenControlError> {
    check(&SqlxPostgresConnector::from_sqlx_postgres_pool(pool)).await
}

fn refuse_strange(applied: &[String]) -> Result<(), OpenControlError> {
    let known = known();
    match applied.iter().filter(|step| !known.contains(step)).max_by_key(|step| version_of(step)) {
        None => Ok(()),
        Some(step) => Err(match version_of(step) {
            Some(found) if found > SCHEMA_VERSION => {
                OpenControlError::NewerSchema { found, known: SCHEMA_VERSION }
            }
            _ => OpenControlError::ForeignSchema { step: step.clone() },
        }),
    }
}

fn known() -> Vec<String> {
    Migrator::get_migration_files().iter().map(|step| step.name().to_owned()).collect()
}

/// The steps that a database on PostgreSQL has seen. The migrator itself would make its table in order to look.
async fn applied(db: &DatabaseConnection) -> Result<Vec<String>, OpenControlError> {
    let there = Statement::from_string(DbBackend::Postgres, STEPS_ARE_THERE);
    let there = db.query_one_raw(there).await.map_err(|error| failed(&error))?;
    if !there.is_some_and(|row| row.try_get_by_index(0).unwrap_or(false)) {
        return Ok(Vec::new());
    }
    let rows = seaql_migrations::Entity::find().all(db).await.map_err(|error| failed(&error))?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// Refuses a database that was sealed with other keys; one that knows none is given these, and one that knows fewer the
/// new ones.
pub(super) async fn agree_on_keys(db: &DatabaseConnection, sealer: &Sealer) -> Result<(), OpenControlError> {
    let ours = sealer.check();
    let row = setting::Model { name: KEYS.to_owned(), content: ours.clone() };
    let unless_known = OnConflict::column(setting::Column::Name).do_nothing().to_owned();
    let put = setting::Entity::insert(row.into_active_model()).on_conflict(unless_known);
    put.exec_without_returning(db).await.map_err(|error| failed(&error))?;
    let known = known_keys(db).await?.unwrap_or_default();
    if !sealer.agrees_with(&known) {
        return Err(OpenControlError::OtherKeys);
    }
    if known != ours {
        let row = setting::ActiveModel {
            name: ActiveValue::Unchanged(KEYS.to_owned()),
            content: ActiveValue::Set(ours),
        };
        row.update(db).await.map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// What a database knows of the keys that it was sealed with.
async fn known_keys(db: &DatabaseConnection) -> Result<Option<String>, OpenControlError> {
    let row = setting::Entity::find_by_id(KEYS.to_owned()).one(db).await.map_err(|error| failed(&error))?;
    Ok(row.map(|row| row.content))
}

/// Whether a database holds anything sealed: who starts on it then needs the key file of those who were there before.
///
/// # Errors
/// [`OpenControlError`], also when the schema is not this program's.
pub async fn is_sealed(place: &PostgresPlace) -> Result<bool, OpenControlError> {
    place.reach().await?;
    let db = SqlxPostgresConnector::from_sqlx_postgres_pool(place.connect()?);
    check(&db).await?;
    let known = known_keys(&db).await?;
    db.close().await.map_err(|error| failed(&error))?;
    Ok(known.is_some())
}

fn failed(error: &DbErr) -> OpenControlError {
    OpenControlError::Database(of_database(error, "schema"))
}
