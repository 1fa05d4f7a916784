//! Looks a ledger over from outside: what must hold between its rows, whatever happened to the nodes that wrote them.
//!
//! Reads every row in pages, in one transaction that sees one moment and may change nothing; nodes may be at work
//! meanwhile. What one message costs is a few look-ups in sets; counters and the numbers of open claims are all that is
//! kept in memory. Counters are compared over all partitions: an installation that was copied over has them where its
//! files had them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use domain::ids::{PartitionId, PartitionMap};
use domain::ledger::LedgerError;
use domain::message::MessageState;
use domain::money::Money;
use pg::{PostgresPlace, begin};
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::database::number;
use super::fault::Done;
use super::lanes::small;
use super::open::PostgresOpenError;
use super::{schema, sql, tally};
use crate::moves::fault::Fault;
use crate::moves::life::Life;
use crate::moves::records::scope_code;
use crate::moves::stream::stream_key;
use crate::moves::{INBOUND_TABLE, MESSAGE_TABLE, SUPPRESSION_TABLE, person, sealed};
use crate::sealing::Sealer;
use crate::verified::{Counts, Rule, Verified, misplaced, overdrawn, uncount};

/// Rows of one page.
const PAGE: i64 = 2_000;
/// Receipts that came so lately may be on their way to a part that a node has just added; the next sweep applies them
/// where the node died in between.
const ON_THE_WAY_MILLIS: i64 = 60_000;

/// Lane, `which`, due at, message: where a row of the queue stands.
type Place = (i64, i64, i64, i64);

/// Reads the ledger of a database from end to end.
///
/// # Errors
/// [`PostgresOpenError`] when the database is not there, not this program's, or cannot be read.
pub async fn verify(place: &PostgresPlace, sealer: &Arc<Sealer>) -> Result<Verified, PostgresOpenError> {
    let pool = place.connect()?;
    let map = PartitionMap::new(schema::check(&pool).await?);
    let mut connection = pool.acquire().await?;
    let mut snapshot = begin(&mut connection).await?;
    sqlx::query(sql::ONE_MOMENT).execute(&mut *snapshot).await?;
    let mut verified = Verified { partitions: map.len(), ..Verified::default() };
    let (mut counts, mut retired) = (Counts::new(), false);
    for id in map.all() {
        let look = Look { db: &mut snapshot, id, map, sealer, verified: &mut verified, counts: &mut counts };
        retired |= look.look().await.map_err(|trouble| PostgresOpenError::Ledger(trouble.into_error()))?;
    }
    for ((lane, ..), off) in counts {
        // A lane some of whose messages were retired has counted more than there are.
        if off != 0 && !(retired && off < 0) {
            verified.find(PartitionId(0), Rule::Tally, lane);
        }
    }
    drop(snapshot);
    drop(connection);
    pool.close().await;
    Ok(verified)
}

/// One partition being looked at.
struct Look<'a> {
    db: &'a mut PgConnection,
    id: PartitionId,
    map: PartitionMap,
    sealer: &'a Arc<Sealer>,
    verified: &'a mut Verified,
    counts: &'a mut Counts,
}

impl Look<'_> {
    /// Whether messages were retired.
    async fn look(mut self) -> Done<bool> {
        let row =
            sqlx::query(sql::VERIFY_PARTITION).bind(number(self.id)).fetch_optional(&mut *self.db).await?;
        let row = row.ok_or(LedgerError::NoSuch("partition"))?;
        let (now, retired_through): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        self.messages().await?;
        self.queue().await?;
        self.tallies().await?;
        self.parts(retired_through).await?;
        self.receipts(now).await?;
        self.suppressions().await?;
        self.inbounds().await?;
        Ok(retired_through > 0)
    }

    fn find(&mut self, rule: Rule, row: i64) {
        self.verified.find(self.id, rule, row);
    }

    async fn messages(&mut self) -> Done<()> {
        let sealer = self.sealer.for_table(MESSAGE_TABLE);
        let claims: HashSet<i64> = self.numbers(sql::VERIFY_CLAIMS).await?.into_iter().collect();
        let mut after = i64::MIN;
        loop {
            let query = sqlx::query(sql::MESSAGE_PAGE).bind(number(self.id)).bind(after).bind(PAGE);
            let rows = query.fetch_all(&mut *self.db).await?;
            let mut waiting: Vec<Place> = Vec::new();
            for row in &rows {
                after = row.try_get(0)?;
                self.verified.messages += 1;
                match Life::unpack(row.try_get(1)?).filter(|life| life.trail().is_some()) {
                    None => self.find(Rule::Readable, after),
                    Some(life) => {
                        *self.counts.entry((life.lane.raw(), life.state, life.reason)).or_default() += 1;
                        self.message(after, &life, &claims, &mut waiting);
                    }
                }
                if let Some(rule) = misplaced(self.map, self.id, after, &sealer, row.try_get(5)?) {
                    self.find(rule, after);
                }
            }
            self.queued(&waiting).await?;
            if rows.len() < PAGE as usize {
                return Ok(());
            }
        }
    }

    fn message(&mut self, id: i64, life: &Life, claims: &HashSet<i64>, waiting: &mut Vec<Place>) {
        match life.state {
            MessageState::Queued => {
                self.verified.queued += 1;
                waiting.push(place_of(id, life));
            }
            MessageState::Sending => {
                self.verified.in_flight += 1;
                if !life.outstanding || !claims.contains(&life.claim) {
                    self.find(Rule::Claimed, id);
                }
            }
            _ => {}
        }
    }

    /// Each message that waits stands there.
    async fn queued(&mut self, waiting: &[Place]) -> Done<()> {
        if waiting.is_empty() {
            return Ok(());
        }
        let of = |column: fn(&Place) -> i64| waiting.iter().map(column).collect::<Vec<i64>>();
        let query = sqlx::query(sql::VERIFY_QUEUED).bind(number(self.id));
        let query = query.bind(of(|p| p.0)).bind(of(|p| p.1)).bind(of(|p| p.2)).bind(of(|p| p.3));
        let rows = query.fetch_all(&mut *self.db).await?;
        let there: HashSet<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        for (.., id) in waiting.iter().filter(|(.., id)| !there.contains(id)) {
            self.find(Rule::Queued, *id);
        }
        Ok(())
    }

    /// No row is left over.
    async fn queue(&mut self) -> Done<()> {
        let mut after: Place = (i64::MIN, i64::MIN, i64::MIN, i64::MIN);
        loop {
            let query = sqlx::query(sql::VERIFY_QUEUE).bind(number(self.id)).bind(after.0).bind(after.1);
            let query = query.bind(after.2).bind(after.3).bind(PAGE);
            let rows = query.fetch_all(&mut *self.db).await?;
            for row in &rows {
                after = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
                let life = row.try_get::<Option<&[u8]>, _>(4)?.and_then(Life::unpack);
                let waits = life.is_some_and(|life| {
                    life.state == MessageState::Queued && place_of(after.3, &life) == after
                });
                if !waits {
                    self.find(Rule::Queue, after.3);
                }
            }
            if rows.len() < PAGE as usize {
                return Ok(());
            }
        }
    }

    async fn tallies(&mut self) -> Done<()> {
        let rows = sqlx::query(sql::VERIFY_TALLIES).bind(number(self.id)).fetch_all(&mut *self.db).await?;
        let drawing = super::money::drawing_lanes(self.db, number(self.id)).await?;
        let mut accepted: BTreeMap<i64, Money> = BTreeMap::new();
        for row in &rows {
            let tally = tally::from_row(row)?;
            uncount(self.counts, &tally);
            if let Some(account) = drawing.get(&tally.lane)
                && (tally.from, tally.to) == (None, MessageState::Queued)
            {
                *accepted.entry(*account).or_default() += tally.price;
            }
        }
        let allowances = super::money::read_all(self.db, number(self.id)).await?;
        for account in overdrawn(accepted, &allowances) {
            self.find(Rule::Allowance, account);
        }
        Ok(())
    }

    /// Retention takes a message before its parts.
    async fn parts(&mut self, retired_through: i64) -> Done<()> {
        let (mut gateway, mut carrier_id): (i32, Vec<u8>) = (-1, Vec::new());
        loop {
            let query = sqlx::query(sql::VERIFY_PARTS).bind(number(self.id)).bind(gateway).bind(&carrier_id);
            let rows = query.bind(PAGE).fetch_all(&mut *self.db).await?;
            for row in &rows {
                self.verified.parts += 1;
                (gateway, carrier_id) = (row.try_get(0)?, row.try_get(1)?);
                let message: i64 = row.try_get(2)?;
                if row.try_get::<Option<bool>, _>(3)?.is_none() && message > retired_through {
                    self.find(Rule::Part, message);
                }
            }
            if rows.len() < PAGE as usize {
                return Ok(());
            }
        }
    }

    async fn receipts(&mut self, now: i64) -> Done<()> {
        let kept = sqlx::query(sql::VERIFY_EARLY).bind(number(self.id)).fetch_one(&mut *self.db).await?;
        self.verified.receipts_kept += kept.try_get::<i64, _>(0)?.cast_unsigned();
        let query = sqlx::query(sql::VERIFY_RECEIPTS).bind(number(self.id)).bind(now - ON_THE_WAY_MILLIS);
        for row in query.fetch_all(&mut *self.db).await? {
            self.find(Rule::Receipt, row.try_get(0)?);
        }
        Ok(())
    }

    async fn suppressions(&mut self) -> Done<()> {
        let sealer = self.sealer.for_table(SUPPRESSION_TABLE);
        let mut after = i64::MIN;
        loop {
            let query = sqlx::query(sql::VERIFY_SUPPRESSIONS).bind(number(self.id)).bind(after).bind(PAGE);
            let rows = query.fetch_all(&mut *self.db).await?;
            let known = self.known(&rows).await?;
            for row in &rows {
                self.verified.suppressions += 1;
                after = row.try_get(0)?;
                let phone_index: i64 = row.try_get(3)?;
                let phone = sealed::phone_of(&sealer, after, row.try_get(5)?).ok();
                let key = (phone_index, row.try_get(1)?, small(row.try_get::<i16, _>(2)?)?);
                if phone.is_none_or(|phone| self.sealer.phone_index(phone) != phone_index) {
                    self.find(Rule::Opens, after);
                } else if row.try_get(4)? && !known.contains(&key) {
                    self.find(Rule::Suppression, after);
                }
            }
            if rows.len() < PAGE as usize {
                return Ok(());
            }
        }
    }

    /// What a claim reads about the phones of these rows: phone index, scope, category.
    async fn known(&mut self, rows: &[PgRow]) -> Done<HashSet<(i64, i64, u8)>> {
        let phones: BTreeSet<i64> = rows.iter().map(|row| row.try_get(3)).collect::<Result<_, _>>()?;
        let phones: Vec<i64> = phones.into_iter().collect();
        let query = sqlx::query(sql::PERSON_ROWS).bind(number(self.id)).bind(phones);
        let mut known = HashSet::new();
        for row in query.fetch_all(&mut *self.db).await? {
            let phone_index: i64 = row.try_get(0)?;
            let facts = person::unpack(row.try_get(1)?).ok_or_else(Fault::unreadable_person)?;
            known.extend(facts.suppressions.iter().map(|suppressed| {
                let category = suppressed.category.map_or(0, |category| category.code());
                (phone_index, scope_code(suppressed.scope), category)
            }));
        }
        Ok(known)
    }

    async fn inbounds(&mut self) -> Done<()> {
        let sealer = self.sealer.for_table(INBOUND_TABLE);
        let mut after = i64::MIN;
        loop {
            let query = sqlx::query(sql::VERIFY_INBOUNDS).bind(number(self.id)).bind(after).bind(PAGE);
            let rows = query.fetch_all(&mut *self.db).await?;
            for row in &rows {
                self.verified.inbounds += 1;
                after = row.try_get(0)?;
                if sealed::phone_of(&sealer, after, row.try_get(1)?).is_err() {
                    self.find(Rule::Opens, after);
                }
            }
            if rows.len() < PAGE as usize {
                return Ok(());
            }
        }
    }

    async fn numbers(&mut self, statement: &'static str) -> Done<Vec<i64>> {
        let rows = sqlx::query(statement).bind(number(self.id)).fetch_all(&mut *self.db).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}

/// Where a message says that it waits.
fn place_of(id: i64, life: &Life) -> Place {
    let (lane, which) = stream_key(life.stream());
    (lane, i64::from(which), life.due_at.map_or(i64::MIN, |at| at.millis()), id)
}
