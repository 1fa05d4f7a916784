//! What receipts and answers teach about phones: rows of their own, added and removed without the partition's lock.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::PartitionId;
use domain::numbers::{KNOWN_FOR, Lesson, NumberFacts, day};
use domain::phone::Carrier;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::database::number;
use super::fault::Done;
use super::sql;
use crate::moves::fault::{Fault, Outcome};
use crate::moves::life::{carrier_code, carrier_from};
use crate::moves::sweep::STEP_ROWS;

const DEAD: i16 = 1;
const NOT_OF: i16 = 2;

/// Phone index, kind, item: the key of a row.
pub(super) type NumberKey = (i64, i16, i64);

/// The lessons of one transaction.
#[derive(Default)]
pub(super) struct Lessons {
    /// With their instants.
    added: BTreeMap<NumberKey, i64>,
    /// Phones that showed life, before what is in `added`.
    alive: BTreeSet<i64>,
}

impl Lessons {
    pub(super) fn learn(&mut self, phone_index: i64, lesson: Lesson, at: Timestamp) {
        match lesson {
            Lesson::Alive => {
                self.added.retain(|(phone, kind, _), _| *phone != phone_index || *kind != DEAD);
                self.alive.insert(phone_index);
            }
            Lesson::Dead => {
                self.added.entry((phone_index, DEAD, day(at))).or_insert(at.millis());
            }
            Lesson::NotOf(carrier) => {
                let item = i64::from(carrier_code(carrier));
                self.added.insert((phone_index, NOT_OF, item), at.millis());
            }
        }
    }

    pub(super) fn alive(&self) -> Vec<i64> {
        self.alive.iter().copied().collect()
    }

    pub(super) fn has_alive(&self) -> bool {
        !self.alive.is_empty()
    }

    /// Writes what was added, after the phones that showed life were seen to.
    pub(super) async fn write(&self, db: &mut PgConnection, partition: i32) -> Done<()> {
        if self.added.is_empty() {
            return Ok(());
        }
        let phones: Vec<i64> = self.added.keys().map(|(phone, ..)| *phone).collect();
        let kinds: Vec<i16> = self.added.keys().map(|(_, kind, _)| *kind).collect();
        let items: Vec<i64> = self.added.keys().map(|(.., item)| *item).collect();
        let at: Vec<i64> = self.added.values().copied().collect();
        let query = sqlx::query(sql::NUMBER_ADD).bind(partition).bind(phones).bind(kinds);
        query.bind(items).bind(at).execute(db).await?;
        Ok(())
    }
}

/// Takes a row in.
pub(super) fn add(facts: &mut NumberFacts, kind: i16, item: i64, at: i64) -> Outcome<()> {
    let at = Timestamp::from_millis(at);
    match kind {
        DEAD => facts.failures.push(at),
        NOT_OF => {
            let carrier = u8::try_from(item).ok().and_then(carrier_from);
            let carrier = carrier.ok_or_else(|| Fault::inconsistent("number", "item", "names no carrier"))?;
            facts.not_of.push((carrier, at));
        }
        _ => return Err(Fault::inconsistent("number", "kind", "unknown code")),
    }
    Ok(())
}

/// As [`NumberFacts`] keeps them.
pub(super) fn in_order(facts: &mut NumberFacts) {
    facts.failures.sort_unstable();
    facts.not_of.sort_unstable();
}

/// The rows of what is known of a number: kind, item, instant.
pub(crate) fn lesson_rows(facts: &NumberFacts) -> Vec<(i64, i64, i64)> {
    let dead = facts.failures.iter().map(|at| (i64::from(DEAD), day(*at), at.millis()));
    let not_of = |(carrier, at): &(Carrier, Timestamp)| {
        (i64::from(NOT_OF), i64::from(carrier_code(*carrier)), at.millis())
    };
    dead.chain(facts.not_of.iter().map(not_of)).collect()
}

/// A phone wrote to us.
pub(super) async fn alive(db: &mut PgConnection, partition: PartitionId, phone_index: i64) -> Done<()> {
    sqlx::query(sql::NUMBER_ALIVE).bind(number(partition)).bind(phone_index).execute(db).await?;
    Ok(())
}

/// Walks round through the rows, some at every sweep, and drops what is too old to say anything. Returns where it stands.
pub(super) async fn retire(
    db: &mut PgConnection,
    partition: PartitionId,
    from: Option<NumberKey>,
    now: Timestamp,
) -> Done<Option<NumberKey>> {
    let (phone, kind, item) = from.unwrap_or((i64::MIN, 0, 0));
    let query = sqlx::query(sql::NUMBER_PAGE).bind(number(partition)).bind(phone).bind(kind).bind(item);
    let rows = query.bind(i64::from(STEP_ROWS)).fetch_all(&mut *db).await?;
    let before = now.minus(KNOWN_FOR).millis();
    let (mut old, mut last) = (BTreeSet::new(), None);
    for row in &rows {
        let key: NumberKey = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if row.try_get::<i64, _>(3)? < before {
            old.insert(key.0);
        }
        last = (rows.len() == STEP_ROWS as usize).then_some(key);
    }
    if !old.is_empty() {
        let phones: Vec<i64> = old.into_iter().collect();
        let query = sqlx::query(sql::NUMBER_DROP).bind(number(partition)).bind(phones);
        query.bind(before).execute(db).await?;
    }
    Ok(last)
}
