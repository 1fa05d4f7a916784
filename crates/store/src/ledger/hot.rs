//! The statements that nearly every message needs, prepared once per transaction, and direct access to the `life`
//! column: a step reads and overwrites that record in place, without decoding the rest of its row.

use rusqlite::blob::Blob;
use rusqlite::{CachedStatement, Connection, MAIN_DB};

use super::accept::blob;
use super::fault::{Fault, Outcome};
use super::sql;
use crate::moves::life::Life;

/// For one transaction; must be gone before it commits.
pub(super) struct Hot<'c> {
    connection: &'c Connection,
    pub message_add: CachedStatement<'c>,
    pub queue_add: CachedStatement<'c>,
    pub person_read: CachedStatement<'c>,
    pub person_write: CachedStatement<'c>,
    pub handed_add: CachedStatement<'c>,
    pub part_add: CachedStatement<'c>,
    pub part_find: CachedStatement<'c>,
    life_read: CachedStatement<'c>,
    life_write: CachedStatement<'c>,
    /// A handle on one row's `life`, and which row.
    life: Option<(i64, Blob<'c>)>,
}

impl<'c> Hot<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> Outcome<Self> {
        Ok(Self {
            connection,
            message_add: connection.prepare_cached(sql::MESSAGE_ADD)?,
            queue_add: connection.prepare_cached(sql::QUEUE_ADD)?,
            person_read: connection.prepare_cached(sql::PERSON_READ)?,
            person_write: connection.prepare_cached(sql::PERSON_WRITE)?,
            handed_add: connection.prepare_cached(sql::HANDED_ADD)?,
            part_add: connection.prepare_cached(sql::PART_ADD)?,
            part_find: connection.prepare_cached(sql::PART_FIND)?,
            life_read: connection.prepare_cached(sql::LIFE_READ)?,
            life_write: connection.prepare_cached(sql::LIFE_WRITE)?,
            life: None,
        })
    }

    /// Reads a message's record; `buffer` is scratch space.
    pub(super) fn load_life(&mut self, id: i64, buffer: &mut Vec<u8>) -> Outcome<Option<Life>> {
        if let Some(handle) = self.handle(id)? {
            buffer.resize(handle.len(), 0);
            if handle.read_at_exact(buffer, 0).is_ok() {
                return Life::unpack(buffer).map(Some).ok_or_else(Fault::unreadable_life);
            }
        }
        self.life = None;
        let mut rows = self.life_read.query([id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Life::unpack(blob(row, 0)?).map(Some).ok_or_else(Fault::unreadable_life)
    }

    /// Writes a message's packed record: in place when its length is the same, which it nearly always is.
    pub(super) fn store_life(&mut self, id: i64, packed: &[u8]) -> Outcome<()> {
        if let Some(handle) = self.handle(id)?
            && handle.len() == packed.len()
        {
            handle.write_at(packed, 0)?;
            return Ok(());
        }
        self.life = None;
        let written = self.life_write.execute(rusqlite::params![id, packed])?;
        if written == 1 { Ok(()) } else { Err(Fault::inconsistent("message", "id", "a message vanished")) }
    }

    /// The rest of a row was written by a statement: a handle on it is of no use any more.
    pub(super) fn let_go(&mut self) {
        self.life = None;
    }

    /// A handle on the row, if it can be had; whatever stands in the way, the statements say it properly. But after some
    /// errors (a read that failed, an interruption) SQLite has rolled the transaction back by itself: then going on
    /// would commit each statement alone.
    fn handle(&mut self, id: i64) -> Outcome<Option<&mut Blob<'c>>> {
        let handle = match self.life.take() {
            Some((at, handle)) if at == id => Ok(handle),
            Some((_, mut handle)) => handle.reopen(id).map(|()| handle),
            None => self.connection.blob_open(MAIN_DB, c"message", c"life", id, false),
        };
        match handle {
            Ok(handle) => self.life = Some((id, handle)),
            Err(error) if self.connection.is_autocommit() => return Err(error.into()),
            Err(_) => {}
        }
        Ok(self.life.as_mut().map(|(_, handle)| handle))
    }
}
