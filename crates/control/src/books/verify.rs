//! Whether the books add up: each account's balances against its journal, its postings, its holds and its grants.

use std::collections::BTreeSet;

use domain::billing::{Book, Purse};
use domain::control::{BookFault, BookRule, BooksChecked, ControlError};
use domain::ids::AccountId;
use domain::money::Money;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QuerySelect as _,
};

use super::account::{self, Amounts};
use super::{left_of, sums};
use crate::error::of_database;
use crate::row::{accepted_hour, book_balance, campaign_hold, partition_grant, posting, transfer};

/// Reads everything, account by account, of one moment.
pub(super) async fn verify(db: &DatabaseTransaction) -> Result<BooksChecked, ControlError> {
    let mut checked = BooksChecked::default();
    for account in accounts(db).await? {
        checked.accounts += 1;
        let amounts = account::amounts(db, account).await?;
        // Nothing is ever written of an hour that is so far away.
        let came_to = sums::amounts_before(db, account, i64::MAX / 3_600_000).await?;
        let rules = [
            (BookRule::Zero, amounts.sum() == Money::ZERO),
            (BookRule::Journal, amounts == came_to),
            (BookRule::Held, held(db, account).await? == amounts.of(Book::Held)),
            (BookRule::Allowance, allowances(db, account, &amounts).await?),
            (BookRule::Accepted, accepted(db, account).await?),
        ];
        let broken = rules.into_iter().filter(|(_, holds)| !holds);
        checked.faults.extend(broken.map(|(rule, _)| BookFault { account, rule }));
    }
    Ok(checked)
}

async fn accounts(db: &impl ConnectionTrait) -> Result<BTreeSet<AccountId>, ControlError> {
    let of_balances = book_balance::Entity::find().select_only().column(book_balance::Column::Account);
    let of_balances: Vec<i64> =
        of_balances.distinct().into_tuple().all(db).await.map_err(|e| of_database(&e, "book_balance"))?;
    let of_journal = transfer::Entity::find().select_only().column(transfer::Column::Account).distinct();
    let of_journal: Vec<i64> =
        of_journal.into_tuple().all(db).await.map_err(|e| of_database(&e, "transfer"))?;
    let of_postings = posting::Entity::find().select_only().column(posting::Column::Account).distinct();
    let of_postings: Vec<i64> =
        of_postings.into_tuple().all(db).await.map_err(|e| of_database(&e, "posting"))?;
    let all = of_balances.into_iter().chain(of_journal).chain(of_postings);
    Ok(all.map(AccountId::from_raw).collect())
}

async fn held(db: &impl ConnectionTrait, account: AccountId) -> Result<Money, ControlError> {
    let holds = campaign_hold::Entity::find().filter(campaign_hold::Column::Account.eq(account.raw()));
    let holds = holds.all(db).await.map_err(|e| of_database(&e, "campaign_hold"))?;
    Ok(holds.iter().map(left_of).sum())
}

async fn allowances(
    db: &impl ConnectionTrait,
    account: AccountId,
    amounts: &Amounts,
) -> Result<bool, ControlError> {
    let grants = partition_grant::Entity::find().filter(partition_grant::Column::Account.eq(account.raw()));
    let grants = grants.all(db).await.map_err(|e| of_database(&e, "partition_grant"))?;
    let outstanding =
        grants.iter().map(|row| Money::from_micros(row.granted) - Money::from_micros(row.returned)).sum();
    let flows = sums::flows(db, sums::of_account(account)).await?;
    let drawn = flows.iter().filter(|(purse, ..)| *purse == Purse::Allowance);
    let drawn: Money = drawn.map(|(_, flow, _)| flow.reserved).sum();
    let left: Money = outstanding;
    Ok(left - drawn == amounts.of(Book::Allowance) && amounts.of(Book::Allowance) >= Money::ZERO)
}

async fn accepted(db: &impl ConnectionTrait, account: AccountId) -> Result<bool, ControlError> {
    let hours = accepted_hour::Entity::find()
        .select_only()
        .column(accepted_hour::Column::Hour)
        .column(accepted_hour::Column::Amount)
        .filter(accepted_hour::Column::Account.eq(account.raw()))
        .filter(accepted_hour::Column::Amount.ne(0));
    let mut hours: Vec<(i64, i64)> =
        hours.into_tuple().all(db).await.map_err(|e| of_database(&e, "accepted_hour"))?;
    hours.sort_unstable();
    Ok(hours == sums::accepted_by_hour(db, account).await?)
}
