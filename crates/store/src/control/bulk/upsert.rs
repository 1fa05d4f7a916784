//! Adding and updating people by phone.
//!
//! Rows come prepared and in order of their phone index. Most rows of an import are new: each is inserted first, and
//! only when its phone is there already is the old row looked at. When the import says nothing else than what is
//! stored, the stored bytes are the same, so that such a row is neither opened nor written.

use domain::control::{ControlError, Upserted};
use domain::ids::{AccountId, ContactId, ImportId};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, params};

use super::prepare::{Prepared, Upsert};
use super::reader::{ContactRecord, TABLE, put_contact, read_contact, seal_contact};
use super::sql;
use crate::control::document::Attributes;
use crate::control::error::of_bulk;
use crate::control::reading::{Reading, json};
use crate::sealing::{Sealer, TableSealer};

impl Upsert {
    pub(super) fn apply(&self, connection: &Connection, sealer: &Sealer) -> Result<Upserted, ControlError> {
        let mut tags = Tagging::new(connection, self)?;
        let mut insert = connection.prepare_cached(sql::INSERT_CONTACT).map_err(|e| of_bulk(&e))?;
        let sealer = sealer.for_table(TABLE);
        let mut done = Upserted::default();
        for row in &self.rows {
            let list = self.tag_list(row);
            let values = params![
                row.id.raw(),
                self.of.account.raw(),
                row.phone_index,
                seal_contact(&sealer, row.id, self.plain(row)),
                self.queryable_text(row),
                list.json,
                self.of.import.map(ImportId::raw),
                self.of.now.millis(),
            ];
            if insert.execute(values).map_err(|e| of_bulk(&e))? == 1 {
                done.new += 1;
                tags.put(row.id, list.places.iter().copied());
            } else {
                done.updated += 1;
                self.merge(connection, &sealer, row, &mut tags)?;
            }
        }
        tags.write(connection)?;
        Ok(done)
    }

    /// New values replace those of the same name; a row that changes nothing is not written.
    fn merge(
        &self,
        connection: &Connection,
        sealer: &TableSealer,
        row: &Prepared,
        tags: &mut Tagging,
    ) -> Result<(), ControlError> {
        let mut find = connection.prepare_cached(sql::FIND_CONTACT).map_err(|e| of_bulk(&e))?;
        let place = params![self.of.account.raw(), row.phone_index];
        let found = find.query_row(place, |found| {
            let same = self.says_the_same(sealer, row, found)?;
            if same { Ok(None) } else { ContactRecord::from_row(found).map(Some) }
        });
        let Some(record) = found.map_err(|e| of_bulk(&e))? else { return Ok(()) };
        let old = record.open(sealer, self.of.account)?;
        let (phone, personal) = read_contact(self.plain(row))?;
        if phone != old.phone {
            // Two phones with one keyed index: never seen, and never to be taken for one person.
            return Err(Reading(TABLE).odd("phone_index"));
        }
        let mut new = old.clone();
        replace(&mut new.personal, personal);
        replace(&mut new.queryable, self.queryable_pairs(row)?);
        let places = self.tag_list(row).places.iter().copied();
        let added: Vec<usize> = places.filter(|place| !old.tags.contains(&self.tags[*place].0)).collect();
        new.tags.extend(added.iter().map(|place| self.tags[*place].0.clone()));
        if new == old {
            return Ok(());
        }
        let mut update = connection.prepare_cached(sql::UPDATE_CONTACT).map_err(|e| of_bulk(&e))?;
        let mut plain = Vec::new();
        put_contact(&mut plain, old.phone, &new.personal);
        let values = params![
            old.id.raw(),
            self.of.account.raw(),
            seal_contact(sealer, old.id, &plain),
            json(&Attributes(new.queryable)),
            json(&new.tags),
            self.of.import.map(ImportId::raw),
            self.of.now.millis(),
        ];
        update.execute(values).map_err(|e| of_bulk(&e))?;
        tags.put(old.id, added.into_iter());
        Ok(())
    }

    /// Whether the stored row is what this one would be as a new one with the same id: sealing gives the same bytes
    /// for the same row and content.
    fn says_the_same(
        &self,
        sealer: &TableSealer,
        row: &Prepared,
        stored: &Row<'_>,
    ) -> rusqlite::Result<bool> {
        if stored.get_ref("queryable")?.as_bytes()? != self.queryable(row)
            || stored.get_ref("tags")?.as_bytes()? != self.tag_list(row).json.as_bytes()
        {
            return Ok(false);
        }
        let id = ContactId::from_raw(stored.get("id")?);
        Ok(stored.get_ref("sealed")?.as_bytes()? == seal_contact(sealer, id, self.plain(row)))
    }

    fn queryable_text(&self, row: &Prepared) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Text(self.queryable(row)))
    }

    fn queryable_pairs(&self, row: &Prepared) -> Result<Vec<(String, String)>, ControlError> {
        let pairs = serde_json::from_slice::<Attributes>(self.queryable(row));
        pairs.map(|attributes| attributes.0).map_err(|_| Reading(TABLE).odd("queryable"))
    }
}

fn replace(old: &mut Vec<(String, String)>, new: Vec<(String, String)>) {
    for (name, value) in new {
        match old.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => *place = value,
            None => old.push((name, value)),
        }
    }
}

/// The tags of one command and who gets them; written together, tag by tag, because every tag has a place of its own
/// at which its people lie.
struct Tagging {
    account: AccountId,
    ids: Vec<i64>,
    people: Vec<Vec<i64>>,
}

impl Tagging {
    fn new(connection: &Connection, upsert: &Upsert) -> Result<Self, ControlError> {
        let account = upsert.of.account;
        let find_or_insert = |(name, fresh): &(String, i64)| {
            connection.prepare_cached(sql::INSERT_TAG)?.execute(params![fresh, account.raw(), name])?;
            let place = params![account.raw(), name];
            connection.prepare_cached(sql::FIND_TAG)?.query_row(place, |row| row.get(0))
        };
        let ids: rusqlite::Result<Vec<i64>> = upsert.tags.iter().map(find_or_insert).collect();
        Ok(Self { account, ids: ids.map_err(|e| of_bulk(&e))?, people: vec![Vec::new(); upsert.tags.len()] })
    }

    fn put(&mut self, contact: ContactId, places: impl Iterator<Item = usize>) {
        places.for_each(|place| self.people[place].push(contact.raw()));
    }

    /// Links the people and counts those who did not have the tag.
    fn write(self, connection: &Connection) -> Result<(), ControlError> {
        let write = |(tag, mut people): (i64, Vec<i64>)| {
            people.sort_unstable();
            let mut link = connection.prepare_cached(sql::TAG_CONTACTS)?;
            let added = link.execute(params![tag, json(&people), self.account.raw()])?;
            let added = i64::try_from(added).unwrap_or(i64::MAX);
            connection.prepare_cached(sql::COUNT_TAGGED)?.execute(params![tag, added])
        };
        let tagged = self.ids.into_iter().zip(self.people).filter(|(_, people)| !people.is_empty());
        tagged.map(write).try_for_each(|written| written.map(drop)).map_err(|e| of_bulk(&e))
    }
}
