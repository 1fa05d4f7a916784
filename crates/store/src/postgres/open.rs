//! Opening and migrating: what must be true of a database before a node works on it.

use std::sync::Arc;

use domain::ids::{PartitionId, PartitionMap};
use domain::ledger::LedgerError;
use domain::nodes::NodeId;
use pg::{PlaceError, PostgresPlace};
use sea_orm::sqlx::Error as SqlError;

use super::database::Shared;
use super::due::Known;
use super::fault::Trouble;
use super::port::PostgresLedger;
use super::schema;
use crate::moves::MESSAGE_TABLE;
use crate::moves::told::Told;
use crate::sealing::Sealer;

/// Who works alone needs to join nobody.
const ALONE: NodeId = NodeId { number: 0, epoch: 1 };
/// How often somebody is said to have something waiting: what is written is told before its commit, which takes some
/// milliseconds, and whoever asks comes back after no fewer.
const TOLD_TIMES: u8 = 8;

/// Where a ledger is kept, and which node this is.
#[derive(Clone)]
pub struct PostgresOptions {
    pub place: PostgresPlace,
    /// Which life of which node this is: claims bear its number, and are refused once they were recovered by others.
    pub node: NodeId,
    pub sealer: Arc<Sealer>,
}

impl PostgresOptions {
    /// Of whoever is the only one at work on a database.
    #[must_use]
    pub fn alone(place: PostgresPlace, sealer: Arc<Sealer>) -> Self {
        Self { place, node: ALONE, sealer }
    }
}

/// Why a ledger does not open, or is not migrated. A person must act, except for a `Ledger` error that says it may
/// pass.
#[derive(Debug, thiserror::Error)]
pub enum PostgresOpenError {
    /// The database is not reached.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The server is too old.
    #[error("the database server has version {found}, and the ledger needs PostgreSQL 15 or newer")]
    Server { found: i32 },
    /// The schema is missing or from an older program.
    #[error(
        "the database has schema {found} of the ledger and this program needs {known}; stop every node, run: hongyan migrate"
    )]
    Older { found: i64, known: i64 },
    /// The schema is from a newer program.
    #[error(
        "the database has schema {found} of the ledger and this program knows only {known}; upgrade the program"
    )]
    Newer { found: i64, known: i64 },
    /// It was made with another number of partitions.
    #[error("the ledger has {found} partitions, not {asked}; their number is chosen once, when it is made")]
    Partitions { found: u16, asked: u16 },
    /// The database refused or was not there.
    #[error("cannot use the database: {0}")]
    Ledger(#[source] LedgerError),
}

impl PostgresLedger {
    /// Makes the ledger's tables, or brings them up to date; does nothing where they are. `partitions` counts for a new
    /// ledger only, and must be the same ever after. Two nodes may call it at once.
    ///
    /// # Errors
    /// [`PostgresOpenError`]; never `Older`.
    pub async fn migrate(url: &str, partitions: u16) -> Result<(), PostgresOpenError> {
        let pool = PostgresPlace::new(url).connect_to_migrate()?;
        let migrated = schema::migrate(&pool, partitions).await;
        pool.close().await;
        migrated
    }

    /// Opens a ledger that was migrated. Begins to poll for what other nodes put into it.
    ///
    /// # Errors
    /// [`PostgresOpenError`].
    pub async fn open(options: &PostgresOptions) -> Result<Arc<Self>, PostgresOpenError> {
        let pool = options.place.connect()?;
        let partitions = schema::check(&pool).await?;
        let map = PartitionMap::new(partitions);
        let shared = Shared {
            pool,
            map,
            sealer: Arc::clone(&options.sealer),
            messages: options.sealer.for_table(MESSAGE_TABLE),
            node: options.node,
            known: map.all().map(|_: PartitionId| Known::default()).collect(),
            told: Told::new(TOLD_TIMES),
        };
        Self::start(shared).await.map_err(PostgresOpenError::Ledger)
    }
}

impl From<SqlError> for PostgresOpenError {
    fn from(error: SqlError) -> Self {
        Self::Ledger(Trouble::from(error).into_error())
    }
}
