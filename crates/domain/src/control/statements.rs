//! The books as people ask of them: terms, payments, the journal, statements, margins.

use async_trait::async_trait;

use super::{Balance, Books, ControlError, Short};
use crate::billing::{
    HourSpan, MarginBy, MarginLine, Month, Statement, StatementLine, Terms, Transfer, TransferKind,
};
use crate::ids::{AccountId, TransferId};
use crate::message::coded_enum;
use crate::money::Money;
use crate::policy::Zone;
use crate::time::Timestamp;

use std::fmt;

/// Terms, with the clock that days and months are told by.
#[derive(Clone, Debug)]
pub struct Agreement {
    pub terms: Terms,
    pub zone: Zone,
}

/// A payment to or from an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    pub account: AccountId,
    /// [`TransferKind::TopUp`] or [`TransferKind::Withdrawal`].
    pub kind: TransferKind,
    /// More than nothing.
    pub amount: Money,
    /// The payer's name for it, such as a bank's number; sealed at rest.
    pub reference: String,
    /// Of the caller's choice: the same payment under the same key is made once, however late it comes again.
    pub key: String,
}

/// What became of a payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Paid {
    /// Now, or under the same key before.
    Done(JournalLine),
    /// The key came with another payment before.
    KeyReused,
    /// A withdrawal of more than there is.
    Short(Short),
}

/// A line of the journal: a movement that people or the platform ordered. What messages move is in statements, by the hour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalLine {
    pub id: TransferId,
    pub transfer: Transfer,
    pub at: Timestamp,
    /// Whose it is: a campaign's id, a partition's name; empty for payments.
    pub subject: String,
    /// Of payments.
    pub reference: Option<String>,
}

/// Which lines of the journal; all conditions hold at once.
#[derive(Clone, Debug)]
pub struct TransferFilter {
    pub account: AccountId,
    pub kind: Option<TransferKind>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Only ids below this one.
    pub before: Option<TransferId>,
}

/// What may have been accepted in the day and the month of an instant, for limits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Spent {
    pub today: Money,
    pub month: Money,
}

/// How an account stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub agreement: Agreement,
    pub balance: Balance,
    pub spent: Spent,
}

coded_enum! {
    /// What must hold of the books.
    BookRule {
        /// All books of an account together hold nothing.
        Zero = 1, "zero";
        /// A balance is the sum of what was transferred.
        Journal = 2, "journal";
        /// What is held is what campaigns hold.
        Held = 3, "held";
        /// Allowances are what was granted, less what was returned and accepted; never below zero.
        Allowance = 4, "allowance";
        /// What was accepted in an hour is the sum of its postings.
        Accepted = 5, "accepted";
    }
}

/// A rule that does not hold for an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BookFault {
    pub account: AccountId,
    pub rule: BookRule,
}

/// What a check of the books found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct BooksChecked {
    /// Accounts that have books.
    pub accounts: u64,
    pub faults: Vec<BookFault>,
}

/// What people ask of the books.
#[async_trait]
pub trait Statements: Books {
    /// What an account agreed to, with its zone; the default where nothing was.
    async fn agreement(&self, account: AccountId) -> Result<Agreement, ControlError>;

    /// Replaces what an account agreed to, if its revision is still the one that `agreement` names; returns the next.
    ///
    /// # Errors
    /// [`ControlError::Changed`] when it is not.
    async fn put_agreement(&self, account: AccountId, agreement: &Agreement) -> Result<Terms, ControlError>;

    /// Terms, balance, and what was spent, read at one time.
    async fn standing(&self, account: AccountId, now: Timestamp) -> Result<Standing, ControlError>;

    /// Makes a payment, once per key.
    async fn pay(&self, payment: &Payment, now: Timestamp) -> Result<Paid, ControlError>;

    /// A page of the journal, newest first.
    async fn transfers(&self, filter: &TransferFilter, limit: u32) -> Result<Vec<JournalLine>, ControlError>;

    /// The hour of the first entry of an account's books, if there is any.
    async fn first_hour(&self, account: AccountId) -> Result<Option<i64>, ControlError>;

    /// A month of an account, by the clock of its zone.
    async fn statement(&self, account: AccountId, month: Month) -> Result<Statement, ControlError>;

    /// What messages of an account came to in some hours, by category and carrier.
    async fn charged(&self, account: AccountId, span: HourSpan) -> Result<Vec<StatementLine>, ControlError>;

    /// What came in and what it cost, of all accounts.
    async fn margins(&self, span: HourSpan, by: MarginBy) -> Result<Vec<MarginLine>, ControlError>;

    /// Whether everything that must hold of the books is so.
    async fn verify_books(&self) -> Result<BooksChecked, ControlError>;
}
