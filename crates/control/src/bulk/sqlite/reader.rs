//! Reading contacts by the page, on connections that only read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::control::{Contact, ContactFilter, ControlError};
use domain::ids::{AccountId, ContactId};
use domain::phone::{Phone, Slot};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use super::sql;
use crate::bulk::record::{ContactRecord, TABLE, open_page};
use crate::error::of_bulk;
use crate::open::BUSY_TIMEOUT;
use sealing::Sealer;

/// Connections kept for the next page; more are opened when more read at once, and closed after.
const IDLE_CONNECTIONS: usize = 2;

/// Pages of contacts. Blocking: call from a thread that may block.
pub(super) struct BulkReader {
    file: PathBuf,
    sealer: Arc<Sealer>,
    idle: Mutex<Vec<Connection>>,
}

impl BulkReader {
    pub(super) fn new(file: &Path, sealer: Arc<Sealer>) -> Self {
        Self { file: file.to_owned(), sealer, idle: Mutex::default() }
    }

    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        limit: u32,
    ) -> Result<Vec<Contact>, ControlError> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect().map_err(|e| of_bulk(&e))?,
        };
        let records = self.page(&connection, account, filter, limit).map_err(|e| of_bulk(&e))?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(connection);
        }
        drop(idle);
        open_page(&records, &self.sealer.for_table(TABLE), account, filter)
    }

    /// One snapshot; and one lock for the page, not one for each of its rows.
    fn page(
        &self,
        connection: &Connection,
        account: AccountId,
        filter: &ContactFilter,
        limit: u32,
    ) -> rusqlite::Result<Vec<ContactRecord>> {
        connection.execute_batch(sql::BEGIN_READ)?;
        let records = match filter.phone {
            Some(phone) => self.by_phone(connection, account, phone),
            None if filter.tags.is_empty() => after(connection, account, filter.after, limit),
            None => tagged(connection, account, filter, limit),
        };
        connection.execute_batch(sql::COMMIT)?;
        records
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    }

    fn by_phone(
        &self,
        connection: &Connection,
        account: AccountId,
        phone: Phone,
    ) -> rusqlite::Result<Vec<ContactRecord>> {
        let place = params![account.raw(), self.sealer.phone_index(phone)];
        let mut find = connection.prepare_cached(sql::FIND_CONTACT)?;
        Ok(find.query_row(place, contact_record).optional()?.into_iter().collect())
    }
}

fn after(
    connection: &Connection,
    account: AccountId,
    after: Option<ContactId>,
    limit: u32,
) -> rusqlite::Result<Vec<ContactRecord>> {
    let place = params![account.raw(), after.map_or(0, ContactId::raw), limit];
    connection.prepare_cached(sql::CONTACTS_AFTER)?.query_map(place, contact_record)?.collect()
}

/// The next people of each tag, merged: whoever is among the first of all is among the first of one.
fn tagged(
    connection: &Connection,
    account: AccountId,
    filter: &ContactFilter,
    limit: u32,
) -> rusqlite::Result<Vec<ContactRecord>> {
    let start = filter.after.map_or(0, ContactId::raw);
    let mut people = BTreeSet::new();
    for name in &filter.tags {
        let place = params![account.raw(), name];
        let mut find = connection.prepare_cached(sql::FIND_TAG)?;
        let Some(tag) = find.query_row(place, |row| row.get::<_, i64>(0)).optional()? else { continue };
        let mut next = connection.prepare_cached(sql::TAGGED_AFTER)?;
        for contact in next.query_map(params![tag, start, account.raw(), limit], |row| row.get(0))? {
            people.insert(contact?);
        }
    }
    let mut by_id = connection.prepare_cached(sql::CONTACT_BY_ID)?;
    let first = people.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX));
    first.map(|id: i64| by_id.query_row(params![id, account.raw()], contact_record)).collect()
}

/// The index and the slot of every contact's phone.
///
/// # Errors
/// [`ControlError`] when the file cannot be read or a phone not be opened.
pub fn phone_slots(
    db: &Connection,
    sealer: &Sealer,
    mut found: impl FnMut(i64, Slot),
) -> Result<(), ControlError> {
    let sealer = sealer.for_table(TABLE);
    let mut read = db.prepare(sql::PHONES).map_err(|e| of_bulk(&e))?;
    let mut rows = read.query([]).map_err(|e| of_bulk(&e))?;
    while let Some(row) = rows.next().map_err(|e| of_bulk(&e))? {
        let record = contact_record(row).map_err(|e| of_bulk(&e))?;
        let phone_index = row.get(7).map_err(|e| of_bulk(&e))?;
        found(phone_index, record.open(&sealer, AccountId::from_raw(0))?.phone.slot());
    }
    Ok(())
}

pub(super) fn contact_record(row: &Row<'_>) -> rusqlite::Result<ContactRecord> {
    Ok(ContactRecord {
        id: ContactId::from_raw(row.get(0)?),
        sealed: row.get(1)?,
        queryable: row.get(2)?,
        tags: row.get(3)?,
        import: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}
