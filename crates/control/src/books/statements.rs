//! What people ask of the books.

use async_trait::async_trait;
use domain::billing::{
    Book, HourSpan, MarginBy, MarginLine, Mode, Month, Room, Statement, StatementLine, Terms, Transfer,
    TransferKind,
};
use domain::control::{
    Agreement, BooksChecked, ControlError, JournalLine, Paid, Payment, Short, Standing, Statements,
    TransferFilter,
};
use domain::ids::{AccountId, TransferId};
use domain::money::Money;
use domain::time::Timestamp;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::account::{self, Entry, OpenBooks, transfer_of};
use super::{sums, terms, verify};
use crate::ControlDb;
use crate::error::of_database;
use crate::reading::{PAGE_LIMIT, Reading};
use crate::row::{posting, transfer};
use sealing::Sealer;

const READING: Reading = Reading("transfer");

#[async_trait]
impl Statements for ControlDb {
    async fn agreement(&self, account: AccountId) -> Result<Agreement, ControlError> {
        terms::agreement(&self.db, account).await
    }

    async fn put_agreement(&self, account: AccountId, agreement: &Agreement) -> Result<Terms, ControlError> {
        self.replace_agreement(account, agreement).await
    }

    async fn standing(&self, account: AccountId, now: Timestamp) -> Result<Standing, ControlError> {
        let read = self.read().await?;
        let agreement = terms::agreement(&read, account).await?;
        let balance = account::amounts(&read, account).await?.balance();
        let spent = sums::spent(&read, account, &agreement.zone, &balance, now).await?;
        Ok(Standing { agreement, balance, spent })
    }

    async fn pay(&self, payment: &Payment, now: Timestamp) -> Result<Paid, ControlError> {
        let write = self.write().await?;
        let tx = &write.transaction;
        let mut books = OpenBooks::lock(tx, payment.account).await?;
        let once = format!("pay:{}", payment.key);
        if let Some(line) = made_before(tx, &self.sealer, payment.account, &once).await? {
            let is_same = line.transfer.kind == payment.kind
                && line.transfer.amount == payment.amount
                && line.reference.as_ref() == Some(&payment.reference);
            return Ok(if is_same { Paid::Done(line) } else { Paid::KeyReused });
        }
        let agreed = terms::agreement(tx, payment.account).await?.terms;
        if let Err(short) = withdrawable(&agreed, books.now.of(Book::Funds), payment) {
            return Ok(Paid::Short(short));
        }
        let line = JournalLine {
            id: self.ids.fresh(now).into(),
            transfer: transfer_of(payment.account, payment.kind, payment.amount),
            at: now,
            subject: String::new(),
            reference: Some(payment.reference.clone()),
        };
        let entry = Entry {
            id: line.id,
            transfer: line.transfer,
            at: now,
            subject: "",
            reference: Some(&payment.reference),
            once: Some(&once),
        };
        books.enter(tx, &self.sealer, &entry).await?;
        books.save(tx).await?;
        write.commit().await?;
        Ok(Paid::Done(line))
    }

    async fn transfers(&self, filter: &TransferFilter, limit: u32) -> Result<Vec<JournalLine>, ControlError> {
        use transfer::Column as T;
        let mut rows = transfer::Entity::find().filter(T::Account.eq(filter.account.raw()));
        if let Some(kind) = filter.kind {
            rows = rows.filter(T::Kind.eq(i32::from(kind.code())));
        }
        if let Some(since) = filter.since {
            rows = rows.filter(T::At.gte(since.millis()));
        }
        if let Some(until) = filter.until {
            rows = rows.filter(T::At.lt(until.millis()));
        }
        if let Some(before) = filter.before {
            rows = rows.filter(T::Id.lt(before.raw()));
        }
        let rows = rows.order_by_desc(T::Id).limit(u64::from(limit.min(PAGE_LIMIT))).all(&self.db).await;
        let rows = rows.map_err(|e| of_database(&e, "transfer"))?;
        rows.into_iter().map(|row| line_of(&self.sealer, row)).collect()
    }

    async fn first_hour(&self, account: AccountId) -> Result<Option<i64>, ControlError> {
        let paid = transfer::Entity::find()
            .select_only()
            .column_as(transfer::Column::At.min(), "first")
            .filter(transfer::Column::Account.eq(account.raw()));
        let paid: Option<Option<i64>> =
            paid.into_tuple().one(&self.db).await.map_err(|e| of_database(&e, "transfer"))?;
        let moved = sums::of_account(account).select_only().column_as(posting::Column::Hour.min(), "first");
        let moved: Option<Option<i64>> =
            moved.into_tuple().one(&self.db).await.map_err(|e| of_database(&e, "posting"))?;
        let paid = paid.flatten().map(|at| Timestamp::from_millis(at).hour());
        Ok([paid, moved.flatten()].into_iter().flatten().min())
    }

    async fn statement(&self, account: AccountId, month: Month) -> Result<Statement, ControlError> {
        let read = self.read().await?;
        let zone = terms::agreement(&read, account).await?.zone;
        let span = month.span(zone.rules());
        let (top_ups, withdrawals) = sums::payments(&read, account, span).await?;
        Ok(Statement {
            account,
            month,
            opening: sums::holdings(&sums::amounts_before(&read, account, span.from).await?),
            top_ups,
            withdrawals,
            lines: sums::lines(&read, account, span).await?,
            closing: sums::holdings(&sums::amounts_before(&read, account, span.until).await?),
        })
    }

    async fn charged(&self, account: AccountId, span: HourSpan) -> Result<Vec<StatementLine>, ControlError> {
        sums::lines(&self.db, account, span).await
    }

    async fn margins(&self, span: HourSpan, by: MarginBy) -> Result<Vec<MarginLine>, ControlError> {
        sums::margins(&self.db, span, by).await
    }

    async fn verify_books(&self) -> Result<BooksChecked, ControlError> {
        verify::verify(&self.read().await?).await
    }
}

/// What may be paid back: funds, and credit where there is one; of an account that nothing bounds, anything.
fn withdrawable(terms: &Terms, funds: Money, payment: &Payment) -> Result<(), Short> {
    if payment.kind == TransferKind::Withdrawal && terms.mode == Mode::Bounded {
        let unlimited = Terms { limits: domain::billing::Limits::default(), ..*terms };
        Room::of(&unlimited, funds, Money::ZERO, Money::ZERO).take(payment.amount, payment.amount)?;
    }
    Ok(())
}

async fn made_before(
    db: &impl ConnectionTrait,
    sealer: &Sealer,
    account: AccountId,
    once: &str,
) -> Result<Option<JournalLine>, ControlError> {
    let row = transfer::Entity::find()
        .filter(transfer::Column::Account.eq(account.raw()))
        .filter(transfer::Column::OnceKey.eq(once));
    let row = row.one(db).await.map_err(|e| of_database(&e, "transfer"))?;
    row.map(|row| line_of(sealer, row)).transpose()
}

fn line_of(sealer: &Sealer, row: transfer::Model) -> Result<JournalLine, ControlError> {
    let reference = row.sealed.map(|sealed| READING.open(sealer, row.id, &sealed));
    Ok(JournalLine {
        id: TransferId::from_raw(row.id),
        transfer: Transfer {
            account: AccountId::from_raw(row.account),
            kind: READING.code("kind", row.kind, TransferKind::from_code)?,
            from: READING.code("from_book", row.from_book, Book::from_code)?,
            to: READING.code("to_book", row.to_book, Book::from_code)?,
            amount: Money::from_micros(row.amount),
        },
        at: Timestamp::from_millis(row.at),
        subject: row.subject,
        reference: reference.transpose()?,
    })
}
