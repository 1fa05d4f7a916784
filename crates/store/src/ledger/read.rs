//! Reading beside the writers: a few read-only connections per partition, every look bounded in rows, so that no
//! reader holds the log back for long.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{
    AccountId, CampaignId, ChannelId, ContactId, EntityId, GatewayId, InboundId, LaneId, MessageId,
};
use domain::ledger::{InboundRecord, LastSent, MessageFilter, MessageRecord, SuppressionRecord, Tally};
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::{PersonFacts, Scope, Suppressed, SuppressionSource};
use domain::text::ends_with_opt_out;
use domain::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use super::accept::{blob, unreadable};
use super::fault::{Fault, Outcome};
use super::handed::SharedHandOvers;
use super::life::Life;
use super::parts::carrier_id_from;
use super::{INBOUND_TABLE, SUPPRESSION_TABLE, person, sealed, sql, tally};
use crate::sealing::{Sealer, TableSealer};

/// Idle connections kept per partition.
const KEPT: usize = 2;
/// Messages looked at for one page of a listing: under 250 ms even from a cold disk.
const PAGE_ROWS: u32 = 10_000;
/// Answers to "what was this phone sent" (the port's bound).
const LAST_SENT: usize = 20;

/// Readers of one partition.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    sealer: Arc<Sealer>,
    hand_overs: SharedHandOvers,
    messages: Arc<TableSealer>,
}

/// Part of a listing: what matched, and up to which id everything was looked at (`None`: to the end).
pub(super) struct Page {
    pub records: Vec<MessageRecord>,
    pub through: Option<MessageId>,
}

impl Readers {
    pub(super) fn new(path: &Path, sealer: &Arc<Sealer>, hand_overs: SharedHandOvers) -> Self {
        Self {
            path: path.into(),
            idle: Mutex::default(),
            sealer: Arc::clone(sealer),
            hand_overs,
            messages: sealer.for_table(super::MESSAGE_TABLE),
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
        let life = Life::unpack(blob(row, 1)?).ok_or_else(unreadable)?;
        let record = self.record(row, &life)?;
        Ok(Some(record).filter(|record| record.account == account))
    }

    pub(super) fn page(&self, db: &Connection, filter: &MessageFilter, limit: u32) -> Outcome<Page> {
        let after = filter.after.map_or(-1, MessageId::raw);
        let mut read = db.prepare_cached(sql::MESSAGE_PAGE)?;
        let mut rows = read.query(params![after, PAGE_ROWS])?;
        let mut page = Page { records: Vec::new(), through: None };
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            let id = MessageId::from_raw(row.get(0)?);
            seen += 1;
            if self.matches(row, id, filter)? {
                let life = Life::unpack(blob(row, 1)?).ok_or_else(unreadable)?;
                if filter.state.is_none_or(|state| life.state == state) {
                    let record = self.record(row, &life)?;
                    if filter.phone.is_none_or(|phone| record.phone == phone) {
                        page.records.push(record);
                    }
                }
            }
            if page.records.len() >= limit as usize || seen == PAGE_ROWS {
                page.through = Some(id);
                break;
            }
        }
        Ok(page)
    }

    /// The conditions that need nothing unpacked.
    fn matches(&self, row: &Row<'_>, id: MessageId, filter: &MessageFilter) -> Outcome<bool> {
        Ok(filter.phone.is_none_or(|phone| phone.slot() == id.slot())
            && row.get::<_, i64>(2)? == filter.account.raw()
            && filter
                .campaign
                .is_none_or(|c| row.get::<_, Option<i64>>(3).is_ok_and(|of| of == Some(c.raw()))))
    }

    fn record(&self, row: &Row<'_>, life: &Life) -> Outcome<MessageRecord> {
        let id: i64 = row.get(0)?;
        let opened = self.messages.open(&id.to_be_bytes(), blob(row, 5)?)?;
        let (phone, text) = sealed::message(&opened)?;
        Ok(MessageRecord {
            id: MessageId::from_raw(id),
            account: AccountId::from_raw(row.get(2)?),
            lane: life.lane,
            campaign: row.get::<_, Option<i64>>(3)?.map(CampaignId::from_raw),
            contact: row.get::<_, Option<i64>>(4)?.map(ContactId::from_raw),
            category: life.category,
            state: life.state,
            reason: life.reason,
            rule: life.rule,
            code: life.code,
            channel: life.channel,
            attempts: life.attempts,
            phone,
            text: text.to_owned(),
            encoding: life.encoding,
            parts: life.parts,
            price: life.price,
            carrier: life.carrier,
            test: life.test,
            possible_duplicate: life.possible_duplicate,
            due_at: life.due_at,
            valid_until: life.valid_until,
            trail: life.trail().ok_or_else(unreadable)?,
        })
    }

    pub(super) fn facts(&self, db: &Connection, phones: &[Phone]) -> Outcome<Vec<PersonFacts>> {
        phones.iter().map(|phone| self.person(db, *phone)).collect()
    }

    fn person(&self, db: &Connection, phone: Phone) -> Outcome<PersonFacts> {
        let phone_index = self.sealer.phone_index(phone);
        let mut read = db.prepare_cached(sql::PERSON_READ)?;
        let mut rows = read.query([phone_index])?;
        let mut facts = match rows.next()? {
            None => PersonFacts::default(),
            Some(row) => person::unpack(blob(row, 0)?)
                .ok_or_else(|| Fault::inconsistent("person", "facts", "not a record of this version"))?,
        };
        self.hand_overs.add_to(phone_index, &mut facts.recents);
        Ok(facts)
    }

    pub(super) fn last_sent(
        &self,
        db: &Connection,
        phone: Phone,
        gateway: GatewayId,
        since: Timestamp,
    ) -> Outcome<Vec<LastSent>> {
        let mut recents = self.person(db, phone)?.recents;
        recents.sort_by_key(|recent| std::cmp::Reverse((recent.handed_at, recent.message)));
        let mut read = db.prepare_cached(sql::MESSAGE_READ)?;
        let mut sent = Vec::new();
        for recent in recents.iter().filter(|recent| recent.handed_at >= since) {
            let mut rows = read.query([recent.message.raw()])?;
            let Some(row) = rows.next()? else { continue };
            let life = Life::unpack(blob(row, 1)?).ok_or_else(unreadable)?;
            let (Some(channel), true) = (life.channel, life.gateway == Some(gateway)) else { continue };
            let record = self.record(row, &life)?;
            sent.push(LastSent {
                message: record.id,
                account: record.account,
                entity: life.entity,
                campaign: record.campaign,
                category: life.category,
                channel,
                handed_at: recent.handed_at,
                offered_opt_out: ends_with_opt_out(&record.text),
            });
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
        let before = before.unwrap_or(Timestamp::FAR_FUTURE).millis();
        let sealer = self.sealer.for_table(SUPPRESSION_TABLE);
        let mut read = db.prepare_cached(sql::SUPPRESSION_PAGE)?;
        let mut rows = read.query(params![account.raw(), before, limit])?;
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

fn suppression(row: &Row<'_>, sealer: &TableSealer) -> Outcome<SuppressionRecord> {
    let bad = |column| Fault::inconsistent("suppression", column, "unreadable");
    let id: i64 = row.get(0)?;
    let opened = sealer.open(&id.to_be_bytes(), blob(row, 8)?)?;
    let (phone, _) = sealed::split(&opened).ok_or_else(|| bad("sealed"))?;
    let category: u8 = row.get(4)?;
    Ok(SuppressionRecord {
        phone,
        account: AccountId::from_raw(row.get(1)?),
        suppressed: Suppressed {
            scope: match row.get(3)? {
                0 => Scope::Operator,
                entity => Scope::Entity(EntityId::from_raw(entity)),
            },
            category: if category == 0 {
                None
            } else {
                Some(Category::from_code(category).ok_or_else(|| bad("category"))?)
            },
            source: SuppressionSource::from_code(row.get(5)?).ok_or_else(|| bad("source"))?,
            at: Timestamp::from_millis(row.get(2)?),
        },
        inbound: row.get::<_, Option<i64>>(6)?.map(InboundId::from_raw),
        lifted_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_millis),
    })
}

fn inbound(row: &Row<'_>, sealer: &TableSealer) -> Outcome<InboundRecord> {
    let bad = || Fault::inconsistent("inbound", "sealed", "unreadable");
    let id: i64 = row.get(0)?;
    let opened = sealer.open(&id.to_be_bytes(), blob(row, 9)?)?;
    let (from, body) = sealed::split(&opened).ok_or_else(bad)?;
    let (to, text) = body.split_once('\n').ok_or_else(bad)?;
    Ok(InboundRecord {
        id: InboundId::from_raw(id),
        account: row.get::<_, Option<i64>>(1)?.map(AccountId::from_raw),
        gateway: GatewayId(row.get(2)?),
        channel: ChannelId(row.get(3)?),
        carrier_id: carrier_id_from(row.get_ref(4)?)?,
        from,
        to: to.into(),
        text: text.to_owned(),
        answers: row.get::<_, Option<i64>>(5)?.map(MessageId::from_raw),
        campaign: row.get::<_, Option<i64>>(6)?.map(CampaignId::from_raw),
        opted_out: row.get(7)?,
        received_at: Timestamp::from_millis(row.get(8)?),
    })
}
