//! Entering: message and queue row in one transaction; repeated ids and repeated chunks change nothing.

use std::collections::{BTreeMap, HashSet};

use domain::ids::{CampaignId, ContactId, LaneId, MessageId, PartitionId};
use domain::ledger::{Entry, Expansion, LedgerError, NewMessage};
use domain::money::Money;
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::batch::Batch;
use super::database::{Operation, Shared, number};
use super::due::Touched;
use super::fault::Done;
use super::money::draw;
use super::sql;
use crate::moves::life::Life;
use crate::moves::records::frozen;
use crate::moves::sealed;
use crate::moves::steps::{Moves as _, begin};
use crate::moves::sweep::RECEIPT_WAIT;
use crate::moves::waiting::pack_origin;
use crate::sealing::{Sealer, TableSealer};

/// A message whose id is so old may be behind the sweep's walk by now, or may be passed by it before this transaction
/// ends: it is put down to be looked at again.
const OLD: std::time::Duration = RECEIPT_WAIT.saturating_sub(std::time::Duration::from_secs(3_600));

/// A message, sealed once however often the transaction is tried.
pub(super) struct Incoming {
    pub(super) id: i64,
    phone_index: i64,
    account: i64,
    campaign: Option<i64>,
    contact: Option<i64>,
    sealed: Vec<u8>,
    life: Life,
    entry: Entry,
    /// The customer, and what is kept of its submit.
    pub(super) origin: Option<(i32, Vec<u8>)>,
}

/// Messages of one partition, in order of their ids.
pub(super) struct Accept<'a> {
    pub partition: PartitionId,
    pub messages: &'a [Incoming],
    pub expansion: Option<Expansion>,
    pub now: Timestamp,
    pub retry: &'a RetryPolicy,
}

impl Incoming {
    /// In order of their ids, each once.
    pub(super) fn all(
        messages: &[NewMessage],
        sealer: &Sealer,
        table: &TableSealer,
        now: Timestamp,
    ) -> Vec<Self> {
        let one = |message: &NewMessage| Self {
            id: message.id.raw(),
            phone_index: sealer.phone_index(message.phone),
            account: message.account.raw(),
            campaign: message.campaign.map(CampaignId::raw),
            contact: message.contact.map(ContactId::raw),
            sealed: sealed::seal(table, message.id.raw(), message.phone, &message.text),
            life: begin(&frozen(message), message.entry, now),
            entry: message.entry,
            origin: message.origin.as_ref().map(|origin| (origin.customer.0.into(), pack_origin(origin))),
        };
        let by_id: BTreeMap<i64, Self> = messages.iter().rev().map(|m| (m.id.raw(), one(m))).collect();
        by_id.into_values().collect()
    }
}

impl Operation for Accept<'_> {
    type Answer = (u32, Touched);

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<(u32, Touched)> {
        let mut batch = Batch::new(shared, number(self.partition), self.retry);
        self.know_lanes(db, &mut batch).await?;
        if !self.raise(db).await? {
            return Ok((0, Touched::Added(BTreeMap::new())));
        }
        let fresh = self.add(db).await?;
        let new = self.messages.iter().filter(|message| fresh.contains(&message.id));
        super::waiting::add_origins(db, number(self.partition), new).await?;
        let mut draws: BTreeMap<i64, Money> = BTreeMap::new();
        for message in self.messages.iter().filter(|message| fresh.contains(&message.id)) {
            batch.tallies().count(None, &message.life, self.now);
            batch.tell_end(message.id, &message.life);
            batch.note(MessageId::from_raw(message.id), &message.life, self.now);
            if let Entry::Queue { due_at, .. } = message.entry {
                let id = MessageId::from_raw(message.id);
                if let Some(account) = batch.drawing.get(&message.life.lane)
                    && message.life.price > Money::ZERO
                {
                    *draws.entry(*account).or_default() += message.life.price;
                }
                batch.enqueue(message.life.stream(), due_at, id)?;
                if id.raw() <= MessageId::first_at(self.now.minus(OLD)).raw() {
                    batch.look_at(id, self.now.plus(RECEIPT_WAIT))?;
                }
            }
        }
        let touched = batch.write(db).await?;
        draw(db, number(self.partition), &draws).await?;
        Ok((fresh.len() as u32, touched))
    }
}

impl Accept<'_> {
    async fn know_lanes(&self, db: &mut PgConnection, batch: &mut Batch<'_>) -> Done<()> {
        let mut lanes: Vec<i64> = self.messages.iter().map(|message| message.life.lane.raw()).collect();
        lanes.extend(self.expansion.map(|expansion| expansion.lane.raw()));
        lanes.sort_unstable();
        lanes.dedup();
        let count = lanes.len();
        batch.read_these_lanes(db, lanes).await?;
        if batch.lanes.len() == count { Ok(()) } else { Err(LedgerError::NoSuch("lane").into()) }
    }

    /// Raises the high-water ordinal. `false`: the chunk was taken before. Two that bring the same chunk wait for each
    /// other at the lane's row.
    async fn raise(&self, db: &mut PgConnection) -> Done<bool> {
        let Some(Expansion { lane, through }) = self.expansion else { return Ok(true) };
        let query = sqlx::query(sql::LANE_THROUGH).bind(number(self.partition)).bind(LaneId::raw(lane));
        Ok(query.bind(through.cast_signed()).execute(db).await?.rows_affected() == 1)
    }

    /// Returns the ids that are new.
    async fn add(&self, db: &mut PgConnection) -> Done<HashSet<i64>> {
        if self.messages.is_empty() {
            return Ok(HashSet::new());
        }
        let of = |column: fn(&Incoming) -> i64| self.messages.iter().map(column).collect::<Vec<i64>>();
        let maybe = |column: fn(&Incoming) -> Option<i64>| {
            self.messages.iter().map(column).collect::<Vec<Option<i64>>>()
        };
        let lives: Vec<Vec<u8>> = self.messages.iter().map(packed).collect();
        let sealed: Vec<&[u8]> = self.messages.iter().map(|m| m.sealed.as_slice()).collect();
        let query = sqlx::query(sql::MESSAGE_ADD).bind(number(self.partition));
        let query = query.bind(of(|m| m.id)).bind(of(|m| m.phone_index)).bind(of(|m| m.account));
        let query = query.bind(maybe(|m| m.campaign)).bind(maybe(|m| m.contact)).bind(lives).bind(sealed);
        let rows = query.fetch_all(db).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}

fn packed(message: &Incoming) -> Vec<u8> {
    let mut raw = Vec::new();
    message.life.pack_tight(&mut raw);
    raw
}
