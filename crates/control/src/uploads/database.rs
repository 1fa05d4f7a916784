//! The pieces of uploaded files in tables: `upload_piece` as they come, a row of `upload` once all of them are there.

use std::future::Future;
use std::io;
use std::sync::Arc;

use domain::ids::{AccountId, ImportId};
use domain::time::Timestamp;
use pg::{Tries, begin, may_pass};
use sea_orm::sqlx::{self, Error as SqlError, PgPool, Row as _};
use sealing::Sealer;
use sealing::upload::{PiecesIn, PiecesOut, SealedReader, SealedWriter};
use tokio::runtime::Handle;

/// Pieces of one statement: a mebibyte, so that a large file takes few round trips and a small one little memory.
const PIECES_AT_ONCE: usize = 16;
/// Files of one statement when they expire: some hundred thousand pieces at the very most.
const FILES_AT_ONCE: i64 = 20;

pg::statements! {
    UPLOAD_IS_THERE = "SELECT EXISTS (SELECT FROM upload WHERE id = $1)";
    FIND_UPLOAD = "SELECT pieces, bytes FROM upload WHERE id = $1 AND account = $2";
    INSERT_UPLOAD = "INSERT INTO upload (id, account, pieces, bytes) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    INSERT_PIECES = "INSERT INTO upload_piece (upload, number, sealed) SELECT $1::bigint, u.number, u.sealed FROM UNNEST ($2::bigint[], $3::bytea[]) u (number, sealed) ON CONFLICT DO NOTHING";
    FIND_PIECE = "SELECT sealed FROM upload_piece WHERE upload = $1 AND number = $2";
    DELETE_PIECES = "DELETE FROM upload_piece WHERE upload = ANY ($1::bigint[])";
    DELETE_UPLOADS = "DELETE FROM upload WHERE id = ANY ($1::bigint[])";
    /// Files that were never completed have pieces only. Every file has a first piece.
    UPLOADS_BEFORE = "SELECT DISTINCT p.upload FROM upload_piece p WHERE p.upload < $1 AND p.number = 0 ORDER BY p.upload LIMIT $2";
}

/// Files in the database. Its calls block, and are made from threads that may.
pub(super) struct SealedTable {
    rows: Rows,
    sealer: Arc<Sealer>,
}

/// The way to the database from a thread that is no task.
#[derive(Clone)]
struct Rows {
    pool: PgPool,
    runtime: Handle,
}

impl Rows {
    /// Repeating what is asked changes nothing that was done, so it is tried again when that may help.
    fn ask<T, F: Future<Output = Result<T, SqlError>>>(&self, ask: impl Fn() -> F) -> io::Result<T> {
        self.runtime.block_on(async {
            let mut tries = Tries::default();
            loop {
                match ask().await {
                    Err(error) if may_pass(&error) && tries.again().await => {}
                    // No message of the driver holds what a file says: it never had it unsealed.
                    done => return done.map_err(io::Error::other),
                }
            }
        })
    }
}

impl SealedTable {
    /// Called on the runtime that the pool belongs to.
    pub(super) fn new(pool: PgPool, sealer: Arc<Sealer>) -> Self {
        Self { rows: Rows { pool, runtime: Handle::current() }, sealer }
    }

    /// A new file; complete only after its `flush`.
    pub(super) fn create(&self, account: AccountId, id: ImportId) -> io::Result<SealedWriter<PiecesToTable>> {
        let there = || async move {
            sqlx::query(UPLOAD_IS_THERE).bind(id.raw()).fetch_one(&self.rows.pool).await?.try_get(0)
        };
        if self.rows.ask(there)? {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "this upload is complete already"));
        }
        let out = PiecesToTable { rows: self.rows.clone(), account, id, first: 0, waiting: Vec::new() };
        Ok(SealedWriter::new(&self.sealer, account, id, out))
    }

    /// A complete file of this account; `NotFound` when it has expired, never was, or belongs to another account.
    pub(super) fn read(&self, account: AccountId, id: ImportId) -> io::Result<SealedReader<PiecesInTable>> {
        let find =
            || sqlx::query(FIND_UPLOAD).bind(id.raw()).bind(account.raw()).fetch_optional(&self.rows.pool);
        let row = self.rows.ask(find)?;
        let row = row.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such upload"))?;
        let count = |column: usize| {
            u64::try_from(row.try_get::<i64, _>(column).map_err(io::Error::other)?).map_err(io::Error::other)
        };
        let pieces = PiecesInTable { rows: self.rows.clone(), id, pieces: count(0)?, bytes: count(1)? };
        SealedReader::new(&self.sealer, account, id, pieces)
    }

    /// Removes complete and partial files whose id was made before `before`. Returns how many.
    pub(super) fn expire(&self, before: Timestamp) -> io::Result<u64> {
        let mut gone = 0;
        loop {
            let files = self.rows.ask(|| remove(&self.rows.pool, ImportId::first_at(before)))?;
            gone += files;
            if files < FILES_AT_ONCE.unsigned_abs() {
                return Ok(gone);
            }
        }
    }
}

async fn remove(pool: &PgPool, before: ImportId) -> Result<u64, SqlError> {
    let mut connection = pool.acquire().await?;
    let mut transaction = begin(&mut connection).await?;
    let found = sqlx::query(UPLOADS_BEFORE)
        .bind(before.raw())
        .bind(FILES_AT_ONCE)
        .fetch_all(&mut *transaction)
        .await?;
    let files = found.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    for statement in [DELETE_UPLOADS, DELETE_PIECES] {
        sqlx::query(statement).bind(&files).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(files.len() as u64)
}

/// A file on its way into the table.
pub(super) struct PiecesToTable {
    rows: Rows,
    account: AccountId,
    id: ImportId,
    /// The number of the first of those that wait.
    first: i64,
    waiting: Vec<Vec<u8>>,
}

impl PiecesToTable {
    fn write(&mut self) -> io::Result<()> {
        let pieces = std::mem::take(&mut self.waiting);
        let end = self.first + pieces.len() as i64;
        let numbers: Vec<i64> = (self.first..end).collect();
        let insert = || {
            let rows = sqlx::query(INSERT_PIECES).bind(self.id.raw()).bind(&numbers).bind(&pieces);
            rows.execute(&self.rows.pool)
        };
        self.rows.ask(insert)?;
        self.first = end;
        Ok(())
    }
}

impl PiecesOut for PiecesToTable {
    fn put(&mut self, sealed: Vec<u8>) -> io::Result<()> {
        self.waiting.push(sealed);
        if self.waiting.len() < PIECES_AT_ONCE { Ok(()) } else { self.write() }
    }

    fn complete(&mut self, bytes: u64) -> io::Result<()> {
        self.write()?;
        let bytes = i64::try_from(bytes).map_err(io::Error::other)?;
        let insert = || {
            let row = sqlx::query(INSERT_UPLOAD).bind(self.id.raw()).bind(self.account.raw());
            row.bind(self.first).bind(bytes).execute(&self.rows.pool)
        };
        self.rows.ask(insert).map(drop)
    }

    /// Its pieces are removed when they expire: whoever gives up may have lost the database.
    fn give_up(&mut self) {}
}

/// A complete file.
pub(super) struct PiecesInTable {
    rows: Rows,
    id: ImportId,
    pieces: u64,
    bytes: u64,
}

impl PiecesIn for PiecesInTable {
    fn pieces(&self) -> u64 {
        self.pieces
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn get(&mut self, piece: u64) -> io::Result<Vec<u8>> {
        let number = i64::try_from(piece).map_err(io::Error::other)?;
        let find =
            || sqlx::query(FIND_PIECE).bind(self.id.raw()).bind(number).fetch_optional(&self.rows.pool);
        let row = self.rows.ask(find)?;
        // Expired under the reader, or damaged.
        let row = row
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a piece of the upload is missing"))?;
        row.try_get(0).map_err(io::Error::other)
    }
}
