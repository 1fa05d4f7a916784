//! Adding and updating people by phone.
//!
//! Rows come prepared and in order of their phone index. Most rows of an import are new: each is inserted first, and
//! only when its phone is there already is the old row looked at. When the import says nothing else than what is
//! stored, the stored bytes are the same, so that such a row is neither opened nor written.

use domain::control::{ControlError, Upserted};
use domain::ids::{AccountId, ContactId, ImportId};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, params};

use super::reader::contact_record;
use super::sql;
use crate::bulk::merge::Stored;
use crate::bulk::prepare::{Prepared, Upsert};
use crate::bulk::record::{TABLE, seal_contact};
use crate::error::of_bulk;
use crate::reading::json;
use sealing::{Sealer, TableSealer};

pub(super) fn apply(
    upsert: &Upsert,
    connection: &Connection,
    sealer: &Sealer,
) -> Result<Upserted, ControlError> {
    let mut tags = Tagging::new(connection, upsert)?;
    let mut insert = connection.prepare_cached(sql::INSERT_CONTACT).map_err(|e| of_bulk(&e))?;
    let sealer = sealer.for_table(TABLE);
    let mut done = Upserted::default();
    for row in &upsert.rows {
        let list = upsert.tag_list(row);
        let values = params![
            row.id.raw(),
            upsert.of.account.raw(),
            row.phone_index,
            seal_contact(&sealer, row.id, upsert.plain(row)),
            ToSqlOutput::Borrowed(ValueRef::Text(upsert.queryable(row))),
            list.json,
            upsert.of.import.map(ImportId::raw),
            upsert.of.now.millis(),
        ];
        if insert.execute(values).map_err(|e| of_bulk(&e))? == 1 {
            done.new += 1;
            tags.put(row.id, list.places.iter().copied());
        } else {
            done.updated += 1;
            merge(upsert, connection, &sealer, row, &mut tags)?;
        }
    }
    tags.write(connection)?;
    Ok(done)
}

/// A row that changes nothing is not written.
fn merge(
    upsert: &Upsert,
    connection: &Connection,
    sealer: &TableSealer,
    row: &Prepared,
    tags: &mut Tagging,
) -> Result<(), ControlError> {
    let account = upsert.of.account;
    let mut find = connection.prepare_cached(sql::FIND_CONTACT).map_err(|e| of_bulk(&e))?;
    let found = find.query_row(params![account.raw(), row.phone_index], |found| {
        let same = upsert.says_the_same(sealer, row, &stored(found)?);
        if same { Ok(None) } else { contact_record(found).map(Some) }
    });
    let Some(record) = found.map_err(|e| of_bulk(&e))? else { return Ok(()) };
    let old = record.open(sealer, account)?;
    let Some(new) = upsert.merged(sealer, row, &old)? else { return Ok(()) };
    let mut update = connection.prepare_cached(sql::UPDATE_CONTACT).map_err(|e| of_bulk(&e))?;
    let values = params![
        old.id.raw(),
        account.raw(),
        new.sealed,
        new.queryable,
        new.tags,
        upsert.of.import.map(ImportId::raw),
        upsert.of.now.millis(),
    ];
    update.execute(values).map_err(|e| of_bulk(&e))?;
    tags.put(old.id, new.added.into_iter());
    Ok(())
}

fn stored<'a>(row: &'a Row<'_>) -> rusqlite::Result<Stored<'a>> {
    Ok(Stored {
        id: ContactId::from_raw(row.get("id")?),
        sealed: row.get_ref("sealed")?.as_bytes()?,
        queryable: row.get_ref("queryable")?.as_bytes()?,
        tags: row.get_ref("tags")?.as_bytes()?,
    })
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
