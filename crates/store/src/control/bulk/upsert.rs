//! Adding and updating people by phone.
//!
//! Rows are prepared in the caller's time (id, phone index, sealing) and sorted by phone index, so that the one
//! randomly placed B-tree is walked in order while ids still ascend. Most rows of an import are new: each is inserted
//! first, and only when its phone is there already is the old row opened, merged and written again.

use std::collections::HashMap;

use domain::control::{ContactRow, ControlError, Upserted};
use domain::ids::{AccountId, ContactId, IdGenerator, ImportId};
use domain::phone::{Phone, SLOT_COUNT, Slot};
use domain::time::Timestamp;
use rusqlite::{CachedStatement, Connection, params};

use super::reader::{ContactRecord, open_contact, seal_contact};
use super::sql;
use crate::control::document::Attributes;
use crate::control::error::of_bulk;
use crate::control::reading::{Reading, json};
use crate::sealing::{Sealer, TableSealer};

/// People of one account, ready to be written.
pub(in crate::control) struct Upsert {
    account: AccountId,
    import: Option<ImportId>,
    now: Timestamp,
    /// The names of all tags used, each with the id that it gets when it is new.
    tags: Vec<(String, i64)>,
    rows: Vec<Prepared>,
}

struct Prepared {
    /// When the phone is new.
    id: ContactId,
    phone_index: i64,
    sealed: Vec<u8>,
    queryable: String,
    tag_names: String,
    /// Places in [`Upsert::tags`].
    tags: Vec<usize>,
}

/// Everything that needs no database: ids, keyed indexes, sealing.
pub(in crate::control) fn prepare(
    sealer: &Sealer,
    ids: &IdGenerator,
    account: AccountId,
    import: Option<ImportId>,
    rows: Vec<ContactRow>,
    now: Timestamp,
) -> Upsert {
    let contact_sealer = sealer.for_table(super::reader::TABLE);
    let mut indexed: Vec<(i64, ContactRow)> =
        rows.into_iter().map(|row| (sealer.phone_index(row.phone), row)).collect();
    indexed.sort_unstable_by_key(|(index, _)| *index);
    let mut tags = TagNames::default();
    let count = indexed.len();
    let prepared = indexed.into_iter().enumerate().map(|(place, (phone_index, row))| {
        let id = ContactId::from(ids.next(now, ascending_slot(place, count)));
        let used = tags.places(&row.tags);
        let names: Vec<&str> = used.iter().map(|place| tags.names[*place].as_str()).collect();
        Prepared {
            id,
            phone_index,
            sealed: seal_contact(&contact_sealer, id, row.phone, &row.personal),
            queryable: json(&Attributes(row.queryable)),
            tag_names: json(&names),
            tags: used,
        }
    });
    let rows = prepared.collect();
    let tags = tags.names.into_iter().map(|name| (name, ContactId::from(ids.fresh(now)).raw())).collect();
    Upsert { account, import, now, tags, rows }
}

/// A contact's id names no slot that anybody reads; these make the ids of one batch ascend in the batch's order.
fn ascending_slot(place: usize, count: usize) -> Slot {
    let slot = place * usize::from(SLOT_COUNT) / count.max(1);
    u16::try_from(slot)
        .ok()
        .and_then(Slot::new)
        .expect("place is below count, so the slot is below SLOT_COUNT")
}

#[derive(Default)]
struct TagNames {
    names: Vec<String>,
    known: HashMap<String, usize>,
}

impl TagNames {
    /// Without repetition, in the row's order.
    fn places(&mut self, row: &[String]) -> Vec<usize> {
        let mut places = Vec::with_capacity(row.len());
        for name in row {
            let place = match self.known.get(name) {
                Some(place) => *place,
                None => {
                    self.names.push(name.clone());
                    self.known.insert(name.clone(), self.names.len() - 1);
                    self.names.len() - 1
                }
            };
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }
}

impl Upsert {
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn apply(&self, connection: &Connection, sealer: &Sealer) -> Result<Upserted, ControlError> {
        let mut tags = Tagging::new(connection, self)?;
        let mut insert = connection.prepare_cached(sql::INSERT_CONTACT).map_err(|e| of_bulk(&e))?;
        let sealer = sealer.for_table(super::reader::TABLE);
        let mut done = Upserted::default();
        for row in &self.rows {
            let values = params![
                row.id.raw(),
                self.account.raw(),
                row.phone_index,
                row.sealed,
                row.queryable,
                row.tag_names,
                self.import.map(ImportId::raw),
                self.now.millis(),
            ];
            if insert.execute(values).map_err(|e| of_bulk(&e))? == 1 {
                done.new += 1;
                tags.put(row.id, row.tags.iter().copied())?;
            } else {
                done.updated += 1;
                self.merge(connection, &sealer, row, &mut tags)?;
            }
        }
        tags.count(connection)?;
        Ok(done)
    }

    /// New values replace those of the same name; a row that changes nothing is not written.
    fn merge(
        &self,
        connection: &Connection,
        sealer: &TableSealer,
        row: &Prepared,
        tags: &mut Tagging<'_>,
    ) -> Result<(), ControlError> {
        let mut find = connection.prepare_cached(sql::FIND_CONTACT).map_err(|e| of_bulk(&e))?;
        let place = params![self.account.raw(), row.phone_index];
        let found = find.query_row(place, ContactRecord::from_row).map_err(|e| of_bulk(&e))?;
        let old = found.open(sealer, self.account)?;
        let said = row.open(sealer)?;
        if said.phone != old.phone {
            // Two phones with one keyed index: never seen, and never to be taken for one person.
            return Err(Reading(super::reader::TABLE).odd("phone_index"));
        }
        let mut new = old.clone();
        replace(&mut new.personal, said.personal);
        replace(&mut new.queryable, said.queryable);
        let added = row.tags.iter().copied().filter(|place| !old.tags.contains(&self.tags[*place].0));
        let added: Vec<usize> = added.collect();
        new.tags.extend(added.iter().map(|place| self.tags[*place].0.clone()));
        if new == old {
            return Ok(());
        }
        let mut update = connection.prepare_cached(sql::UPDATE_CONTACT).map_err(|e| of_bulk(&e))?;
        let values = params![
            old.id.raw(),
            self.account.raw(),
            seal_contact(sealer, old.id, old.phone, &new.personal),
            json(&Attributes(new.queryable)),
            json(&new.tags),
            self.import.map(ImportId::raw),
            self.now.millis(),
        ];
        update.execute(values).map_err(|e| of_bulk(&e))?;
        tags.put(old.id, added.into_iter())
    }
}

impl Prepared {
    /// What the import says of a person that is there already. Rows travel sealed, since few of them need this.
    fn open(&self, sealer: &TableSealer) -> Result<Said, ControlError> {
        let (phone, personal) = open_contact(sealer, self.id, &self.sealed)?;
        let queryable = Reading(super::reader::TABLE).json::<Attributes>("queryable", &self.queryable)?.0;
        Ok(Said { phone, personal, queryable })
    }
}

struct Said {
    phone: Phone,
    personal: Vec<(String, String)>,
    queryable: Vec<(String, String)>,
}

fn replace(old: &mut Vec<(String, String)>, new: Vec<(String, String)>) {
    for (name, value) in new {
        match old.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => *place = value,
            None => old.push((name, value)),
        }
    }
}

/// The tags of one command, with how many people got each.
struct Tagging<'c> {
    account: AccountId,
    ids: Vec<i64>,
    people: Vec<i64>,
    link: CachedStatement<'c>,
}

impl<'c> Tagging<'c> {
    fn new(connection: &'c Connection, upsert: &Upsert) -> Result<Self, ControlError> {
        let account = upsert.account;
        let find_or_insert = |(name, fresh): &(String, i64)| {
            connection.prepare_cached(sql::INSERT_TAG)?.execute(params![fresh, account.raw(), name])?;
            let place = params![account.raw(), name];
            connection.prepare_cached(sql::FIND_TAG)?.query_row(place, |row| row.get(0))
        };
        let ids: rusqlite::Result<Vec<i64>> = upsert.tags.iter().map(find_or_insert).collect();
        let link = connection.prepare_cached(sql::TAG_CONTACT).map_err(|e| of_bulk(&e))?;
        Ok(Self { account, ids: ids.map_err(|e| of_bulk(&e))?, people: vec![0; upsert.tags.len()], link })
    }

    fn put(&mut self, contact: ContactId, places: impl Iterator<Item = usize>) -> Result<(), ControlError> {
        for place in places {
            let values = params![self.ids[place], contact.raw(), self.account.raw()];
            let added = self.link.execute(values).map_err(|e| of_bulk(&e))?;
            self.people[place] += i64::try_from(added).expect("one row at most is added");
        }
        Ok(())
    }

    fn count(self, connection: &Connection) -> Result<(), ControlError> {
        let mut count = connection.prepare_cached(sql::COUNT_TAGGED).map_err(|e| of_bulk(&e))?;
        for (tag, people) in self.ids.iter().zip(&self.people).filter(|(_, people)| **people > 0) {
            count.execute(params![tag, people]).map_err(|e| of_bulk(&e))?;
        }
        Ok(())
    }
}
