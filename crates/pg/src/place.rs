//! A database on a server: how it is reached, and how its connections are set.

use std::str::FromStr as _;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{Connection as _, Error as SqlError, PgConnection, PgPool};

/// How long a connection is waited for: longer than any transaction takes.
const ACQUIRE: Duration = Duration::from_secs(10);

const NAME: &str = "hongyan";
/// Twice as many as there are partitions by default: each may claim while an answer is settled.
const CONNECTIONS: u32 = 16;

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
    ///
    /// # Errors
    /// When the URL is not understood.
    pub fn connect(&self) -> Result<PgPool, PlaceError> {
        self.connect_within(ACQUIRE)
    }

    /// [`Self::connect`], for who would rather fail than wait longer for a connection.
    ///
    /// # Errors
    /// When the URL is not understood.
    pub fn connect_within(&self, acquire: Duration) -> Result<PgPool, PlaceError> {
        let options = options(&self.url, &self.name)?;
        let pool = PgPoolOptions::new().max_connections(self.connections).acquire_timeout(acquire);
        Ok(pool.connect_lazy_with(options))
    }

    /// [`Self::connect`], for who makes or moves tables: how long that takes depends on what is in them.
    ///
    /// # Errors
    /// When the URL is not understood.
    pub fn connect_to_migrate(&self) -> Result<PgPool, PlaceError> {
        let options = options(&self.url, &self.name)?.options([("statement_timeout", "0")]);
        Ok(PgPoolOptions::new().acquire_timeout(ACQUIRE).connect_lazy_with(options))
    }

    /// Says at once what is in the way, where a pool would wait and hope.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn reach(&self) -> Result<(), PlaceError> {
        let options = options(&self.url, &self.name)?;
        let unreachable = |error: SqlError| PlaceError::Unreachable(error.to_string());
        match tokio::time::timeout(ACQUIRE, PgConnection::connect_with(&options)).await {
            Ok(connected) => connected.map_err(unreachable)?.close().await.map_err(unreachable),
            Err(_) => Err(PlaceError::Unreachable("it does not answer".to_owned())),
        }
    }
}

impl std::fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresPlace").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// Why a database is not reached. A person must act.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Not a URL of PostgreSQL. What is wrong is said without the URL, which may hold a password.
    #[error("the database URL is not understood; it is written postgres://user:password@host:port/database")]
    Url,
    /// The server is not there, or lets nobody in so.
    #[error("cannot reach the database: {0}")]
    Unreachable(String),
}

fn options(url: &str, name: &str) -> Result<PgConnectOptions, PlaceError> {
    // The driver takes any scheme for its own.
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(PlaceError::Url);
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| PlaceError::Url)?;
    Ok(options.application_name(name).options(SETTINGS.iter().copied()))
}
