//! Opening and migrating: what must be true of a database before a node works on it.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{PartitionId, PartitionMap};
use domain::ledger::LedgerError;
use domain::nodes::NodeId;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{Connection as _, Error as SqlError, PgConnection, PgPool};

use super::database::Shared;
use super::due::Known;
use super::fault::Trouble;
use super::port::PostgresLedger;
use super::schema;
use crate::moves::MESSAGE_TABLE;
use crate::sealing::Sealer;

/// How long a connection is waited for: longer than any transaction takes.
const ACQUIRE: Duration = Duration::from_secs(10);

const NAME: &str = "hongyan";
/// Twice as many as there are partitions by default: each may claim while an answer is settled.
const CONNECTIONS: u32 = 16;
/// Who works alone needs to join nobody.
const ALONE: NodeId = NodeId { number: 0, epoch: 1 };

/// Of every connection. Time-outs, so that a lock that is never released or a plan gone wrong ends as an error (the
/// shortest is for nodes that are frozen in the middle of a transaction: the others must have its locks within 15 s); and
/// plans that follow the keys whatever the statistics say: a table that was filled a moment ago has none, and a plan
/// made while it was empty would walk all of it. Correctness depends on none of them.
const SETTINGS: &[(&str, &str)] = &[
    ("statement_timeout", "15s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_material", "off"),
    // Statements of a millisecond: starting a worker for one costs more than it takes.
    ("max_parallel_workers_per_gather", "0"),
    ("jit", "off"),
];

/// A database, and how many connections a node may hold there.
#[derive(Clone)]
pub struct PostgresPlace {
    /// `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=FILE`; a password in it is shown
    /// nowhere.
    pub url: String,
    /// At most (default 16); the ledger and the control database hold as many each.
    pub connections: u32,
    /// What the server shows these connections as (default `hongyan`).
    pub name: String,
}

impl PostgresPlace {
    /// The defaults for a database.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), connections: CONNECTIONS, name: NAME.to_owned() }
    }

    /// Connects when the first statement asks for it.
    pub(crate) fn connect(&self) -> Result<PgPool, PostgresOpenError> {
        self.connect_within(ACQUIRE)
    }

    /// [`Self::connect`], for who would rather fail than wait longer for a connection.
    pub(crate) fn connect_within(&self, acquire: Duration) -> Result<PgPool, PostgresOpenError> {
        let options = options(&self.url, &self.name)?;
        let pool = PgPoolOptions::new().max_connections(self.connections).acquire_timeout(acquire);
        Ok(pool.connect_lazy_with(options))
    }

    /// [`Self::connect`], for who makes or moves tables: how long that takes depends on what is in them.
    pub(crate) fn connect_to_migrate(&self) -> Result<PgPool, PostgresOpenError> {
        let options = options(&self.url, &self.name)?.options([("statement_timeout", "0")]);
        Ok(PgPoolOptions::new().acquire_timeout(ACQUIRE).connect_lazy_with(options))
    }

    /// Says at once what is in the way, where a pool would wait and hope.
    pub(crate) async fn reach(&self) -> Result<(), PostgresOpenError> {
        let options = options(&self.url, &self.name)?;
        let unreachable = |error: SqlError| PostgresOpenError::Unreachable(error.to_string());
        match tokio::time::timeout(ACQUIRE, PgConnection::connect_with(&options)).await {
            Ok(connected) => connected.map_err(unreachable)?.close().await.map_err(unreachable),
            Err(_) => Err(PostgresOpenError::Unreachable("it does not answer".to_owned())),
        }
    }
}

impl std::fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresPlace").field("connections", &self.connections).finish_non_exhaustive()
    }
}

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
    /// Not a URL of PostgreSQL. What is wrong is said without the URL, which may hold a password.
    #[error("the database URL is not understood; it is written postgres://user:password@host:port/database")]
    Url,
    /// The server is not there, or lets nobody in so.
    #[error("cannot reach the database: {0}")]
    Unreachable(String),
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
        };
        Self::start(shared).await.map_err(PostgresOpenError::Ledger)
    }
}

fn options(url: &str, name: &str) -> Result<PgConnectOptions, PostgresOpenError> {
    // The driver takes any scheme for its own.
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(PostgresOpenError::Url);
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| PostgresOpenError::Url)?;
    Ok(options.application_name(name).options(SETTINGS.iter().copied()))
}

impl From<SqlError> for PostgresOpenError {
    fn from(error: SqlError) -> Self {
        Self::Ledger(Trouble::from(error).into_error())
    }
}
