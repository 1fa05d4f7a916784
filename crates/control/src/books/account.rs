//! The books of one account, locked until the end of the transaction that holds them.

use domain::billing::{Book, Flow, Purse, Transfer, TransferKind};
use domain::control::{Balance, ControlError};
use domain::ids::{AccountId, TransferId};
use domain::money::Money;
use domain::time::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::READING;
use crate::error::of_database;
use crate::reading::seal;
use crate::row::{book_balance, transfer};
use sealing::Sealer;

const BOOKS: usize = Book::ALL.len();

/// What an account's books hold, in the order of [`Book::ALL`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Amounts([Money; BOOKS]);

impl Amounts {
    pub(super) fn of(&self, book: Book) -> Money {
        self.0[place(book)]
    }

    pub(super) fn add(&mut self, book: Book, amount: Money) {
        self.0[place(book)] += amount;
    }

    /// Takes from one book what it gives to another.
    pub(super) fn shift(&mut self, from: Book, to: Book, amount: Money) {
        self.add(from, -amount);
        self.add(to, amount);
    }

    pub(super) fn sum(&self) -> Money {
        self.0.iter().copied().sum()
    }

    pub(super) fn balance(&self) -> Balance {
        Balance {
            funds: self.of(Book::Funds),
            allowance: self.of(Book::Allowance),
            held: self.of(Book::Held),
            reserved: self.of(Book::Reserved),
        }
    }

    /// What messages of one purse move; `from_hold` is the part of what was accepted that a hold paid. Amounts may be below zero:
    /// what the books have of a flow beyond what it comes to.
    pub(super) fn follow(&mut self, purse: Purse, flow: &Flow, from_hold: Money) {
        match purse {
            Purse::Allowance => self.shift(Book::Allowance, Book::Reserved, flow.reserved),
            Purse::Open | Purse::Hold => {
                self.shift(Book::Held, Book::Reserved, from_hold);
                self.shift(Book::Funds, Book::Reserved, flow.reserved - from_hold);
            }
        }
        self.shift(Book::Reserved, Book::Revenue, flow.charged);
        self.shift(Book::Reserved, Book::Funds, flow.released);
        self.shift(Book::Revenue, Book::Reserved, flow.reopened);
        self.shift(Book::Revenue, Book::Funds, flow.refunded);
        self.shift(Book::Funds, Book::Revenue, flow.recovered);
    }
}

fn place(book: Book) -> usize {
    usize::from(book.code()) - 1
}

/// What an account's books hold, as read.
pub(super) async fn amounts(db: &impl ConnectionTrait, account: AccountId) -> Result<Amounts, ControlError> {
    let rows = book_balance::Entity::find().filter(book_balance::Column::Account.eq(account.raw()));
    sum_of(&rows.all(db).await.map_err(|e| of_database(&e, "book_balance"))?)
}

fn sum_of(rows: &[book_balance::Model]) -> Result<Amounts, ControlError> {
    let mut amounts = Amounts::default();
    for row in rows {
        let book = READING.code("book", row.book, Book::from_code)?;
        amounts.add(book, Money::from_micros(row.amount));
    }
    Ok(amounts)
}

/// The locked books; nothing is written before [`Self::save`].
pub(super) struct OpenBooks {
    account: AccountId,
    before: Amounts,
    pub(super) now: Amounts,
}

impl OpenBooks {
    /// Waits for whoever else has them. Accounts are locked in the order of their ids, so that nobody waits for each other.
    pub(super) async fn lock(db: &impl ConnectionTrait, account: AccountId) -> Result<Self, ControlError> {
        let mut rows = locked(db, account).await?;
        if rows.len() < BOOKS {
            let empty = Book::ALL.iter().map(|book| {
                let row = book_balance::Model { account: account.raw(), book: book.code().into(), amount: 0 };
                row.into_active_model()
            });
            // Somebody else may be making them at this moment: then this waits, and finds them.
            let there = OnConflict::columns([book_balance::Column::Account, book_balance::Column::Book])
                .update_column(book_balance::Column::Book)
                .to_owned();
            let made = book_balance::Entity::insert_many(empty).on_conflict(there);
            made.exec_without_returning(db).await.map_err(|e| of_database(&e, "book_balance"))?;
            rows = locked(db, account).await?;
        }
        let before = sum_of(&rows)?;
        Ok(Self { account, before, now: before })
    }

    /// Moves money and enters it into the journal.
    pub(super) async fn enter(
        &mut self,
        db: &impl ConnectionTrait,
        sealer: &Sealer,
        entry: &Entry<'_>,
    ) -> Result<(), ControlError> {
        let Transfer { from, to, amount, .. } = entry.transfer;
        self.now.shift(from, to, amount);
        let id = entry.id.raw();
        let row = transfer::Model {
            id,
            account: self.account.raw(),
            kind: entry.transfer.kind.code().into(),
            from_book: from.code().into(),
            to_book: to.code().into(),
            amount: amount.micros(),
            at: entry.at.millis(),
            subject: entry.subject.to_owned(),
            sealed: entry.reference.map(|reference| seal(sealer, "transfer", id, &reference)),
            once_key: entry.once.map(str::to_owned),
        };
        let added = transfer::Entity::insert(row.into_active_model());
        added.exec_without_returning(db).await.map(|_| ()).map_err(|e| of_database(&e, "transfer"))
    }

    /// Writes the balances that changed.
    pub(super) async fn save(&self, db: &impl ConnectionTrait) -> Result<(), ControlError> {
        for book in Book::ALL.iter().copied().filter(|book| self.now.of(*book) != self.before.of(*book)) {
            let change = book_balance::Entity::update_many()
                .col_expr(book_balance::Column::Amount, Expr::value(self.now.of(book).micros()))
                .filter(book_balance::Column::Account.eq(self.account.raw()))
                .filter(book_balance::Column::Book.eq(i32::from(book.code())));
            change.exec(db).await.map_err(|e| of_database(&e, "book_balance"))?;
        }
        Ok(())
    }
}

/// A line to be entered.
pub(super) struct Entry<'a> {
    pub(super) id: TransferId,
    pub(super) transfer: Transfer,
    pub(super) at: Timestamp,
    pub(super) subject: &'a str,
    pub(super) reference: Option<&'a str>,
    pub(super) once: Option<&'a str>,
}

/// The transfer of a kind whose books do not depend on anything else.
pub(super) fn transfer_of(account: AccountId, kind: TransferKind, amount: Money) -> Transfer {
    use TransferKind as K;
    let (from, to) = match kind {
        K::TopUp => (Book::Cash, Book::Funds),
        K::Withdrawal => (Book::Funds, Book::Cash),
        K::Grant => (Book::Funds, Book::Allowance),
        K::GrantReturned => (Book::Allowance, Book::Funds),
        K::Hold => (Book::Funds, Book::Held),
        K::HoldReturned => (Book::Held, Book::Funds),
        K::Accepted => (Book::Funds, Book::Reserved),
        K::Charged => (Book::Reserved, Book::Revenue),
        K::Released => (Book::Reserved, Book::Funds),
        K::Reopened => (Book::Revenue, Book::Reserved),
        K::Refunded => (Book::Revenue, Book::Funds),
        K::Recovered => (Book::Funds, Book::Revenue),
    };
    Transfer { account, kind, from, to, amount }
}

async fn locked(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Vec<book_balance::Model>, ControlError> {
    let rows = book_balance::Entity::find()
        .filter(book_balance::Column::Account.eq(account.raw()))
        .order_by_asc(book_balance::Column::Book)
        .lock_exclusive();
    rows.all(db).await.map_err(|e| of_database(&e, "book_balance"))
}
