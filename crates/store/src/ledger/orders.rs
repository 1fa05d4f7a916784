//! What is asked of single messages, in the partition's own transaction: so no claim is in between.

use async_trait::async_trait;
use domain::downstream::Origin;
use domain::ids::{AccountId, CustomerId, MessageId, PartitionId};
use domain::ledger::{
    Cancelling, Forgetting, Ledger as _, LedgerError, MessageOrders, Redacting, Sent, SentCounts,
};
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::SqliteLedger;
use super::accept::blob;
use super::command::{Command, Order, Reply};
use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::sql;
use crate::moves::life::Life;
use crate::moves::records::PAGE_ROWS;
use crate::moves::waiting::{ORIGINS_LOOKED_AT, unpack_origin};
use crate::moves::{orders, sealed};

impl Work<'_> {
    pub(super) fn carry_out(&mut self, order: &Order) -> Outcome<Reply> {
        let now = self.now(order.now)?;
        match order.forget {
            None => self.cancel_own(order.account, &order.messages, now).map(Reply::Cancelled),
            Some(how) => self.redact_own(order.account, &order.messages, how, now).map(Reply::Redacted),
        }
    }

    fn cancel_own(
        &mut self,
        account: AccountId,
        messages: &[MessageId],
        now: Timestamp,
    ) -> Outcome<Vec<Cancelling>> {
        let mut answers = Vec::with_capacity(messages.len());
        for id in messages {
            if self.sealed_of(*id, account)?.is_none() {
                answers.push(Cancelling::NoSuch);
                continue;
            }
            let mut life = self.load_life(id.raw())?.ok_or_else(vanished)?;
            let (answer, changed) = orders::cancel(self, *id, &mut life, now)?;
            if changed {
                self.store_life(id.raw(), &life)?;
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    fn redact_own(
        &mut self,
        account: AccountId,
        messages: &[MessageId],
        how: Forgetting,
        now: Timestamp,
    ) -> Outcome<Vec<Redacting>> {
        let mut answers = Vec::with_capacity(messages.len());
        for id in messages {
            let Some(held) = self.sealed_of(*id, account)? else {
                answers.push(Redacting::NoSuch);
                continue;
            };
            let mut life = self.load_life(id.raw())?.ok_or_else(vanished)?;
            let (answer, changed) = orders::redact(&mut life, how, now)?;
            if changed {
                self.store_life(id.raw(), &life)?;
                if let Some(without) = sealed::forget(&self.rest.messages, id.raw(), &held)? {
                    let mut write = self.connection.prepare_cached(sql::SEALED_WRITE)?;
                    write.execute(params![id.raw(), without])?;
                    self.hot.let_go();
                }
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// What is sealed of a message; none of another account's.
    fn sealed_of(&self, id: MessageId, account: AccountId) -> Outcome<Option<Vec<u8>>> {
        let mut read = self.connection.prepare_cached(sql::SEALED_OWN)?;
        Ok(read.query_row([id.raw(), account.raw()], |row| row.get(0)).optional()?)
    }
}

fn vanished() -> Fault {
    Fault::inconsistent("message", "id", "a message vanished")
}

fn sent_as(
    db: &Connection,
    customer: CustomerId,
    id: u128,
    (from, until): (Timestamp, Timestamp),
) -> Outcome<Vec<Sent>> {
    let (from, until) = (MessageId::first_at(from).raw(), MessageId::first_at(until).raw());
    let mut read = db.prepare_cached(sql::ORIGIN_BETWEEN)?;
    let mut rows = read.query(params![from, until, customer.0, ORIGINS_LOOKED_AT])?;
    let mut sent = Vec::new();
    while let Some(row) = rows.next()? {
        let origin: Origin = unpack_origin(customer, blob(row, 1)?)?;
        if origin.parts.contains(&id) {
            sent.push(Sent { message: MessageId::from_raw(row.get(0)?), origin });
        }
    }
    Ok(sent)
}

fn count_sent(
    db: &Connection,
    customer: CustomerId,
    (from, until): (MessageId, MessageId),
) -> Outcome<(SentCounts, Option<MessageId>)> {
    let mut read = db.prepare_cached(sql::ORIGIN_PAGE)?;
    let mut rows = read.query(params![from.raw(), until.raw(), customer.0, PAGE_ROWS])?;
    let (mut counts, mut seen, mut last) = (SentCounts::default(), 0, from.raw());
    while let Some(row) = rows.next()? {
        (seen, last) = (seen + 1, row.get(0)?);
        let (Some(entry), Some(life)) = (
            row.get_ref(1)?.as_blob_or_null().ok().flatten(),
            row.get_ref(2)?.as_blob_or_null().ok().flatten(),
        ) else {
            continue;
        };
        let life = Life::unpack(life).ok_or_else(Fault::unreadable_life)?;
        counts.count(life.state, unpack_origin(customer, entry)?.parts.len() as u64);
    }
    Ok((counts, (seen == PAGE_ROWS).then(|| MessageId::from_raw(last + 1))))
}

#[async_trait]
impl MessageOrders for SqliteLedger {
    async fn cancel(
        &self,
        partition: PartitionId,
        account: AccountId,
        messages: Vec<MessageId>,
        now: Timestamp,
    ) -> Result<Vec<Cancelling>, LedgerError> {
        orders::all_here(self.partitions(), partition, &messages)?;
        match self.ask(partition, Command::Order(Order { account, messages, forget: None, now })).await? {
            Reply::Cancelled(answers) => Ok(answers),
            _ => Err(LedgerError::Closed),
        }
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
        match self.ask(partition, Command::Order(Order { account, messages, forget: Some(how), now })).await?
        {
            Reply::Redacted(answers) => Ok(answers),
            _ => Err(LedgerError::Closed),
        }
    }

    async fn sent_as(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        id: u128,
        between: (Timestamp, Timestamp),
    ) -> Result<Vec<Sent>, LedgerError> {
        self.look(partition, move |_, db| sent_as(db, customer, id, between)).await
    }

    async fn count_sent(
        &self,
        partition: PartitionId,
        customer: CustomerId,
        between: (MessageId, MessageId),
    ) -> Result<(SentCounts, Option<MessageId>), LedgerError> {
        self.look(partition, move |_, db| count_sent(db, customer, between)).await
    }
}
