//! What messages moved: an hour of a key is one row, which says what it comes to; balances follow what changed of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::billing::{Flow, Purse};
use domain::control::{ControlError, Posting, PostingKey};
use domain::ids::{AccountId, CampaignId, ChannelId, PartitionId};
use domain::message::Category;
use domain::money::Money;
use domain::phone::Carrier;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, Iterable as _,
    PrimaryKeyToColumn as _, QueryFilter as _,
};

use super::account::OpenBooks;
use super::{left_of, save_hold};
use crate::ControlDb;
use crate::error::of_database;
use crate::reading::Reading;
use crate::row::posting::{Column, Entity, Model, PrimaryKey};
use crate::row::{accepted_hour, campaign_hold};

const POSTING: Reading = Reading("posting");
/// Rows in one statement: far below the number of values that either engine takes.
const ROWS_AT_ONCE: usize = 400;

impl ControlDb {
    pub(super) async fn posted_keys(
        &self,
        partition: PartitionId,
        from_hour: i64,
    ) -> Result<Vec<PostingKey>, ControlError> {
        let rows = Entity::find()
            .filter(Column::Hour.gte(from_hour))
            .filter(Column::Partition.eq(i32::from(partition.0)))
            .all(&self.db)
            .await;
        let rows = rows.map_err(|e| of_database(&e, "posting"))?;
        rows.iter().filter(|row| !is_nothing(row)).map(read_key).collect()
    }

    /// One transaction over all postings, account by account.
    pub(super) async fn write_postings(&self, postings: &[Posting]) -> Result<(), ControlError> {
        let mut by_account: BTreeMap<AccountId, Vec<&Posting>> = BTreeMap::new();
        for posting in postings {
            by_account.entry(posting.key.account).or_default().push(posting);
        }
        if by_account.is_empty() {
            return Ok(());
        }
        let write = self.write().await?;
        for (account, postings) in by_account {
            post_of(&write.transaction, account, &postings).await?;
        }
        write.commit().await
    }
}

async fn post_of(
    db: &impl ConnectionTrait,
    account: AccountId,
    postings: &[&Posting],
) -> Result<(), ControlError> {
    let mut books = OpenBooks::lock(db, account).await?;
    let mut known = known(db, account, postings).await?;
    let mut holds = holds_of(db, account, postings).await?;
    let mut changed: BTreeSet<usize> = BTreeSet::new();
    let mut accepted: BTreeMap<i64, Money> = BTreeMap::new();
    let mut rows: Vec<Model> = Vec::new();
    for posting in postings {
        let place = *known.places.entry(key_of(&posting.key)).or_insert_with(|| {
            rows.push(empty(&posting.key));
            known.rows.len() + rows.len() - 1
        });
        let row = if place < known.rows.len() {
            &mut known.rows[place]
        } else {
            &mut rows[place - known.rows.len()]
        };
        let before = (flow_of(row), Money::from_micros(row.from_hold));
        let hold = posting.key.campaign.and_then(|campaign| holds.get_mut(&campaign.raw()));
        let from_hold = match (posting.key.purse, hold) {
            (Purse::Hold, Some((hold, touched))) => {
                let paid = pays(hold, before.1, before.0.reserved, posting.flow.reserved);
                hold.accepted += (paid - before.1).micros();
                *touched |= paid != before.1;
                paid
            }
            _ => Money::ZERO,
        };
        let gained = less(&posting.flow, &before.0);
        books.now.follow(posting.key.purse, &gained, from_hold - before.1);
        if gained.reserved != Money::ZERO {
            *accepted.entry(posting.key.hour).or_default() += gained.reserved;
        }
        if fill(row, posting, from_hold) {
            changed.insert(place);
        }
    }
    known.rows.extend(rows);
    let changed = changed.into_iter().map(|place| known.rows[place].clone()).collect();
    put_rows(db, changed).await?;
    put_accepted(db, account, accepted).await?;
    for (hold, _) in holds.into_values().filter(|(_, touched)| *touched) {
        save_hold(db, hold).await?;
    }
    books.save(db).await
}

/// How much of what a key has accepted so far a hold pays: what it paid before, and of what is new as much as it has left. Once a
/// hold has ended, the rest comes from the account's funds.
fn pays(hold: &campaign_hold::Model, paid: Money, before: Money, now: Money) -> Money {
    let fresh = now - before;
    if fresh < Money::ZERO { paid.min(now) } else { paid + fresh.min(left_of(hold).max(Money::ZERO)) }
}

/// The rows that the books have, and where each is.
struct Known {
    rows: Vec<Model>,
    places: HashMap<RowKey, usize>,
}

type RowKey = (i64, i32, i64, i32, i32, String, i32);

async fn known(
    db: &impl ConnectionTrait,
    account: AccountId,
    postings: &[&Posting],
) -> Result<Known, ControlError> {
    let hours: BTreeSet<i64> = postings.iter().map(|posting| posting.key.hour).collect();
    let partitions: BTreeSet<i32> = postings.iter().map(|posting| posting.key.partition.0.into()).collect();
    let rows = Entity::find()
        .filter(Column::Account.eq(account.raw()))
        .filter(Column::Hour.is_in(hours))
        .filter(Column::Partition.is_in(partitions));
    let rows = rows.all(db).await.map_err(|e| of_database(&e, "posting"))?;
    let place = |(place, row): (usize, &Model)| (row_key(row), place);
    let places = rows.iter().enumerate().map(place).collect();
    Ok(Known { rows, places })
}

/// The holds of the campaigns that the postings name, each with whether it was changed.
async fn holds_of(
    db: &impl ConnectionTrait,
    account: AccountId,
    postings: &[&Posting],
) -> Result<HashMap<i64, (campaign_hold::Model, bool)>, ControlError> {
    let held = postings.iter().filter(|posting| posting.key.purse == Purse::Hold);
    let campaigns: BTreeSet<i64> =
        held.filter_map(|posting| posting.key.campaign).map(CampaignId::raw).collect();
    if campaigns.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = campaign_hold::Entity::find()
        .filter(campaign_hold::Column::Account.eq(account.raw()))
        .filter(campaign_hold::Column::Id.is_in(campaigns));
    let rows = rows.all(db).await.map_err(|e| of_database(&e, "campaign_hold"))?;
    Ok(rows.into_iter().map(|row| (row.id, (row, false))).collect())
}

fn key_of(key: &PostingKey) -> RowKey {
    (
        key.hour,
        key.partition.0.into(),
        key.campaign.map_or(0, CampaignId::raw),
        key.purse.code().into(),
        key.category.code().into(),
        key.carrier.as_str().to_owned(),
        key.channel.map_or(0, |channel| channel.0.into()),
    )
}

fn row_key(row: &Model) -> RowKey {
    (row.hour, row.partition, row.campaign, row.purse, row.category, row.carrier.clone(), row.channel)
}

fn read_key(row: &Model) -> Result<PostingKey, ControlError> {
    Ok(PostingKey {
        account: AccountId::from_raw(row.account),
        partition: PartitionId(POSTING.number("partition", row.partition)?),
        hour: row.hour,
        campaign: Some(row.campaign).filter(|raw| *raw != 0).map(CampaignId::from_raw),
        purse: POSTING.code("purse", row.purse, Purse::from_code)?,
        category: POSTING.code("category", row.category, Category::from_code)?,
        carrier: POSTING.word("carrier", &row.carrier, Carrier::from_word)?,
        channel: Some(POSTING.number("channel", row.channel)?).filter(|raw| *raw != 0).map(ChannelId),
    })
}

fn is_nothing(row: &Model) -> bool {
    flow_of(row) == Flow::default() && (row.messages, row.parts, row.cost) == (0, 0, 0)
}

fn empty(key: &PostingKey) -> Model {
    let (hour, partition, campaign, purse, category, carrier, channel) = key_of(key);
    Model {
        account: key.account.raw(),
        hour,
        partition,
        campaign,
        purse,
        category,
        carrier,
        channel,
        reserved: 0,
        from_hold: 0,
        charged: 0,
        released: 0,
        reopened: 0,
        refunded: 0,
        recovered: 0,
        messages: 0,
        parts: 0,
        cost: 0,
    }
}

fn flow_of(row: &Model) -> Flow {
    Flow {
        reserved: Money::from_micros(row.reserved),
        charged: Money::from_micros(row.charged),
        released: Money::from_micros(row.released),
        reopened: Money::from_micros(row.reopened),
        refunded: Money::from_micros(row.refunded),
        recovered: Money::from_micros(row.recovered),
    }
}

fn less(now: &Flow, before: &Flow) -> Flow {
    Flow {
        reserved: now.reserved - before.reserved,
        charged: now.charged - before.charged,
        released: now.released - before.released,
        reopened: now.reopened - before.reopened,
        refunded: now.refunded - before.refunded,
        recovered: now.recovered - before.recovered,
    }
}

/// Sets a row to what is said of it. `false`: it said so already.
fn fill(row: &mut Model, posting: &Posting, from_hold: Money) -> bool {
    let before = row.clone();
    let flow = &posting.flow;
    row.reserved = flow.reserved.micros();
    row.from_hold = from_hold.micros();
    row.charged = flow.charged.micros();
    row.released = flow.released.micros();
    row.reopened = flow.reopened.micros();
    row.refunded = flow.refunded.micros();
    row.recovered = flow.recovered.micros();
    (row.messages, row.parts, row.cost) = (posting.messages, posting.parts, posting.cost.micros());
    *row != before
}

async fn put_rows(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), ControlError> {
    let key: Vec<Column> = PrimaryKey::iter().map(|column| column.into_column()).collect();
    let values: Vec<Column> = Column::iter().filter(|column| !is_key(column)).collect();
    for rows in rows.chunks(ROWS_AT_ONCE) {
        let rows = rows.iter().cloned().map(|row| row.into_active_model());
        let replace =
            OnConflict::columns(key.iter().copied()).update_columns(values.iter().copied()).to_owned();
        let put = Entity::insert_many(rows).on_conflict(replace);
        put.exec_without_returning(db).await.map_err(|e| of_database(&e, "posting"))?;
    }
    Ok(())
}

fn is_key(column: &Column) -> bool {
    matches!(
        column,
        Column::Account
            | Column::Hour
            | Column::Partition
            | Column::Campaign
            | Column::Purse
            | Column::Category
            | Column::Carrier
            | Column::Channel
    )
}

async fn put_accepted(
    db: &impl ConnectionTrait,
    account: AccountId,
    gained: BTreeMap<i64, Money>,
) -> Result<(), ControlError> {
    use accepted_hour::Column as Hour;
    if gained.is_empty() {
        return Ok(());
    }
    let hours = accepted_hour::Entity::find()
        .filter(Hour::Account.eq(account.raw()))
        .filter(Hour::Hour.is_in(gained.keys().copied()));
    let hours = hours.all(db).await.map_err(|e| of_database(&e, "accepted_hour"))?;
    let known: HashMap<i64, i64> = hours.into_iter().map(|row| (row.hour, row.amount)).collect();
    let rows = gained.into_iter().map(|(hour, gained)| {
        let before = Money::from_micros(known.get(&hour).copied().unwrap_or(0));
        let row = accepted_hour::Model { account: account.raw(), hour, amount: (before + gained).micros() };
        row.into_active_model()
    });
    let replace = OnConflict::columns([Hour::Account, Hour::Hour]).update_column(Hour::Amount).to_owned();
    let put = accepted_hour::Entity::insert_many(rows).on_conflict(replace);
    put.exec_without_returning(db).await.map(|_| ()).map_err(|e| of_database(&e, "accepted_hour"))
}
