//! Sums over the journal and over what messages moved.

use std::collections::BTreeMap;

use domain::billing::{
    Book, Flow, Holdings, HourSpan, MarginBy, MarginLine, MarginOf, Month, Purse, StatementLine, TransferKind,
};
use domain::control::{Balance, ControlError, Spent};
use domain::ids::{AccountId, ChannelId};
use domain::message::Category;
use domain::money::Money;
use domain::phone::Carrier;
use domain::policy::Zone;
use domain::time::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _, Select,
};

use super::account::Amounts;
use crate::error::of_database;
use crate::reading::Reading;
use crate::row::{accepted_hour, posting, transfer};

const POSTING: Reading = Reading("posting");
const TRANSFER: Reading = Reading("transfer");

/// PostgreSQL sums to a type of its own, which nothing here reads.
fn sum(column: impl sea_orm::IntoSimpleExpr) -> Expr {
    column.into_simple_expr().sum().cast_as("bigint")
}

/// What may have been accepted in the day and the month of `now`: what was, and what can be at any moment (allowances and holds).
pub(super) async fn spent(
    db: &impl ConnectionTrait,
    account: AccountId,
    zone: &Zone,
    balance: &Balance,
    now: Timestamp,
) -> Result<Spent, ControlError> {
    let open = balance.allowance + balance.held;
    let day = accepted(db, account, HourSpan::day(now, zone.rules())).await?;
    let month = accepted(db, account, Month::of(now, zone.rules()).span(zone.rules())).await?;
    Ok(Spent { today: day + open, month: month + open })
}

async fn accepted(
    db: &impl ConnectionTrait,
    account: AccountId,
    span: HourSpan,
) -> Result<Money, ControlError> {
    let total = accepted_hour::Entity::find()
        .select_only()
        .column_as(sum(accepted_hour::Column::Amount), "total")
        .filter(accepted_hour::Column::Account.eq(account.raw()))
        .filter(accepted_hour::Column::Hour.gte(span.from))
        .filter(accepted_hour::Column::Hour.lt(span.until));
    let total: Option<Option<i64>> =
        total.into_tuple().one(db).await.map_err(|e| of_database(&e, "accepted_hour"))?;
    Ok(Money::from_micros(total.flatten().unwrap_or(0)))
}

/// What an account's books came to before an hour.
pub(super) async fn amounts_before(
    db: &impl ConnectionTrait,
    account: AccountId,
    hour: i64,
) -> Result<Amounts, ControlError> {
    let mut amounts = Amounts::default();
    let before = HourSpan { from: hour, until: hour }.begins();
    let journal = transfer::Entity::find()
        .select_only()
        .column(transfer::Column::FromBook)
        .column(transfer::Column::ToBook)
        .column_as(sum(transfer::Column::Amount), "total")
        .filter(transfer::Column::Account.eq(account.raw()))
        .filter(transfer::Column::At.lt(before.millis()))
        .group_by(transfer::Column::FromBook)
        .group_by(transfer::Column::ToBook);
    let journal: Vec<(i32, i32, i64)> =
        journal.into_tuple().all(db).await.map_err(|e| of_database(&e, "transfer"))?;
    for (from, to, total) in journal {
        let from = TRANSFER.code("from_book", from, Book::from_code)?;
        let to = TRANSFER.code("to_book", to, Book::from_code)?;
        amounts.shift(from, to, Money::from_micros(total));
    }
    let moved = of_account(account).filter(posting::Column::Hour.lt(hour));
    for (purse, flow, from_hold) in flows(db, moved).await? {
        amounts.follow(purse, &flow, from_hold);
    }
    Ok(amounts)
}

pub(super) fn holdings(amounts: &Amounts) -> Holdings {
    let balance = amounts.balance();
    Holdings { funds: balance.funds, reserved: balance.allowance + balance.held + balance.reserved }
}

pub(super) fn of_account(account: AccountId) -> Select<posting::Entity> {
    posting::Entity::find().filter(posting::Column::Account.eq(account.raw()))
}

type FlowRow = (i32, i64, i64, i64, i64, i64, i64, i64);

/// Flows by purse, each with the part of what was accepted that holds paid.
pub(super) async fn flows(
    db: &impl ConnectionTrait,
    rows: Select<posting::Entity>,
) -> Result<Vec<(Purse, Flow, Money)>, ControlError> {
    use posting::Column as P;
    let rows = rows
        .select_only()
        .column(P::Purse)
        .column_as(sum(P::Reserved), "sum_reserved")
        .column_as(sum(P::FromHold), "sum_from_hold")
        .column_as(sum(P::Charged), "sum_charged")
        .column_as(sum(P::Released), "sum_released")
        .column_as(sum(P::Reopened), "sum_reopened")
        .column_as(sum(P::Refunded), "sum_refunded")
        .column_as(sum(P::Recovered), "sum_recovered")
        .group_by(P::Purse);
    let rows: Vec<FlowRow> = rows.into_tuple().all(db).await.map_err(|e| of_database(&e, "posting"))?;
    let flow = |(purse, reserved, from_hold, charged, released, reopened, refunded, recovered): FlowRow| {
        let money = Money::from_micros;
        let flow = Flow {
            reserved: money(reserved),
            charged: money(charged),
            released: money(released),
            reopened: money(reopened),
            refunded: money(refunded),
            recovered: money(recovered),
        };
        Ok((POSTING.code("purse", purse, Purse::from_code)?, flow, money(from_hold)))
    };
    rows.into_iter().map(flow).collect()
}

/// What was paid in and paid back within a span.
pub(super) async fn payments(
    db: &impl ConnectionTrait,
    account: AccountId,
    span: HourSpan,
) -> Result<(Money, Money), ControlError> {
    let kinds = [TransferKind::TopUp, TransferKind::Withdrawal];
    let rows = transfer::Entity::find()
        .select_only()
        .column(transfer::Column::Kind)
        .column_as(sum(transfer::Column::Amount), "total")
        .filter(transfer::Column::Account.eq(account.raw()))
        .filter(transfer::Column::At.gte(span.begins().millis()))
        .filter(transfer::Column::At.lt(span.ends().millis()))
        .filter(transfer::Column::Kind.is_in(kinds.map(|kind| i32::from(kind.code()))))
        .group_by(transfer::Column::Kind);
    let rows: Vec<(i32, i64)> = rows.into_tuple().all(db).await.map_err(|e| of_database(&e, "transfer"))?;
    let of = |kind: TransferKind| {
        let total = rows.iter().find(|(code, _)| *code == i32::from(kind.code())).map_or(0, |row| row.1);
        Money::from_micros(total)
    };
    Ok((of(TransferKind::TopUp), of(TransferKind::Withdrawal)))
}

/// Messages, parts, and what they were charged and paid back, over some rows.
struct Came {
    messages: i64,
    parts: i64,
    charged: Money,
    refunded: Money,
    cost: Money,
}

type CameRow<K> = (K, i64, i64, i64, i64, i64, i64, i64);

fn came<K>(row: CameRow<K>) -> (K, Came) {
    let (key, messages, parts, charged, recovered, reopened, refunded, cost) = row;
    let money = Money::from_micros;
    let charged = money(charged) + money(recovered) - money(reopened);
    (key, Came { messages, parts, charged, refunded: money(refunded), cost: money(cost) })
}

fn summed(rows: Select<posting::Entity>, by: posting::Column) -> Select<posting::Entity> {
    use posting::Column as P;
    rows.select_only()
        .column(by)
        .column_as(sum(P::Messages), "sum_messages")
        .column_as(sum(P::Parts), "sum_parts")
        .column_as(sum(P::Charged), "sum_charged")
        .column_as(sum(P::Recovered), "sum_recovered")
        .column_as(sum(P::Reopened), "sum_reopened")
        .column_as(sum(P::Refunded), "sum_refunded")
        .column_as(sum(P::Cost), "sum_cost")
        .group_by(by)
}

fn within(rows: Select<posting::Entity>, span: HourSpan) -> Select<posting::Entity> {
    rows.filter(posting::Column::Hour.gte(span.from)).filter(posting::Column::Hour.lt(span.until))
}

/// By category, then carrier; those that came to nothing at all are left out.
pub(super) async fn lines(
    db: &impl ConnectionTrait,
    account: AccountId,
    span: HourSpan,
) -> Result<Vec<StatementLine>, ControlError> {
    let mut lines = BTreeMap::new();
    for category in Category::ALL.iter().copied() {
        let rows = within(of_account(account), span)
            .filter(posting::Column::Category.eq(i32::from(category.code())));
        let rows: Vec<CameRow<String>> = summed(rows, posting::Column::Carrier)
            .into_tuple()
            .all(db)
            .await
            .map_err(|e| of_database(&e, "posting"))?;
        for (carrier, came) in rows.into_iter().map(came) {
            let carrier = POSTING.word("carrier", &carrier, Carrier::from_word)?;
            let Came { messages, parts, charged, refunded, .. } = came;
            let line = StatementLine { category, carrier, messages, parts, charged, refunded };
            let is_nothing = (messages, parts) == (0, 0) && charged == Money::ZERO && refunded == Money::ZERO;
            if !is_nothing {
                lines.insert((category, carrier), line);
            }
        }
    }
    Ok(lines.into_values().collect())
}

/// Of all accounts, in order.
pub(super) async fn margins(
    db: &impl ConnectionTrait,
    span: HourSpan,
    by: MarginBy,
) -> Result<Vec<MarginLine>, ControlError> {
    let rows = within(posting::Entity::find(), span);
    let failed = |e: sea_orm::DbErr| of_database(&e, "posting");
    let mut lines: Vec<MarginLine> = match by {
        MarginBy::Channel => {
            let rows: Vec<CameRow<i32>> =
                summed(rows, posting::Column::Channel).into_tuple().all(db).await.map_err(failed)?;
            let line = |row| {
                let (channel, came) = came(row);
                let channel = POSTING.number("channel", channel)?;
                let channel = Some(channel).filter(|channel| *channel != 0).map(ChannelId);
                Ok(margin(MarginOf::Channel(channel), &came))
            };
            rows.into_iter().map(line).collect::<Result<_, ControlError>>()?
        }
        MarginBy::Account => {
            let rows: Vec<CameRow<i64>> =
                summed(rows, posting::Column::Account).into_tuple().all(db).await.map_err(failed)?;
            let line = |row| {
                let (account, came) = came(row);
                margin(MarginOf::Account(AccountId::from_raw(account)), &came)
            };
            rows.into_iter().map(line).collect()
        }
        MarginBy::Carrier => {
            let rows: Vec<CameRow<String>> =
                summed(rows, posting::Column::Carrier).into_tuple().all(db).await.map_err(failed)?;
            let line = |row: CameRow<String>| {
                let (carrier, came) = came(row);
                let carrier = POSTING.word("carrier", &carrier, Carrier::from_word)?;
                Ok(margin(MarginOf::Carrier(carrier), &came))
            };
            rows.into_iter().map(line).collect::<Result<_, ControlError>>()?
        }
    };
    lines.retain(|line| line.parts != 0 || line.revenue != Money::ZERO || line.cost != Money::ZERO);
    lines.sort_by_key(|line| line.of);
    Ok(lines)
}

fn margin(of: MarginOf, came: &Came) -> MarginLine {
    let Came { messages, parts, charged, refunded, cost } = *came;
    MarginLine { of, messages, parts, revenue: charged - refunded, cost }
}

/// What postings say was accepted, by hour, where that is something.
pub(super) async fn accepted_by_hour(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Vec<(i64, i64)>, ControlError> {
    let rows = of_account(account)
        .select_only()
        .column(posting::Column::Hour)
        .column_as(sum(posting::Column::Reserved), "total")
        .group_by(posting::Column::Hour);
    let rows: Result<Vec<(i64, i64)>, _> = rows.into_tuple().all(db).await;
    let mut rows = rows.map_err(|e| of_database(&e, "posting"))?;
    rows.retain(|(_, total)| *total != 0);
    rows.sort_unstable();
    Ok(rows)
}
