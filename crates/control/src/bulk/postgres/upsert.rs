//! Adding and updating people by phone, a slice at a time.
//!
//! Rows come in order of their phone index. All are inserted in one statement, which skips those whose phone is there;
//! these are locked, read, changed in memory row by row as their import has them, and written back.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::control::Upserted;
use domain::ids::{AccountId, ContactId, ImportId};
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::{Done, contact_record, sql};
use crate::bulk::merge::Stored;
use crate::bulk::prepare::{Prepared, Upsert};
use crate::bulk::record::{ContactRecord, TABLE, seal_contact};
use sealing::{Sealer, TableSealer};

pub(super) async fn apply(upsert: &Upsert, db: &mut PgConnection, sealer: &Sealer) -> Done<Upserted> {
    let sealer = sealer.for_table(TABLE);
    let mut tags = Tagging::new(upsert, db).await?;
    let fresh = insert(upsert, db, &sealer).await?;
    let known: Vec<&Prepared> = upsert.rows.iter().filter(|row| !fresh.contains(&row.id.raw())).collect();
    for row in upsert.rows.iter().filter(|row| fresh.contains(&row.id.raw())) {
        tags.put(row.id, upsert.tag_list(row).places.iter().copied());
    }
    if !known.is_empty() {
        merge(upsert, db, &sealer, &known, &mut tags).await?;
    }
    tags.write(upsert.of.account, db).await?;
    Ok(Upserted { new: fresh.len() as u64, updated: known.len() as u64 })
}

/// Returns the ids of those that are new.
async fn insert(upsert: &Upsert, db: &mut PgConnection, sealer: &TableSealer) -> Done<HashSet<i64>> {
    let count = upsert.rows.len();
    let (mut ids, mut phones) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut sealed, mut queryable) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut tags = Vec::with_capacity(count);
    for row in &upsert.rows {
        ids.push(row.id.raw());
        phones.push(row.phone_index);
        sealed.push(seal_contact(sealer, row.id, upsert.plain(row)));
        queryable.push(upsert.queryable_text(row)?);
        tags.push(upsert.tag_list(row).json.as_str());
    }
    let query = sqlx::query(sql::INSERT_CONTACTS).bind(upsert.of.account.raw());
    let query = query.bind(upsert.of.import.map(ImportId::raw)).bind(upsert.of.now.millis());
    let query = query.bind(ids).bind(phones).bind(sealed).bind(queryable).bind(tags);
    Ok(query.fetch_all(db).await?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Rows of one phone change it one after the other; a person whom none of them changes is not written.
async fn merge(
    upsert: &Upsert,
    db: &mut PgConnection,
    sealer: &TableSealer,
    rows: &[&Prepared],
    tags: &mut Tagging,
) -> Done<()> {
    let account = upsert.of.account;
    let phones: BTreeSet<i64> = rows.iter().map(|row| row.phone_index).collect();
    let phones: Vec<i64> = phones.into_iter().collect();
    let query = sqlx::query(sql::LOCK_CONTACTS).bind(account.raw()).bind(phones);
    let mut people: HashMap<i64, ContactRecord> = HashMap::with_capacity(rows.len());
    for row in query.fetch_all(&mut *db).await? {
        people.insert(row.try_get(7)?, contact_record(&row)?);
    }
    let mut changed = BTreeSet::new();
    for row in rows {
        // Removed between the two statements: the next import adds the person.
        let Some(record) = people.get_mut(&row.phone_index) else { continue };
        let stored = Stored {
            id: record.id,
            sealed: &record.sealed,
            queryable: record.queryable.as_bytes(),
            tags: record.tags.as_bytes(),
        };
        if upsert.says_the_same(sealer, row, &stored) {
            continue;
        }
        let old = record.open(sealer, account)?;
        let Some(new) = upsert.merged(sealer, row, &old)? else { continue };
        (record.sealed, record.queryable, record.tags) = (new.sealed, new.queryable, new.tags);
        tags.put(record.id, new.added.into_iter());
        changed.insert(row.phone_index);
    }
    people.retain(|phone_index, _| changed.contains(phone_index));
    update(upsert, db, people.into_values().collect()).await
}

async fn update(upsert: &Upsert, db: &mut PgConnection, people: Vec<ContactRecord>) -> Done<()> {
    if people.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = people.iter().map(|record| record.id.raw()).collect();
    let sealed: Vec<&[u8]> = people.iter().map(|record| record.sealed.as_slice()).collect();
    let queryable: Vec<&str> = people.iter().map(|record| record.queryable.as_str()).collect();
    let tags: Vec<&str> = people.iter().map(|record| record.tags.as_str()).collect();
    let query = sqlx::query(sql::UPDATE_CONTACTS).bind(upsert.of.account.raw());
    let query = query.bind(upsert.of.import.map(ImportId::raw)).bind(upsert.of.now.millis());
    query.bind(ids).bind(sealed).bind(queryable).bind(tags).execute(db).await?;
    Ok(())
}

/// The tags of one command and who gets them.
struct Tagging {
    /// By place in [`Upsert::tags`].
    ids: Vec<i64>,
    /// Tag and contact.
    people: BTreeSet<(i64, i64)>,
}

impl Tagging {
    async fn new(upsert: &Upsert, db: &mut PgConnection) -> Done<Self> {
        if upsert.tags.is_empty() {
            return Ok(Self { ids: Vec::new(), people: BTreeSet::new() });
        }
        let account = upsert.of.account.raw();
        let by_name: BTreeMap<&str, i64> =
            upsert.tags.iter().map(|(name, fresh)| (name.as_str(), *fresh)).collect();
        let (names, fresh): (Vec<&str>, Vec<i64>) = by_name.into_iter().unzip();
        let insert = sqlx::query(sql::INSERT_TAGS).bind(account).bind(fresh).bind(&names);
        insert.execute(&mut *db).await?;
        let mut known: HashMap<String, i64> = HashMap::with_capacity(names.len());
        for row in sqlx::query(sql::FIND_TAGS).bind(account).bind(&names).fetch_all(db).await? {
            known.insert(row.try_get(1)?, row.try_get(0)?);
        }
        let ids = upsert.tags.iter().map(|(name, fresh)| known.get(name).copied().unwrap_or(*fresh));
        Ok(Self { ids: ids.collect(), people: BTreeSet::new() })
    }

    fn put(&mut self, contact: ContactId, places: impl Iterator<Item = usize>) {
        places.for_each(|place| {
            self.people.insert((self.ids[place], contact.raw()));
        });
    }

    /// Links the people and counts those who did not have the tag.
    async fn write(self, account: AccountId, db: &mut PgConnection) -> Done<()> {
        if self.people.is_empty() {
            return Ok(());
        }
        let (tags, contacts): (Vec<i64>, Vec<i64>) = self.people.into_iter().unzip();
        let link = sqlx::query(sql::TAG_CONTACTS).bind(account.raw()).bind(tags).bind(contacts);
        let mut added: BTreeMap<i64, i64> = BTreeMap::new();
        for row in link.fetch_all(&mut *db).await? {
            *added.entry(row.try_get(0)?).or_default() += 1;
        }
        if added.is_empty() {
            return Ok(());
        }
        let (tags, people): (Vec<i64>, Vec<i64>) = added.into_iter().unzip();
        sqlx::query(sql::LOCK_TAGS).bind(&tags).execute(&mut *db).await?;
        sqlx::query(sql::COUNT_TAGGED).bind(&tags).bind(people).execute(db).await?;
        Ok(())
    }
}
