//! Prices: a plain line is kept as earlier versions read it, one with a country or a time in a table of its own.

use domain::control::{ControlError, PriceLine};
use domain::ids::AccountId;
use domain::message::Category;
use domain::money::Money;
use domain::phone::{Carrier, Country};
use domain::time::Timestamp;
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _,
};

use super::ControlDb;
use super::error::of_database;
use super::reading::Reading;
use super::row::{price, price_line};

impl ControlDb {
    /// All of an account's lines, by what they are for and from when.
    pub(super) async fn all_prices(&self, account: AccountId) -> Result<Vec<PriceLine>, ControlError> {
        let plain =
            price::Entity::find().filter(price::Column::Account.eq(account.raw())).all(&self.db).await;
        let plain = plain.map_err(|e| of_database(&e, "price"))?;
        let others = price_line::Entity::find()
            .filter(price_line::Column::Account.eq(account.raw()))
            .order_by_asc(price_line::Column::ValidFrom);
        let others = others.all(&self.db).await.map_err(|e| of_database(&e, "price_line"))?;
        let lines = plain.iter().map(plain_of).chain(others.iter().map(line_of));
        let mut lines = lines.collect::<Result<Vec<_>, _>>()?;
        lines.sort_by_key(|line| (line.category, line.carrier, line.country, line.from));
        Ok(lines)
    }
}

/// Replaces all of an account's lines.
pub(super) async fn replace_prices(
    account: AccountId,
    lines: &[PriceLine],
    on: &DatabaseTransaction,
) -> Result<(), ControlError> {
    let old = price::Entity::delete_many().filter(price::Column::Account.eq(account.raw()));
    old.exec(on).await.map_err(|e| of_database(&e, "price"))?;
    let old = price_line::Entity::delete_many().filter(price_line::Column::Account.eq(account.raw()));
    old.exec(on).await.map_err(|e| of_database(&e, "price_line"))?;
    for line in lines {
        // The caller's account, whatever the line says: nobody sets another tenant's prices by mistake.
        let (account, per_part) = (account.raw(), line.per_part.micros());
        let category = line.category.map_or(0, Category::code).into();
        let carrier = line.carrier.map_or("", Carrier::as_str).to_owned();
        if line.country.is_none() && line.from.is_none() && line.until.is_none() {
            let row = price::Model { account, category, carrier, per_part };
            let put = price::Entity::insert(row.into_active_model()).exec_without_returning(on).await;
            put.map_err(|e| of_database(&e, "price"))?;
            continue;
        }
        let row = price_line::Model {
            account,
            category,
            carrier,
            country: line.country.map_or_else(String::new, |country| country.code().to_owned()),
            // Nothing was sent before that.
            valid_from: line.from.map_or(0, Timestamp::millis),
            valid_until: line.until.map(Timestamp::millis),
            per_part,
        };
        let put = price_line::Entity::insert(row.into_active_model()).exec_without_returning(on).await;
        put.map_err(|e| of_database(&e, "price"))?;
    }
    Ok(())
}

fn plain_of(row: &price::Model) -> Result<PriceLine, ControlError> {
    let (category, carrier) = said(Reading("price"), row.category, &row.carrier)?;
    let general = PriceLine::general(AccountId::from_raw(row.account), Money::from_micros(row.per_part));
    Ok(PriceLine { category, carrier, ..general })
}

fn line_of(row: &price_line::Model) -> Result<PriceLine, ControlError> {
    let reading = Reading("price_line");
    let (category, carrier) = said(reading, row.category, &row.carrier)?;
    let country =
        (!row.country.is_empty()).then(|| reading.word("country", &row.country, Country::from_code));
    Ok(PriceLine {
        account: AccountId::from_raw(row.account),
        category,
        carrier,
        country: country.transpose()?,
        from: Some(row.valid_from).filter(|from| *from != 0).map(Timestamp::from_millis),
        until: row.valid_until.map(Timestamp::from_millis),
        per_part: Money::from_micros(row.per_part),
    })
}

fn said(
    reading: Reading,
    category: i32,
    carrier: &str,
) -> Result<(Option<Category>, Option<Carrier>), ControlError> {
    let category = (category != 0).then(|| reading.code("category", category, Category::from_code));
    let carrier = (!carrier.is_empty()).then(|| reading.word("carrier", carrier, Carrier::from_word));
    Ok((category.transpose()?, carrier.transpose()?))
}
