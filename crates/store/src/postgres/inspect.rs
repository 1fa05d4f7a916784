//! What a server is like, and whether a database is this program's: for those who look before they start.

use pg::PostgresPlace;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, PgPool, Postgres, Row as _};

use super::open::PostgresOpenError;
use super::{MigrateError, schema, sql};
use control::check_postgres;

/// What matters of a server's version and settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerFacts {
    /// The major version.
    pub version: i32,
    /// Whether a commit is on the disk when it is told: `fsync`, `full_page_writes` and `synchronous_commit` are on.
    pub durable: bool,
    /// Whether the extension `citus` is in the database.
    pub citus: bool,
    /// Whether this connection is encrypted.
    pub tls: bool,
    /// The server's clock when it answered, in milliseconds since 1970.
    pub now_millis: i64,
}

/// Asks a server.
///
/// # Errors
/// [`PostgresOpenError`] when it is not there, or refuses.
pub async fn server_facts(place: &PostgresPlace) -> Result<ServerFacts, PostgresOpenError> {
    place.reach().await?;
    let pool = place.connect()?;
    let asked = sqlx::query(sql::SERVER_FACTS).fetch_one(&pool).await;
    let read = asked.and_then(|row| {
        Ok(ServerFacts {
            version: row.try_get(0)?,
            durable: row.try_get(1)?,
            citus: row.try_get(2)?,
            tls: row.try_get(3)?,
            now_millis: row.try_get(4)?,
        })
    });
    pool.close().await;
    Ok(read?)
}

/// A connection that is held, so that the server's process behind it can be looked at.
pub struct ServerWatch {
    pool: PgPool,
    held: PoolConnection<Postgres>,
    process: u32,
}

impl ServerWatch {
    /// Connects.
    ///
    /// # Errors
    /// [`PostgresOpenError`] when the server is not there, or refuses.
    pub async fn open(place: &PostgresPlace) -> Result<Self, PostgresOpenError> {
        let pool = place.connect()?;
        let mut held = pool.acquire().await?;
        let process: i32 = sqlx::query(sql::SERVER_PROCESS).fetch_one(&mut *held).await?.try_get(0)?;
        Ok(Self { pool, held, process: u32::try_from(process).unwrap_or_default() })
    }

    /// Its number on the server's machine.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Lets the connection go.
    pub async fn close(self) {
        drop(self.held);
        self.pool.close().await;
    }
}

/// Whether the schema of ledger and control database is this program's. Returns the number of partitions.
///
/// # Errors
/// [`MigrateError`], which says what to do.
pub async fn check(place: &PostgresPlace) -> Result<u16, MigrateError> {
    place.reach().await?;
    let pool = place.connect()?;
    let checked = async {
        let partitions = schema::check(&pool).await?;
        check_postgres(pool.clone()).await?;
        Ok(partitions)
    };
    let checked = checked.await;
    pool.close().await;
    checked
}
