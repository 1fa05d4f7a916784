//! What accounts agreed to.

use domain::billing::{Charge, Limits, Mode, Terms};
use domain::control::{Agreement, ControlError};
use domain::ids::AccountId;
use domain::money::Money;
use domain::policy::Zone;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, EntityTrait as _, IntoActiveModel as _, Iterable as _, QuerySelect as _};

use crate::ControlDb;
use crate::error::of_database;
use crate::nodes::configuration_changed;
use crate::reading::Reading;
use crate::row::account_terms::{Column, Entity, Model};

const READING: Reading = Reading("account_terms");

/// The default where nothing was agreed.
pub(super) async fn agreement(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Agreement, ControlError> {
    let row = Entity::find_by_id(account.raw()).one(db).await;
    let row = row.map_err(|e| of_database(&e, "account_terms"))?;
    row.map_or_else(
        || Ok(Agreement { terms: Terms::default(), zone: Zone::china() }),
        |row| agreement_of(&row),
    )
}

fn agreement_of(row: &Model) -> Result<Agreement, ControlError> {
    let amount = |micros: Option<i64>| micros.map(Money::from_micros);
    Ok(Agreement {
        terms: Terms {
            mode: READING.code("mode", row.mode, Mode::from_code)?,
            charge: READING.code("charge", row.charge, Charge::from_code)?,
            credit: Money::from_micros(row.credit),
            limits: Limits { daily: amount(row.daily), monthly: amount(row.monthly) },
            alert_below: amount(row.alert_below),
            revision: READING.number("revision", row.revision)?,
        },
        zone: Zone::named(&row.zone).map_err(|_| READING.odd("zone"))?,
    })
}

impl ControlDb {
    /// One transaction that looks at the revision and writes.
    pub(super) async fn replace_agreement(
        &self,
        account: AccountId,
        agreement: &Agreement,
    ) -> Result<Terms, ControlError> {
        let write = self.write().await?;
        let tx = &write.transaction;
        let known = Entity::find_by_id(account.raw()).lock_exclusive().one(tx).await;
        let known = known.map_err(|e| of_database(&e, "account_terms"))?;
        let revision = known.map_or(Ok(0), |row| READING.number("revision", row.revision))?;
        if revision != agreement.terms.revision {
            return Err(ControlError::Changed("terms"));
        }
        let terms = Terms { revision: revision.saturating_add(1), ..agreement.terms };
        let amount = |money: Option<Money>| money.map(Money::micros);
        let row = Model {
            id: account.raw(),
            mode: terms.mode.code().into(),
            charge: terms.charge.code().into(),
            credit: terms.credit.micros(),
            daily: amount(terms.limits.daily),
            monthly: amount(terms.limits.monthly),
            alert_below: amount(terms.alert_below),
            zone: agreement.zone.name().to_owned(),
            revision: i32::try_from(terms.revision).unwrap_or(i32::MAX),
        };
        let put = Entity::insert(row.into_active_model());
        let put = if revision == 0 {
            // Two first agreements at once: the second finds the first one's row.
            put.exec_without_returning(tx).await.map_err(|error| match of_database(&error, "terms") {
                ControlError::Exists(what) => ControlError::Changed(what),
                other => other,
            })
        } else {
            let replace = OnConflict::column(Column::Id).update_columns(Column::iter()).to_owned();
            let put = put.on_conflict(replace).exec_without_returning(tx).await;
            put.map_err(|e| of_database(&e, "account_terms"))
        };
        put?;
        configuration_changed(tx).await?;
        write.commit().await?;
        Ok(terms)
    }
}
