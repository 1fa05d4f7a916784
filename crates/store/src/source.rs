//! What a query says in a PostgreSQL database that a tenant named, as CSV.
//!
//! The server writes the CSV (`COPY … TO STDOUT`), so that any type becomes text as PostgreSQL has it. Invariants: one
//! statement, which only reads; never into a private network unless that is allowed, and to the very address that was
//! looked at; memory is bounded by a few pieces.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use domain::control::{Fetch, FetchFault, Fetched, Pieces, SourceMemory, SourcePlace};
use domain::time::Timestamp;
use domain::webhooks::{CallFault, is_public};
use futures::StreamExt as _;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Error as SqlError, Executor as _};
use sea_orm::sqlx::{PgConnection, SqlSafeStr as _};
use tokio::sync::{mpsc, oneshot};

/// How long a connection may take, and the query until its first row.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// How long the server may work on the query, in milliseconds: as long as a file may take.
const STATEMENT_MILLIS: &str = "1800000";
/// Pieces between the connection and whoever reads.
const PIECES_AHEAD: usize = 8;

/// Reads from PostgreSQL databases of tenants.
#[derive(Clone, Copy, Debug)]
pub struct SourceSql {
    /// Whether databases in private networks may be reached.
    pub private: bool,
}

#[async_trait]
impl Fetch for SourceSql {
    fn may_fetch(&self, place: &SourcePlace) -> Result<(), FetchFault> {
        let SourcePlace::Postgres { host, .. } = place else { return Err(FetchFault::NotHere) };
        // A path would be a socket of this machine.
        if host.contains(['/', '\\', '@']) {
            return Err(FetchFault::Call(CallFault::Malformed));
        }
        match host.parse::<IpAddr>() {
            Ok(address) if !self.private && !is_public(address) => {
                Err(FetchFault::Call(CallFault::Forbidden))
            }
            _ => Ok(()),
        }
    }

    async fn fetch(
        &self,
        place: &SourcePlace,
        _: &SourceMemory,
        _: Timestamp,
    ) -> Result<Fetched, FetchFault> {
        self.may_fetch(place)?;
        let options = tokio::time::timeout(ANSWER_WITHIN, self.options(place)).await;
        let options = options.map_err(|_| FetchFault::Call(CallFault::TimedOut))??;
        let SourcePlace::Postgres { query, .. } = place else { return Err(FetchFault::NotHere) };
        let (pieces, receiver) = mpsc::channel(PIECES_AHEAD);
        let (begun, begins) = oneshot::channel();
        let query = query.trim().trim_end_matches(';').to_owned();
        // The stream borrows its connection, so that both live in a task, which ends with its reader.
        tokio::spawn(async move { copy_out(options, query, begun, pieces).await });
        let begins = tokio::time::timeout(ANSWER_WITHIN, begins).await;
        let begins = begins.map_err(|_| FetchFault::Call(CallFault::TimedOut))?;
        begins.unwrap_or(Err(FetchFault::Call(CallFault::Broken)))?;
        Ok(Fetched::File { etag: None, modified: None, body: Box::new(Rows(receiver)) })
    }
}

impl SourceSql {
    /// How to reach the database, at an address that may be reached.
    async fn options(&self, place: &SourcePlace) -> Result<PgConnectOptions, FetchFault> {
        let SourcePlace::Postgres { host, port, database, user, password, tls, .. } = place else {
            return Err(FetchFault::NotHere);
        };
        let found = tokio::net::lookup_host((host.as_str(), *port)).await;
        let mut found = found.map_err(|_| FetchFault::Call(CallFault::NotConnected))?;
        let at = found
            .find(|at| self.private || is_public(at.ip()))
            .ok_or(FetchFault::Call(CallFault::Forbidden))?;
        Ok(PgConnectOptions::new_without_pgpass()
            .host(&at.ip().to_string())
            .port(at.port())
            .database(database)
            .username(user)
            .password(&password.0)
            .ssl_mode(if *tls { PgSslMode::Require } else { PgSslMode::Disable })
            .application_name("hongyan")
            .options([("default_transaction_read_only", "on"), ("statement_timeout", STATEMENT_MILLIS)])
            // A statement may hold what nobody should read in a log.
            .disable_statement_logging())
    }
}

/// Tells first whether there is anything, then all of it.
async fn copy_out(
    options: PgConnectOptions,
    query: String,
    begun: oneshot::Sender<Result<(), FetchFault>>,
    pieces: mpsc::Sender<io::Result<Option<Vec<u8>>>>,
) {
    let mut connection = match connect(&options, &query).await {
        Ok(connection) => connection,
        Err(error) => return tell(begun, Err(fault_of(&error))),
    };
    // On a line of its own, so that a comment at the query's end does not swallow what follows.
    let copy = format!("COPY (\n{query}\n) TO STDOUT WITH (FORMAT csv, HEADER true, ENCODING 'UTF8')");
    let mut rows = match connection.copy_out_raw(&copy).await {
        Ok(rows) => rows,
        Err(error) => return tell(begun, Err(fault_of(&error))),
    };
    tell(begun, Ok(()));
    loop {
        let piece = match rows.next().await {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes.to_vec())),
            // Only its code: what the server says may quote a row.
            Some(Err(error)) => Err(io::Error::other(fault_of(&error).to_string())),
        };
        let is_over = !matches!(piece, Ok(Some(_)));
        // Without a reader the connection is dropped, and the server ends the query.
        if pieces.send(piece).await.is_err() || is_over {
            return;
        }
    }
}

fn tell(begun: oneshot::Sender<Result<(), FetchFault>>, answer: Result<(), FetchFault>) {
    // Whoever asked may have gone.
    let _ = begun.send(answer);
}

/// Connects, in a transaction that only reads; the query is looked at alone first, since a prepared statement is one
/// statement: nothing can follow it when it stands inside another.
async fn connect(options: &PgConnectOptions, query: &str) -> Result<PgConnection, SqlError> {
    let mut connection = PgConnection::connect_with(options).await?;
    connection.execute("BEGIN READ ONLY").await?;
    connection.prepare(AssertSqlSafe(query.to_owned()).into_sql_str()).await?;
    Ok(connection)
}

fn fault_of(error: &SqlError) -> FetchFault {
    match error {
        SqlError::Database(error) => match pg::code(&**error) {
            // Class 28: who we are; 42501: what we may.
            code if code.starts_with("28") => FetchFault::Denied(401),
            code => FetchFault::Query(code),
        },
        SqlError::Io(_) => FetchFault::Call(CallFault::NotConnected),
        _ => FetchFault::Call(CallFault::Broken),
    }
}

struct Rows(mpsc::Receiver<io::Result<Option<Vec<u8>>>>);

#[async_trait]
impl Pieces for Rows {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        // Without a word about its end, the rest is lost.
        self.0.recv().await.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    }
}
