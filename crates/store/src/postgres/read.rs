//! Looking without a transaction: messages, people, and what was sent and answered.

use domain::ids::{AccountId, InboundId, MessageId, PartitionId};
use domain::ledger::{InboundRecord, LastSent, MessageFilter, MessageRecord, SentOver, SuppressionRecord};
use domain::policy::PersonFacts;
use domain::time::Timestamp;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::database::{Operation, Shared, number};
use super::early::carrier_id_from;
use super::fault::Done;
use super::lanes::small;
use super::people::read_facts;
use super::sql;
use crate::moves::records::{InboundRow, LAST_SENT, MessageRow, PAGE_ROWS, Page, SuppressionRow, page_end};
use crate::moves::{INBOUND_TABLE, SUPPRESSION_TABLE};

/// Rows fetched at once for a page of a listing.
const CHUNK: u32 = 500;

/// One message.
pub(super) struct Message {
    pub partition: PartitionId,
    pub account: AccountId,
    pub id: MessageId,
}

impl Operation for Message {
    type Answer = Option<MessageRecord>;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Option<MessageRecord>> {
        let query = sqlx::query(sql::MESSAGE_READ).bind(number(self.partition)).bind(vec![self.id.raw()]);
        let Some(row) = query.fetch_optional(db).await? else { return Ok(None) };
        let row = message_row(&row)?;
        let record = row.record(&row.life()?, &shared.messages)?;
        Ok(Some(record).filter(|record| record.account == self.account))
    }
}

/// When the newest message of a partition was made.
pub(super) struct Newest {
    pub partition: PartitionId,
}

impl Operation for Newest {
    type Answer = Option<Timestamp>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Option<Timestamp>> {
        let row = sqlx::query(sql::MESSAGE_LAST).bind(number(self.partition)).fetch_one(db).await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(|id| MessageId::from_raw(id).made_at()))
    }
}

/// Part of a listing.
pub(super) struct Messages<'a> {
    pub partition: PartitionId,
    pub filter: &'a MessageFilter,
    pub limit: u32,
}

impl Operation for Messages<'_> {
    type Answer = Page;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Page> {
        let mut page = Page::default();
        let mut after = self.filter.after.map_or(-1, MessageId::raw);
        let mut seen = 0;
        loop {
            let query = sqlx::query(sql::MESSAGE_PAGE).bind(number(self.partition)).bind(after);
            let rows = query.bind(i64::from(CHUNK)).fetch_all(&mut *db).await?;
            for row in &rows {
                let row = message_row(row)?;
                (after, seen) = (row.id, seen + 1);
                if page.add(&row, self.filter, self.limit, &shared.messages)? || seen == PAGE_ROWS {
                    page.through = Some(MessageId::from_raw(row.id));
                    return Ok(page);
                }
            }
            if rows.len() < CHUNK as usize {
                return Ok(page);
            }
        }
    }
}

/// What is known of phones, in the order asked.
pub(super) struct FactsOf {
    pub partition: PartitionId,
    pub phones: Vec<i64>,
}

impl Operation for FactsOf {
    type Answer = Vec<PersonFacts>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Vec<PersonFacts>> {
        let mut phones = self.phones.clone();
        phones.sort_unstable();
        phones.dedup();
        let known = read_facts(db, self.partition, phones).await?;
        Ok(self.phones.iter().map(|phone| known.get(phone).cloned().unwrap_or_default()).collect())
    }
}

/// What a phone was sent over a gateway.
pub(super) struct Sent<'a> {
    pub partition: PartitionId,
    pub phone_index: i64,
    pub over: &'a SentOver,
    pub since: Timestamp,
}

impl Operation for Sent<'_> {
    type Answer = Vec<LastSent>;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Vec<LastSent>> {
        let known = read_facts(db, self.partition, vec![self.phone_index]).await?;
        let mut recents = known.into_values().next().unwrap_or_default().recents;
        recents.retain(|recent| recent.handed_at >= self.since);
        let ids: Vec<i64> = recents.iter().map(|recent| recent.message.raw()).collect();
        let query = sqlx::query(sql::MESSAGE_READ).bind(number(self.partition)).bind(ids);
        let rows = query.fetch_all(db).await?;
        let mut sent = Vec::new();
        for recent in recents.iter().rev() {
            let of = |row: &&PgRow| row.try_get::<i64, _>(0).is_ok_and(|id| id == recent.message.raw());
            let Some(row) = rows.iter().find(of) else { continue };
            sent.extend(message_row(row)?.last_sent(recent, self.over, &shared.messages)?);
            if sent.len() == LAST_SENT {
                break;
            }
        }
        Ok(sent)
    }
}

/// An account's suppressions.
pub(super) struct Suppressions {
    pub partition: PartitionId,
    pub account: AccountId,
    pub before: Option<Timestamp>,
    pub limit: u32,
}

impl Operation for Suppressions {
    type Answer = Vec<SuppressionRecord>;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Vec<SuppressionRecord>> {
        let sealer = shared.sealer.for_table(SUPPRESSION_TABLE);
        let query = sqlx::query(sql::SUPPRESSION_PAGE).bind(number(self.partition));
        let query = query.bind(self.account.raw()).bind(page_end(self.before)).bind(i64::from(self.limit));
        let rows = query.fetch_all(db).await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let row = SuppressionRow {
                id: row.try_get(0)?,
                account: row.try_get(1)?,
                suppressed_at: row.try_get(2)?,
                scope: row.try_get(3)?,
                category: small(row.try_get::<i16, _>(4)?)?,
                source: small(row.try_get::<i16, _>(5)?)?,
                inbound: row.try_get(6)?,
                lifted_at: row.try_get(7)?,
                sealed: row.try_get(8)?,
            };
            records.push(row.record(&sealer)?);
        }
        Ok(records)
    }
}

/// An account's inbound messages.
pub(super) struct Inbounds {
    pub partition: PartitionId,
    pub account: AccountId,
    pub before: Option<InboundId>,
    pub limit: u32,
}

impl Operation for Inbounds {
    type Answer = Vec<InboundRecord>;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Vec<InboundRecord>> {
        let sealer = shared.sealer.for_table(INBOUND_TABLE);
        let before = self.before.map_or(i64::MAX, InboundId::raw);
        let query = sqlx::query(sql::INBOUND_PAGE).bind(number(self.partition)).bind(self.account.raw());
        let rows = query.bind(before).bind(i64::from(self.limit)).fetch_all(db).await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let row = InboundRow {
                id: row.try_get(0)?,
                account: row.try_get(1)?,
                gateway: small(row.try_get::<i32, _>(2)?)?,
                channel: small(row.try_get::<i32, _>(3)?)?,
                carrier_id: carrier_id_from(row.try_get(4)?)?,
                answers: row.try_get(5)?,
                campaign: row.try_get(6)?,
                opted_out: row.try_get(7)?,
                received_at: row.try_get(8)?,
                sealed: row.try_get(9)?,
            };
            records.push(row.record(&sealer)?);
        }
        Ok(records)
    }
}

fn message_row(row: &PgRow) -> Done<MessageRow<'_>> {
    Ok(MessageRow {
        id: row.try_get(0)?,
        life: row.try_get(1)?,
        account: row.try_get(2)?,
        campaign: row.try_get(3)?,
        contact: row.try_get(4)?,
        sealed: row.try_get(5)?,
    })
}
