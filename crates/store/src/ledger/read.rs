//! Reading beside the writers: a few read-only connections per partition, every look bounded in rows, so that no
//! reader holds the log back for long.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{AccountId, InboundId, LaneId, MessageId};
use domain::ledger::{
    InboundRecord, LastSent, MessageFilter, MessageRecord, SentOver, SuppressionRecord, Tally,
};
use domain::phone::Phone;
use domain::policy::PersonFacts;
use domain::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use super::accept::blob;
use super::fault::{Fault, Outcome};
use super::handed::{SharedHandOvers, merge};
use super::partition::plan_once;
use super::parts::carrier_id_from;
use super::{sql, tally};
use crate::moves::records::{InboundRow, LAST_SENT, MessageRow, PAGE_ROWS, Page, SuppressionRow, page_end};
use crate::moves::{INBOUND_TABLE, MESSAGE_TABLE, SUPPRESSION_TABLE, person};
use crate::sealing::{Sealer, TableSealer};

/// Idle connections kept per partition.
const KEPT: usize = 2;
/// Readers of one partition.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    pub(super) sealer: Arc<Sealer>,
    hand_overs: SharedHandOvers,
    pub(super) messages: Arc<TableSealer>,
}

impl Readers {
    pub(super) fn new(path: &Path, sealer: &Arc<Sealer>, hand_overs: SharedHandOvers) -> Self {
        Self {
            path: path.into(),
            idle: Mutex::default(),
            sealer: Arc::clone(sealer),
            hand_overs,
            messages: sealer.for_table(MESSAGE_TABLE),
        }
    }

    /// Runs one bounded look on a connection of the pool.
    pub(super) fn look<T>(&self, ask: impl FnOnce(&Self, &Connection) -> Outcome<T>) -> Outcome<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let answer = ask(self, &connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
        answer
    }

    /// Closes the idle connections.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn connect(&self) -> Outcome<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        plan_once(&connection)?;
        connection.execute_batch("PRAGMA cache_size = -1024; PRAGMA query_only = ON;")?;
        Ok(connection)
    }

    pub(super) fn message(
        &self,
        db: &Connection,
        account: AccountId,
        id: MessageId,
    ) -> Outcome<Option<MessageRecord>> {
        let mut read = db.prepare_cached(sql::MESSAGE_READ)?;
        let mut rows = read.query([id.raw()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let row = message_row(row)?;
        let record = row.record(&row.life()?, &self.messages)?;
        Ok(Some(record).filter(|record| record.account == account))
    }

    pub(super) fn page(&self, db: &Connection, filter: &MessageFilter, limit: u32) -> Outcome<Page> {
        let after = filter.after.map_or(-1, MessageId::raw);
        let mut read = db.prepare_cached(sql::MESSAGE_PAGE)?;
        let mut rows = read.query(params![after, PAGE_ROWS])?;
        let mut page = Page::default();
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            let row = message_row(row)?;
            seen += 1;
            if page.add(&row, filter, limit, &self.messages)? || seen == PAGE_ROWS {
                page.through = Some(MessageId::from_raw(row.id));
                break;
            }
        }
        Ok(page)
    }

    pub(super) fn facts(&self, db: &Connection, phones: &[Phone]) -> Outcome<Vec<PersonFacts>> {
        phones.iter().map(|phone| self.person(db, *phone)).collect()
    }

    fn person(&self, db: &Connection, phone: Phone) -> Outcome<PersonFacts> {
        let phone_index = self.sealer.phone_index(phone);
        let in_memory = self.hand_overs.of_phone(phone_index);
        let mut read = db.prepare_cached(sql::PERSON_READ)?;
        let mut rows = read.query([phone_index])?;
        let mut facts = match rows.next()? {
            None => PersonFacts::default(),
            Some(row) => person::unpack(blob(row, 0)?).ok_or_else(Fault::unreadable_person)?,
        };
        in_memory.into_iter().for_each(|entry| merge(entry, &mut facts.recents));
        Ok(facts)
    }

    pub(super) fn last_sent(
        &self,
        db: &Connection,
        phone: Phone,
        over: &SentOver,
        since: Timestamp,
    ) -> Outcome<Vec<LastSent>> {
        let mut recents = self.person(db, phone)?.recents;
        recents.sort_by_key(|recent| std::cmp::Reverse((recent.handed_at, recent.message)));
        let mut read = db.prepare_cached(sql::MESSAGE_READ)?;
        let mut sent = Vec::new();
        for recent in recents.iter().filter(|recent| recent.handed_at >= since) {
            let mut rows = read.query([recent.message.raw()])?;
            let Some(row) = rows.next()? else { continue };
            sent.extend(message_row(row)?.last_sent(recent, over, &self.messages)?);
            if sent.len() == LAST_SENT {
                break;
            }
        }
        Ok(sent)
    }

    pub(super) fn tallies(&self, db: &Connection, lanes: &[LaneId]) -> Outcome<Vec<Tally>> {
        let mut read = db.prepare_cached(sql::TALLY_READ)?;
        let mut tallies = Vec::new();
        for lane in lanes {
            let mut rows = read.query([lane.raw()])?;
            while let Some(row) = rows.next()? {
                tallies.push(tally::from_row(row)?);
            }
        }
        Ok(tallies)
    }

    /// When the newest message, or message from a phone, was made; `None` when there is none.
    pub(super) fn newest(&self, db: &Connection) -> Outcome<Option<Timestamp>> {
        let id: Option<i64> = db.prepare_cached(sql::MESSAGE_LAST)?.query_row([], |row| row.get(0))?;
        Ok(id.map(|id| MessageId::from_raw(id).made_at()))
    }

    pub(super) fn lanes(&self, db: &Connection) -> Outcome<Vec<(domain::lane::Lane, u64)>> {
        super::lane::read_all(db)
    }

    pub(super) fn suppressions(
        &self,
        db: &Connection,
        account: AccountId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Outcome<Vec<SuppressionRecord>> {
        let sealer = self.sealer.for_table(SUPPRESSION_TABLE);
        let mut read = db.prepare_cached(sql::SUPPRESSION_PAGE)?;
        let mut rows = read.query(params![account.raw(), page_end(before), limit])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.push(suppression(row, &sealer)?);
        }
        Ok(records)
    }

    pub(super) fn inbounds(
        &self,
        db: &Connection,
        account: AccountId,
        before: Option<InboundId>,
        limit: u32,
    ) -> Outcome<Vec<InboundRecord>> {
        let sealer = self.sealer.for_table(INBOUND_TABLE);
        let mut read = db.prepare_cached(sql::INBOUND_PAGE)?;
        let before = before.map_or(i64::MAX, InboundId::raw);
        let mut rows = read.query(params![account.raw(), before, limit])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.push(inbound(row, &sealer)?);
        }
        Ok(records)
    }

    /// The schema version of a file, before anything is changed in it.
    pub(super) fn version(path: &Path) -> Outcome<i64> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        super::schema::version(&Connection::open_with_flags(path, flags)?)
    }

    /// A file's own number and the number of partitions that it was made for; `None` of one not yet begun.
    pub(super) fn place(path: &Path) -> Outcome<Option<(u16, u16)>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        if super::schema::version(&db)? == 0 {
            return Ok(None);
        }
        Ok(db.query_row(sql::PARTITION_READ, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }
}

fn message_row<'a>(row: &'a Row<'_>) -> Outcome<MessageRow<'a>> {
    Ok(MessageRow {
        id: row.get(0)?,
        life: blob(row, 1)?,
        account: row.get(2)?,
        campaign: row.get(3)?,
        contact: row.get(4)?,
        sealed: blob(row, 5)?,
    })
}

fn suppression(row: &Row<'_>, sealer: &TableSealer) -> Outcome<SuppressionRecord> {
    let row = SuppressionRow {
        id: row.get(0)?,
        account: row.get(1)?,
        suppressed_at: row.get(2)?,
        scope: row.get(3)?,
        category: row.get(4)?,
        source: row.get(5)?,
        inbound: row.get(6)?,
        lifted_at: row.get(7)?,
        sealed: blob(row, 8)?,
    };
    Ok(row.record(sealer)?)
}

fn inbound(row: &Row<'_>, sealer: &TableSealer) -> Outcome<InboundRecord> {
    let row = InboundRow {
        id: row.get(0)?,
        account: row.get(1)?,
        gateway: row.get(2)?,
        channel: row.get(3)?,
        carrier_id: carrier_id_from(row.get_ref(4)?)?,
        answers: row.get(5)?,
        campaign: row.get(6)?,
        opted_out: row.get(7)?,
        received_at: row.get(8)?,
        sealed: blob(row, 9)?,
    };
    Ok(row.record(sealer)?)
}
