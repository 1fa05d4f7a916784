//! What people want: suppressions, consents, and the messages they send us. All under the partition's lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::ids::{AccountId, CampaignId, InboundId, MessageId, PartitionId};
use domain::ledger::{InboundRecord, SuppressionOrder};
use domain::message::Category;
use domain::policy::{Consented, PersonFacts, Suppressed};
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::database::{Operation, Shared, number};
use super::early::carrier_id_bytes;
use super::fault::Done;
use super::lanes::{Held, lock};
use super::{numbers, sql};
use crate::moves::fault::Fault;
use crate::moves::records::{scope_code, seal_inbound};
use crate::moves::{INBOUND_TABLE, SUPPRESSION_TABLE, person, sealed};

/// Records suppressions.
pub(super) struct Suppress<'a> {
    pub partition: PartitionId,
    pub orders: &'a [SuppressionOrder],
}

impl Operation for Suppress<'_> {
    type Answer = ();

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<()> {
        let held = lock(db, self.partition).await?;
        suppress(shared, db, self.partition, &held, self.orders).await
    }
}

/// Lifts every suppression of the same scope and category.
pub(super) struct Unsuppress {
    pub partition: PartitionId,
    pub phone_index: i64,
    pub suppressed: Suppressed,
    pub now: Timestamp,
}

impl Operation for Unsuppress {
    type Answer = u32;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<u32> {
        let held = lock(db, self.partition).await?;
        let now = shared.now(self.partition, held.committed_now, self.now)?;
        let mut people = read_rows(db, self.partition, vec![self.phone_index]).await?;
        let Some(facts) = people.get_mut(&self.phone_index) else { return Ok(0) };
        let lifted = person::unsuppress(facts, self.suppressed);
        if lifted > 0 {
            write_rows(db, self.partition, &people).await?;
            let query = sqlx::query(sql::SUPPRESSION_LIFT).bind(number(self.partition));
            let query = query.bind(self.phone_index).bind(scope_code(self.suppressed.scope));
            let query = query.bind(i16::from(self.suppressed.category.map_or(0, Category::code)));
            query.bind(now.millis()).execute(&mut *db).await?;
            let query = sqlx::query(sql::PARTITION_AT).bind(number(self.partition)).bind(now.millis());
            query.execute(db).await?;
        }
        Ok(lifted)
    }
}

/// Records consents, in order of the phone's index.
pub(super) struct Consent<'a> {
    pub partition: PartitionId,
    pub grants: &'a [(i64, Consented)],
}

impl Operation for Consent<'_> {
    type Answer = ();

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<()> {
        lock(db, self.partition).await?;
        let phones: BTreeSet<i64> = self.grants.iter().map(|(phone_index, _)| *phone_index).collect();
        let mut people = read_rows(db, self.partition, phones.into_iter().collect()).await?;
        let mut changed = BTreeSet::new();
        for (phone_index, consent) in self.grants {
            if person::consent(people.entry(*phone_index).or_default(), *consent) {
                changed.insert(*phone_index);
            }
        }
        people.retain(|phone_index, _| changed.contains(phone_index));
        write_rows(db, self.partition, &people).await
    }
}

/// Records an inbound message and its suppressions.
pub(super) struct Inbound<'a> {
    pub partition: PartitionId,
    pub record: &'a InboundRecord,
    pub orders: &'a [SuppressionOrder],
}

impl Operation for Inbound<'_> {
    /// `false`: the same message from the same phone is here already.
    type Answer = bool;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<bool> {
        let held = lock(db, self.partition).await?;
        let record = self.record;
        let query = sqlx::query(sql::INBOUND_ADD).bind(number(self.partition)).bind(record.id.raw());
        let query = query.bind(record.account.map(AccountId::raw)).bind(i32::from(record.gateway.0));
        let query = query.bind(i32::from(record.channel.0)).bind(carrier_id_bytes(&record.carrier_id));
        let query = query.bind(shared.sealer.phone_index(record.from));
        let query = query.bind(record.answers.map(MessageId::raw)).bind(record.campaign.map(CampaignId::raw));
        let query = query.bind(record.opted_out).bind(record.received_at.millis());
        let query = query.bind(seal_inbound(record, &shared.sealer.for_table(INBOUND_TABLE)));
        if query.execute(&mut *db).await?.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(answered) = record.answers {
            let query = sqlx::query(sql::WAITING_INBOUND).bind(number(self.partition)).bind(answered.raw());
            let query = query.bind(record.received_at.millis()).bind(record.id.raw());
            let told: Done<Vec<_>> =
                query.fetch_all(&mut *db).await?.iter().map(super::waiting::told).collect();
            shared.told.add(self.partition, told?);
        }
        numbers::alive(db, self.partition, shared.sealer.phone_index(record.from)).await?;
        suppress(shared, db, self.partition, &held, self.orders).await?;
        super::events::tell_inbound(db, self.partition, record, self.orders).await?;
        Ok(true)
    }

    async fn happened(&self, answer: &bool, db: &mut PgConnection) -> Done<bool> {
        if !answer {
            return Ok(true);
        }
        lock(db, self.partition).await?;
        let query = sqlx::query(sql::INBOUND_IS_THERE).bind(number(self.partition));
        Ok(query.bind(self.record.id.raw()).fetch_one(db).await?.try_get(0)?)
    }
}

async fn suppress(
    shared: &Shared,
    db: &mut PgConnection,
    partition: PartitionId,
    held: &Held,
    orders: &[SuppressionOrder],
) -> Done<()> {
    let indexed: Vec<(i64, &SuppressionOrder)> =
        orders.iter().map(|order| (shared.sealer.phone_index(order.phone), order)).collect();
    let phones: BTreeSet<i64> = indexed.iter().map(|(phone_index, _)| *phone_index).collect();
    let mut people = read_rows(db, partition, phones.into_iter().collect()).await?;
    let fresh: Vec<(i64, &SuppressionOrder)> = indexed
        .into_iter()
        .filter(|(phone_index, order)| {
            person::suppress(people.entry(*phone_index).or_default(), order.suppressed)
        })
        .collect();
    write_rows(db, partition, &people).await?;
    if fresh.is_empty() { Ok(()) } else { list(shared, db, partition, held, &fresh).await }
}

/// Writes suppressions down with their proof, under the partition's next numbers.
async fn list(
    shared: &Shared,
    db: &mut PgConnection,
    partition: PartitionId,
    held: &Held,
    fresh: &[(i64, &SuppressionOrder)],
) -> Done<()> {
    let sealer = shared.sealer.for_table(SUPPRESSION_TABLE);
    let next = held.next_suppression + fresh.len() as i64;
    let ids: Vec<i64> = (held.next_suppression..next).collect();
    let sealed: Vec<Vec<u8>> =
        ids.iter().zip(fresh).map(|(id, (_, order))| sealed::seal(&sealer, *id, order.phone, "")).collect();
    let of = |column: fn(&SuppressionOrder) -> i64| -> Vec<i64> {
        fresh.iter().map(|(_, order)| column(order)).collect()
    };
    let code = |column: fn(&SuppressionOrder) -> u8| -> Vec<i16> {
        fresh.iter().map(|(_, order)| i16::from(column(order))).collect()
    };
    let inbounds: Vec<Option<i64>> =
        fresh.iter().map(|(_, order)| order.inbound.map(InboundId::raw)).collect();
    let phones: Vec<i64> = fresh.iter().map(|(phone_index, _)| *phone_index).collect();
    let query = sqlx::query(sql::SUPPRESSION_ADD).bind(number(partition)).bind(ids);
    let query = query.bind(of(|order| order.account.raw())).bind(of(|order| order.suppressed.at.millis()));
    let query = query.bind(of(|order| scope_code(order.suppressed.scope)));
    let query = query.bind(code(|order| order.suppressed.category.map_or(0, Category::code)));
    let query = query.bind(code(|order| order.suppressed.source.code())).bind(inbounds);
    query.bind(phones).bind(sealed).execute(&mut *db).await?;
    let query = sqlx::query(sql::PARTITION_SUPPRESSED).bind(number(partition)).bind(next);
    query.execute(db).await?;
    Ok(())
}

/// The rows of people, without hand-overs.
async fn read_rows(
    db: &mut PgConnection,
    partition: PartitionId,
    phones: Vec<i64>,
) -> Done<BTreeMap<i64, PersonFacts>> {
    let query = sqlx::query(sql::PERSON_ROWS).bind(number(partition)).bind(phones);
    let mut people = BTreeMap::new();
    for row in query.fetch_all(db).await? {
        let facts = person::unpack(row.try_get(1)?).ok_or_else(Fault::unreadable_person)?;
        people.insert(row.try_get(0)?, facts);
    }
    Ok(people)
}

/// Hand-overs are rows of their own.
pub(super) async fn write_rows(
    db: &mut PgConnection,
    partition: PartitionId,
    people: &BTreeMap<i64, PersonFacts>,
) -> Done<()> {
    if people.is_empty() {
        return Ok(());
    }
    let phones: Vec<i64> = people.keys().copied().collect();
    let packed = |facts: &PersonFacts| {
        let mut raw = Vec::new();
        person::pack(facts, &mut raw);
        raw
    };
    let facts: Vec<Vec<u8>> = people.values().map(packed).collect();
    sqlx::query(sql::PERSON_PUT).bind(number(partition)).bind(phones).bind(facts).execute(db).await?;
    Ok(())
}

/// All that is known of people, hand-overs in order of time.
pub(super) async fn read_facts(
    db: &mut PgConnection,
    partition: PartitionId,
    phones: Vec<i64>,
) -> Done<HashMap<i64, PersonFacts>> {
    let mut people: HashMap<i64, PersonFacts> = HashMap::with_capacity(phones.len());
    if phones.is_empty() {
        return Ok(people);
    }
    let query = sqlx::query(sql::PERSON_FACTS).bind(number(partition)).bind(phones);
    for row in query.fetch_all(db).await? {
        let known = people.entry(row.try_get(0)?).or_default();
        match row.try_get::<i16, _>(2)? {
            -1 => {
                let facts = person::unpack(row.try_get(1)?).ok_or_else(Fault::unreadable_person)?;
                (known.suppressions, known.consents) = (facts.suppressions, facts.consents);
            }
            0 => known.recents.push(
                person::unpack_recent(row.try_get(1)?)
                    .ok_or_else(|| Fault::inconsistent("recent", "entry", "not a record of this version"))?,
            ),
            kind => numbers::add(&mut known.number, kind, row.try_get(3)?, row.try_get(4)?)?,
        }
    }
    people.values_mut().for_each(|facts| {
        facts.recents.sort_unstable_by_key(|recent| (recent.handed_at, recent.message));
        numbers::in_order(&mut facts.number);
    });
    Ok(people)
}
