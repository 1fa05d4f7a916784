//! One command for all that is kept in a database: the ledger's tables, the control tables, and where Citus is, their
//! distribution.

use super::citus;
use super::open::PostgresOpenError;
use super::{schema, sql};
use control::{OpenControlError, migrate_postgres};
use pg::{PlaceError, PostgresPlace};

/// What is true after a migration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Migrated {
    /// Whether Citus spreads the ledger over its workers.
    pub distributed: bool,
}

/// Why a database was not migrated, or not all of it; run again, it goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Ledger(#[from] PostgresOpenError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Control(#[from] OpenControlError),
}

/// Makes all tables, or brings them up to date; does nothing where they are. `partitions` counts for a new ledger only,
/// and must be the same ever after. Two nodes may call it at once; no node of an older program may be at work.
///
/// # Errors
/// [`MigrateError`].
pub async fn migrate(place: &PostgresPlace, partitions: u16) -> Result<Migrated, MigrateError> {
    place.reach().await?;
    let pool = place.connect_to_migrate()?;
    let all = async {
        schema::migrate(&pool, partitions).await?;
        migrate_postgres(pool.clone(), sql::SCHEMA_LOCK).await?;
        let distributed = citus::distribute(&pool).await.map_err(PostgresOpenError::from)?;
        Ok(Migrated { distributed })
    };
    let migrated = all.await;
    pool.close().await;
    migrated
}
