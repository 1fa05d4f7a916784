//! What is asked of single messages. Under the partition's lock, so that a claim comes before or after, never in between.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use domain::ids::{AccountId, CustomerId, MessageId, PartitionId};
use domain::ledger::{
    Cancelling, Forgetting, Ledger as _, LedgerError, MessageOrders, Redacting, Sent, SentCounts,
};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::PostgresLedger;
use super::batch::Batch;
use super::database::{Operation, Shared, number};
use super::due::Touched;
use super::fault::Done;
use super::lanes::lock;
use super::sql;
use crate::moves::fault::Fault;
use crate::moves::life::Life;
use crate::moves::records::PAGE_ROWS;
use crate::moves::waiting::{ORIGINS_LOOKED_AT, unpack_origin};
use crate::moves::{orders, sealed};

/// Cancels messages that wait.
struct Cancel<'a> {
    partition: PartitionId,
    account: AccountId,
    messages: &'a [MessageId],
    retry: &'a RetryPolicy,
    now: Timestamp,
}

impl Operation for Cancel<'_> {
    type Answer = (Vec<Cancelling>, Touched, Timestamp);

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Self::Answer> {
        let held = lock(db, self.partition).await?;
        let now = shared.now(self.partition, held.committed_now, self.now)?;
        let own = own(db, self.partition, self.account, self.messages).await?;
        let mut batch = Batch::new(shared, number(self.partition), self.retry);
        batch.lock(db, &own.keys().copied().collect()).await?;
        let mut answers = Vec::with_capacity(self.messages.len());
        for id in self.messages {
            let Some(mut life) = batch.take(id.raw()) else {
                answers.push(Cancelling::NoSuch);
                continue;
            };
            let (answer, changed) = orders::cancel(&mut batch, *id, &mut life, now)?;
            if changed {
                batch.put(id.raw(), life);
            } else {
                batch.put_unchanged(id.raw(), life);
            }
            answers.push(answer);
        }
        let touched = batch.write(&mut *db).await?;
        at(db, self.partition, now).await?;
        Ok((answers, touched, now))
    }
}

/// Forgets the texts of messages that have ended.
struct Redact<'a> {
    partition: PartitionId,
    account: AccountId,
    messages: &'a [MessageId],
    how: Forgetting,
    retry: &'a RetryPolicy,
    now: Timestamp,
}

impl Operation for Redact<'_> {
    type Answer = (Vec<Redacting>, Timestamp);

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Self::Answer> {
        let held = lock(db, self.partition).await?;
        let now = shared.now(self.partition, held.committed_now, self.now)?;
        let own = own(db, self.partition, self.account, self.messages).await?;
        let mut batch = Batch::new(shared, number(self.partition), self.retry);
        batch.lock(db, &own.keys().copied().collect()).await?;
        let mut answers = Vec::with_capacity(self.messages.len());
        let mut forgotten = BTreeSet::new();
        for id in self.messages {
            let Some(mut life) = batch.take(id.raw()) else {
                answers.push(Redacting::NoSuch);
                continue;
            };
            let (answer, changed) = orders::redact(&mut life, self.how, now)?;
            if changed {
                batch.put(id.raw(), life);
                forgotten.insert(id.raw());
            } else {
                batch.put_unchanged(id.raw(), life);
            }
            answers.push(answer);
        }
        batch.write(&mut *db).await?;
        for id in forgotten {
            let held = own.get(&id).map(Vec::as_slice).unwrap_or_default();
            if let Some(without) = sealed::forget(&shared.messages, id, held)? {
                let query = sqlx::query(sql::SEALED_WRITE).bind(number(self.partition)).bind(id);
                query.bind(without).execute(&mut *db).await?;
            }
        }
        at(db, self.partition, now).await?;
        Ok((answers, now))
    }
}

/// What is sealed of those of the messages that are the account's.
async fn own(
    db: &mut PgConnection,
    partition: PartitionId,
    account: AccountId,
    messages: &[MessageId],
) -> Done<HashMap<i64, Vec<u8>>> {
    let ids: Vec<i64> = messages.iter().map(|message| message.raw()).collect();
    let query = sqlx::query(sql::SEALED_OWN).bind(number(partition)).bind(ids).bind(account.raw());
    query.fetch_all(db).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn at(db: &mut PgConnection, partition: PartitionId, now: Timestamp) -> Done<()> {
    sqlx::query(sql::PARTITION_AT).bind(number(partition)).bind(now.millis()).execute(db).await?;
    Ok(())
}

/// Messages of a customer that one of its ids belongs to.
struct SentAs {
    partition: PartitionId,
    customer: CustomerId,
    id: u128,
    from: MessageId,
    until: MessageId,
}

impl Operation for SentAs {
    type Answer = Vec<Sent>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Vec<Sent>> {
        let query = sqlx::query(sql::ORIGIN_BETWEEN).bind(number(self.partition)).bind(self.from.raw());
        let query = query.bind(self.until.raw()).bind(i32::from(self.customer.0));
        let mut sent = Vec::new();
        for row in query.bind(i64::from(ORIGINS_LOOKED_AT)).fetch_all(db).await? {
            let origin = unpack_origin(self.customer, row.try_get(1)?)?;
            if origin.parts.contains(&self.id) {
                sent.push(Sent { message: MessageId::from_raw(row.try_get(0)?), origin });
            }
        }
        Ok(sent)
    }
}

/// Part of a count.
struct CountSent {
    partition: PartitionId,
    customer: CustomerId,
    between: (MessageId, MessageId),
}

impl Operation for CountSent {
    type Answer = (SentCounts, Option<MessageId>);

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Self::Answer> {
        let (from, until) = self.between;
        let query = sqlx::query(sql::ORIGIN_PAGE).bind(number(self.partition)).bind(from.raw());
        let query = query.bind(until.raw()).bind(i32::from(self.customer.0)).bind(i64::from(PAGE_ROWS));
        let rows = query.fetch_all(db).await?;
        let mut counts = SentCounts::default();
        for row in &rows {
            let (Some(entry), Some(life)) =
                (row.try_get::<Option<&[u8]>, _>(1)?, row.try_get::<Option<&[u8]>, _>(2)?)
            else {
                continue;
            };
            let life = Life::unpack(life).ok_or_else(Fault::unreadable_life)?;
            counts.count(life.state, unpack_origin(self.customer, entry)?.parts.len() as u64);
        }
        let last: Option<i64> = rows.last().map(|row| row.try_get(0)).transpose()?;
        let whole = rows.len() == PAGE_ROWS as usize;
        Ok((counts, last.filter(|_| whole).map(|last| MessageId::from_raw(last + 1))))
    }
}

#[async_trait]
impl MessageOrders for PostgresLedger {
    async fn cancel(
        &self,
        partition: PartitionId,
        account: AccountId,
        messages: Vec<MessageId>,
        now: Timestamp,
    ) -> Result<Vec<Cancelling>, LedgerError> {
        orders::all_here(self.partitions(), partition, &messages)?;
        let known = self.shared().known(partition)?;
        let _turn = known.turn.lock().await;
        let retry = self.retry();
        let operation = Cancel { partition, account, messages: &messages, retry: &retry, now };
        let (answers, touched, now) = self.shared().transact(&operation).await?;
        known.committed(now);
        self.lookout.note(partition, touched).await;
        Ok(answers)
    }

    async fn redact(
        &self,
        partition: PartitionId,
        account: AccountId,
        messages: Vec<MessageId>,
        how: Forgetting,
        now: Timestamp,
    ) -> Result<Vec<Redacting>, LedgerError> {
        orders::all_here(self.partitions(), partition, &messages)?;
        let known = self.shared().known(partition)?;
        let _turn = known.turn.lock().await;
        let retry = self.retry();
        let operation = Redact { partition, account, messages: &messages, how, retry: &retry, now };
        let (answers, now) = self.shared().transact(&operation).await?;
        known.committed(now);
        Ok(answers)
    }

    async fn sent_as(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        id: u128,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<Sent>, LedgerError> {
        let (from, until) = (MessageId::first_at(from), MessageId::first_at(until));
        self.shared().look(&SentAs { partition, customer, id, from, until }).await
    }

    async fn count_sent(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        between: (MessageId, MessageId),
    ) -> Result<(SentCounts, Option<MessageId>), LedgerError> {
        self.shared().look(&CountSent { partition, customer, between }).await
    }
}
