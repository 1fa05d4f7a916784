//! Opening and migrating: what must be true of a database before a node works on it.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{PartitionId, PartitionMap};
use domain::ledger::LedgerError;
use domain::nodes::NodeId;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{Error as SqlError, PgPool};

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
    ("jit", "off"),
];

/// Where a ledger is kept, and which node this is.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`; a password in it is shown nowhere.
    pub url: String,
    /// Which life of which node this is: claims bear its number, and are refused once they were recovered by others.
    pub node: NodeId,
    pub sealer: Arc<Sealer>,
    /// Connections of this node, at most (default 16).
    pub connections: u32,
    /// What the server shows these connections as (default `hongyan`).
    pub name: String,
}

impl PostgresOptions {
    /// The defaults for a database.
    #[must_use]
    pub fn new(url: impl Into<String>, sealer: Arc<Sealer>) -> Self {
        Self { url: url.into(), node: ALONE, sealer, connections: 16, name: NAME.to_owned() }
    }
}

/// Why a ledger does not open, or is not migrated. A person must act, except for a `Ledger` error that says it may
/// pass.
#[derive(Debug, thiserror::Error)]
pub enum PostgresOpenError {
    /// Not a URL of PostgreSQL. What is wrong is said without the URL, which may hold a password.
    #[error("the database URL is not understood; it is written postgres://user:password@host:port/database")]
    Url,
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
        let pool = connect(url, 1, NAME)?;
        let migrated = schema::migrate(&pool, partitions).await;
        pool.close().await;
        migrated
    }

    /// Opens a ledger that was migrated. Begins to poll for what other nodes put into it.
    ///
    /// # Errors
    /// [`PostgresOpenError`].
    pub async fn open(options: &PostgresOptions) -> Result<Arc<Self>, PostgresOpenError> {
        let pool = connect(&options.url, options.connections, &options.name)?;
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

pub(super) fn connect(url: &str, connections: u32, name: &str) -> Result<PgPool, PostgresOpenError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| PostgresOpenError::Url)?;
    let options = options.application_name(name).options(SETTINGS.iter().copied());
    Ok(PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE).connect_lazy_with(options))
}

impl From<SqlError> for PostgresOpenError {
    fn from(error: SqlError) -> Self {
        Self::Ledger(Trouble::from(error).into_error())
    }
}
