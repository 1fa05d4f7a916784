//! Reading contacts by the page, on connections that only read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::control::{Contact, ContactFilter, ControlError};
use domain::ids::{AccountId, ContactId, ImportId};
use domain::phone::Phone;
use domain::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use super::sql;
use crate::control::document::Attributes;
use crate::control::error::{of_bulk, of_sealed};
use crate::control::open::BUSY_TIMEOUT;
use crate::control::pack::{Unpack, put_pairs};
use crate::control::reading::Reading;
use crate::sealing::{Sealer, TableSealer};

pub(super) const TABLE: &str = "contact";
/// First byte of what is sealed of a contact.
const FORMAT: u8 = 1;
/// Connections kept for the next page; more are opened when more read at once, and closed after.
const IDLE_CONNECTIONS: usize = 2;

/// Pages of contacts. Blocking: call from a thread that may block.
pub(in crate::control) struct BulkReader {
    file: PathBuf,
    sealer: Arc<Sealer>,
    idle: Mutex<Vec<Connection>>,
}

impl BulkReader {
    pub(in crate::control) fn new(file: &Path, sealer: Arc<Sealer>) -> Self {
        Self { file: file.to_owned(), sealer, idle: Mutex::default() }
    }

    pub(in crate::control) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(in crate::control) fn contacts(
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
        let sealer = self.sealer.for_table(TABLE);
        let mut contacts: Vec<Contact> =
            records.into_iter().map(|record| record.open(&sealer, account)).collect::<Result<_, _>>()?;
        if let Some(phone) = filter.phone {
            let any = |contact: &Contact| filter.tags.iter().any(|tag| contact.tags.contains(tag));
            contacts.retain(|contact| {
                let later = filter.after.is_none_or(|after| contact.id > after);
                contact.phone == phone && later && (filter.tags.is_empty() || any(contact))
            });
        }
        Ok(contacts)
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
        Ok(find.query_row(place, ContactRecord::from_row).optional()?.into_iter().collect())
    }
}

fn after(
    connection: &Connection,
    account: AccountId,
    after: Option<ContactId>,
    limit: u32,
) -> rusqlite::Result<Vec<ContactRecord>> {
    let place = params![account.raw(), after.map_or(0, ContactId::raw), limit];
    connection.prepare_cached(sql::CONTACTS_AFTER)?.query_map(place, ContactRecord::from_row)?.collect()
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
    first.map(|id: i64| by_id.query_row(params![id, account.raw()], ContactRecord::from_row)).collect()
}

/// A contact's row, closed.
pub(super) struct ContactRecord {
    id: ContactId,
    sealed: Vec<u8>,
    queryable: String,
    tags: String,
    import: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl ContactRecord {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: ContactId::from_raw(row.get(0)?),
            sealed: row.get(1)?,
            queryable: row.get(2)?,
            tags: row.get(3)?,
            import: row.get(4)?,
            created_at: row.get(5)?,
            updated_at: row.get(6)?,
        })
    }

    pub(super) fn open(self, sealer: &TableSealer, account: AccountId) -> Result<Contact, ControlError> {
        let reading = Reading(TABLE);
        let (phone, personal) = open_contact(sealer, self.id, &self.sealed)?;
        Ok(Contact {
            id: self.id,
            account,
            phone,
            personal,
            queryable: reading.json::<Attributes>("queryable", &self.queryable)?.0,
            tags: reading.json("tags", &self.tags)?,
            import: self.import.map(ImportId::from_raw),
            created_at: Timestamp::from_millis(self.created_at),
            updated_at: Timestamp::from_millis(self.updated_at),
        })
    }
}

/// Phone and personal attributes in one value, which is sealed before it is stored.
pub(super) fn put_contact(plain: &mut Vec<u8>, phone: Phone, personal: &[(String, String)]) {
    plain.push(FORMAT);
    plain.extend_from_slice(&phone.to_u64().to_le_bytes());
    put_pairs(plain, personal);
}

/// What [`put_contact`] packed.
pub(super) fn read_contact(plain: &[u8]) -> Result<(Phone, Vec<(String, String)>), ControlError> {
    unpack_contact(plain).ok_or_else(|| Reading(TABLE).odd("sealed"))
}

/// The sealed column of a contact's row.
pub(super) fn seal_contact(sealer: &TableSealer, id: ContactId, plain: &[u8]) -> Vec<u8> {
    sealer.seal(&id.raw().to_be_bytes(), plain)
}

fn open_contact(
    sealer: &TableSealer,
    id: ContactId,
    sealed: &[u8],
) -> Result<(Phone, Vec<(String, String)>), ControlError> {
    read_contact(&sealer.open(&id.raw().to_be_bytes(), sealed).map_err(|e| of_sealed(&e))?)
}

fn unpack_contact(plain: &[u8]) -> Option<(Phone, Vec<(String, String)>)> {
    let mut rest = Unpack(plain);
    if rest.byte()? != FORMAT {
        return None;
    }
    let found = (Phone::from_u64(rest.number()?)?, rest.pairs()?);
    rest.is_done().then_some(found)
}
