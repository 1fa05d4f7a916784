//! The ledger: each file holds the slots that leave the same rest modulo the number of files, and each partition of the
//! new place those of one file or of a part of one. Messages, and all that names one, go where the slot in their id
//! says; what is kept by phone alone goes where its phone is known to live, and where it is not known, to every partition
//! that it could live in: nobody looks for it in the others.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use domain::channel::CarrierMessageId;
use domain::ids::{MessageId, PartitionId, PartitionMap};
use domain::phone::{Phone, Slot};
use domain::policy::{PersonFacts, Recent};
use rusqlite::{Connection, OptionalExtension as _};

use super::CopyError;
use super::cell::{Cell, Row};
use super::ddl;
use super::source::{Source, Turned};
use crate::moves::life::Life;
use crate::moves::person::{self, pack_recent, unpack_recent};
use crate::moves::{INBOUND_TABLE, MESSAGE_TABLE, SUPPRESSION_TABLE, sealed};
use crate::postgres::{carrier_id_bytes, lesson_rows};
use crate::sealing::{Sealer, TableSealer};
use control::Shape;

/// By their place in [`TARGETS`].
pub(super) const LANE: usize = 0;
const MESSAGE: usize = 1;
const QUEUE: usize = 2;
const PERSON: usize = 3;
const RECENT: usize = 4;
const PART: usize = 5;
const EARLY: usize = 6;
const OVERDUE: usize = 7;
const TALLY: usize = 8;
const SUPPRESSION: usize = 9;
const INBOUND: usize = 10;
const ORIGIN: usize = 11;
const WAITING: usize = 12;
const CODE: usize = 13;
const NUMBER: usize = 14;
const LISTENER: usize = 15;
const ALLOWANCE: usize = 16;

/// The tables of the new place.
const TARGETS: [&str; 17] = [
    "ledger_lane",
    "ledger_message",
    "ledger_queue",
    "ledger_person",
    "ledger_recent",
    "ledger_part",
    "ledger_early",
    "ledger_overdue",
    "ledger_tally",
    "ledger_suppression",
    "ledger_inbound",
    "ledger_origin",
    "ledger_waiting",
    "ledger_code",
    "ledger_number",
    "ledger_listener",
    "ledger_allowance",
];

/// The tables of a file, in the order in which they are copied. Their rows are turned by the order of their columns.
const FILES: [&str; 16] = [
    "lane",
    "message",
    "queue",
    "person",
    "handed",
    "part",
    "early",
    "overdue",
    "tally",
    "suppression",
    "inbound",
    "origin",
    "waiting",
    "code",
    "listener",
    "allowance",
];

/// How many tables of a file there are.
pub(super) const TABLES: usize = FILES.len();

/// The tables of the new place as its schema makes them.
pub(super) fn targets() -> Vec<Shape> {
    named(&TARGETS, &ddl::tables(crate::postgres::schema_statements()))
}

fn named(names: &[&str], tables: &[Shape]) -> Vec<Shape> {
    names.iter().filter_map(|name| tables.iter().find(|table| table.name == *name).cloned()).collect()
}

/// Where the rows of one file go.
#[derive(Clone)]
pub(super) struct Moving {
    pub(super) sealer: Arc<Sealer>,
    /// Of the files.
    pub(super) from: PartitionMap,
    /// Of the new place; a multiple.
    pub(super) to: PartitionMap,
    pub(super) file: PartitionId,
}

/// A table of a file, by its place in [`FILES`]. `phones`: where the phones of people live, as far as it is known.
pub(super) fn source(
    moving: &Moving,
    path: &Path,
    table: usize,
    phones: HashMap<i64, Slot>,
) -> Result<Source, CopyError> {
    let name = FILES[table];
    let shape = named(&[name], &ddl::tables(crate::ledger::schema_statements()));
    let shape = shape.first().ok_or(CopyError::Odd("schema"))?;
    let columns: Vec<&str> = shape.columns.iter().map(|(name, _)| name.as_str()).collect();
    let key: Vec<&str> = shape.key.iter().map(String::as_str).collect();
    let turner = Turner {
        moving: moving.clone(),
        messages: moving.sealer.for_table(MESSAGE_TABLE),
        suppressions: moving.sealer.for_table(SUPPRESSION_TABLE),
        inbounds: moving.sealer.for_table(INBOUND_TABLE),
        phones,
    };
    let turn = Box::new(move |db: &Connection, row: &Row| turner.turn(table, db, row));
    Source::new(format!("p{:03}/{name}", moving.file.0), path, name, &columns, &key, turn)
}

/// Whether the people of a file have to be looked up before they are copied.
pub(super) fn asks_for_phones(moving: &Moving, table: usize) -> bool {
    FILES[table] == "person" && moving.from.len() != moving.to.len()
}

struct Turner {
    moving: Moving,
    messages: Arc<TableSealer>,
    suppressions: Arc<TableSealer>,
    inbounds: Arc<TableSealer>,
    phones: HashMap<i64, Slot>,
}

impl Turner {
    fn turn(&self, table: usize, db: &Connection, row: &Row) -> Result<Turned, CopyError> {
        match FILES[table] {
            "lane" => Ok(self.everywhere(LANE, &flagged(row, 11))),
            "message" => self.message(row),
            "queue" => Ok(vec![(QUEUE, self.at_message(int(row, 3), row.clone()))]),
            "person" => self.person(row),
            "handed" => self.handed(db, row),
            "part" => {
                let to = vec![row[0].clone(), carrier_id(&row[1])?, row[2].clone(), row[3].clone()];
                Ok(vec![(PART, self.at_message(int(row, 2), to))])
            }
            "early" => {
                let mut to = row.clone();
                to[1] = carrier_id(&row[1])?;
                Ok(self.everywhere(EARLY, &to))
            }
            "overdue" => Ok(vec![(OVERDUE, self.at_message(int(row, 1), row.clone()))]),
            // Sums over many phones: they lie with the first partition of their file, and are read over all.
            "tally" => Ok(vec![(TALLY, placed(self.moving.file, flagged(row, 7)))]),
            // With the counters of what was drawn on it.
            "allowance" => Ok(vec![(ALLOWANCE, placed(self.moving.file, row.clone()))]),
            "suppression" => {
                let phone = opened(&self.suppressions, int(row, 0), &row[9], SUPPRESSION_TABLE)?;
                Ok(vec![(SUPPRESSION, self.at_slot(phone.slot(), row.clone()))])
            }
            "origin" => Ok(vec![(ORIGIN, self.at_message(int(row, 0), row.clone()))]),
            // Sums over many phones, as those of tallies.
            "code" => Ok(vec![(CODE, placed(self.moving.file, row.clone()))]),
            // Its number names the slot of its phone, whatever it is.
            "waiting" => Ok(vec![(WAITING, self.at_message(int(row, 3), row.clone()))]),
            "listener" => self.listener(db, row),
            "inbound" => {
                let phone = opened(&self.inbounds, int(row, 0), &row[10], INBOUND_TABLE)?;
                let mut to = flagged(row, 8);
                to[4] = carrier_id(&row[4])?;
                Ok(vec![(INBOUND, self.at_slot(phone.slot(), to))])
            }
            other => Err(CopyError::Odd(other)),
        }
    }

    fn message(&self, row: &Row) -> Result<Turned, CopyError> {
        let id = MessageId::from_raw(int(row, 0));
        let phone = sealed::phone_of(&self.messages, id.raw(), bytes(row, 5))
            .map_err(|_| CopyError::Odd(MESSAGE_TABLE))?;
        let life = Life::unpack(bytes(row, 1)).ok_or(CopyError::Odd(MESSAGE_TABLE))?;
        let mut packed = Vec::new();
        life.pack_tight(&mut packed);
        let to = vec![
            row[0].clone(),
            Cell::Int(self.moving.sealer.phone_index(phone)),
            row[2].clone(),
            row[3].clone(),
            row[4].clone(),
            Cell::Bytes(packed),
            row[5].clone(),
        ];
        Ok(vec![(MESSAGE, self.at_message(id.raw(), to))])
    }

    fn person(&self, row: &Row) -> Result<Turned, CopyError> {
        let phone_index = int(row, 0);
        let mut facts = person::unpack(bytes(row, 1)).ok_or(CopyError::Odd("person"))?;
        let recents = std::mem::take(&mut facts.recents);
        let number = std::mem::take(&mut facts.number);
        let sent = recents.first().map(|recent| recent.message.slot());
        let slot = sent.or_else(|| self.phones.get(&phone_index).copied());
        let mut turned: Turned =
            recents.iter().map(|recent| (RECENT, self.recent(phone_index, recent))).collect();
        if facts != PersonFacts::default() {
            let mut packed = Vec::new();
            person::pack(&facts, &mut packed);
            let to = vec![row[0].clone(), Cell::Bytes(packed)];
            match slot {
                Some(slot) => turned.push((PERSON, self.at_slot(slot, to))),
                None => turned.extend(self.everywhere(PERSON, &to)),
            }
        }
        for (kind, item, at) in lesson_rows(&number) {
            let to = vec![Cell::Int(phone_index), Cell::Int(kind), Cell::Int(item), Cell::Int(at)];
            match slot {
                Some(slot) => turned.push((NUMBER, self.at_slot(slot, to))),
                None => turned.extend(self.everywhere(NUMBER, &to)),
            }
        }
        Ok(turned)
    }

    /// One that was carried into its person's row already is copied with that.
    fn handed(&self, db: &Connection, row: &Row) -> Result<Turned, CopyError> {
        let phone_index = int(row, 1);
        let recent = unpack_recent(bytes(row, 2)).ok_or(CopyError::Odd("handed"))?;
        let mut read = db.prepare_cached("SELECT facts FROM person WHERE phone_index = ?1")?;
        let known: Option<Vec<u8>> = read.query_row([phone_index], |row| row.get(0)).optional()?;
        let known = known.as_deref().and_then(person::unpack).unwrap_or_default();
        if known.recents.iter().any(|known| known.message == recent.message) {
            return Ok(Turned::new());
        }
        Ok(vec![(RECENT, self.recent(phone_index, &recent))])
    }

    /// Who listens goes on listening. Events stay behind: a reader with a place among them is told that they are gone.
    fn listener(&self, db: &Connection, row: &Row) -> Result<Turned, CopyError> {
        let mut to = flagged(row, 1);
        to[2] = Cell::Int(last_event(db)?);
        Ok(self.everywhere(LISTENER, &to))
    }

    fn recent(&self, phone_index: i64, recent: &Recent) -> Row {
        let to = vec![
            Cell::Int(phone_index),
            Cell::Int(recent.message.raw()),
            Cell::Int(recent.handed_at.millis()),
            Cell::Bytes(pack_recent(recent).to_vec()),
        ];
        self.at_message(recent.message.raw(), to)
    }

    fn at_message(&self, id: i64, row: Row) -> Row {
        self.at_slot(MessageId::from_raw(id).slot(), row)
    }

    fn at_slot(&self, slot: Slot, row: Row) -> Row {
        placed(self.moving.to.of(slot), row)
    }

    fn everywhere(&self, table: usize, row: &Row) -> Turned {
        self.moving.partitions().map(|id| (table, placed(id, row.clone()))).collect()
    }
}

impl Moving {
    /// Those of the new place that hold slots of this file.
    pub(super) fn partitions(&self) -> impl Iterator<Item = PartitionId> + use<> {
        let (file, files) = (self.file.0, self.from.len());
        self.to.all().filter(move |id| id.0 % files == file)
    }
}

fn placed(partition: PartitionId, row: Row) -> Row {
    std::iter::once(Cell::Int(i64::from(partition.0))).chain(row).collect()
}

fn int(row: &Row, place: usize) -> i64 {
    if let Some(Cell::Int(number)) = row.get(place) { *number } else { 0 }
}

fn bytes(row: &Row, place: usize) -> &[u8] {
    if let Some(Cell::Bytes(bytes)) = row.get(place) { bytes } else { &[] }
}

/// A number that is a flag in the new place.
fn flagged(row: &Row, place: usize) -> Row {
    let mut row = row.clone();
    row[place] = Cell::Flag(int(&row, place) != 0);
    row
}

fn carrier_id(cell: &Cell) -> Result<Cell, CopyError> {
    let id = match cell {
        Cell::Int(number) => CarrierMessageId::Number(number.cast_unsigned()),
        Cell::Text(text) => CarrierMessageId::Text(text.as_str().into()),
        _ => return Err(CopyError::Odd("carrier_id")),
    };
    Ok(Cell::Bytes(carrier_id_bytes(&id)))
}

fn opened(sealer: &TableSealer, id: i64, cell: &Cell, table: &'static str) -> Result<Phone, CopyError> {
    let Cell::Bytes(bytes) = cell else { return Err(CopyError::Odd(table)) };
    sealed::phone_of(sealer, id, bytes).map_err(|_| CopyError::Odd(table))
}

/// No event of a file has a greater number, nor may any in the new place have a smaller one.
pub(super) fn last_event(db: &Connection) -> Result<i64, CopyError> {
    let next: i64 = db.query_row("SELECT next_event FROM partition", [], |row| row.get(0))?;
    Ok(next + crate::ledger::EVENT_GAP)
}

/// Where the suppressed phones of a file live.
pub(super) fn suppressed(
    moving: &Moving,
    db: &Connection,
    phones: &mut HashMap<i64, Slot>,
) -> Result<(), CopyError> {
    let sealer = moving.sealer.for_table(SUPPRESSION_TABLE);
    let mut read = db.prepare("SELECT id, phone_index, sealed FROM suppression")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let (id, phone_index): (i64, i64) = (row.get(0)?, row.get(1)?);
        let phone = opened(&sealer, id, &Cell::Bytes(row.get(2)?), SUPPRESSION_TABLE)?;
        phones.insert(phone_index, phone.slot());
    }
    Ok(())
}
