//! Exports: what was asked for, and how far it is. The files are uploads of their own.

use async_trait::async_trait;
use domain::billing::Charge;
use domain::control::{ControlError, Export, ExportFormat, ExportMonth, ExportOf, ExportState, Exports};
use domain::ids::{AccountId, CampaignId, ExportId, ImportId};
use domain::message::MessageState;
use domain::policy::Zone;
use domain::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::ControlDb;
use super::error::of_database;
use super::reading::{PAGE_LIMIT, Reading, seal};
use super::row::export::{Column, Entity, Model};

const TABLE: &str = "export";

/// Sealed as a whole: a tag may name people.
#[derive(Serialize, Deserialize)]
struct Particulars {
    of: String,
    format: String,
    reveal: bool,
    campaign: Option<i64>,
    of_state: Option<String>,
    tag: Option<String>,
    /// Month, zone, and the word of the charge rule.
    month: Option<(String, String, String)>,
    tries: u32,
    rows: u64,
    bytes: u64,
    file: Option<i64>,
    created_at: i64,
    finished_at: Option<i64>,
}

#[async_trait]
impl Exports for ControlDb {
    async fn put_export(&self, export: &Export) -> Result<(), ControlError> {
        let row = self.export_row(export).into_active_model();
        let replace =
            OnConflict::column(Column::Id).update_columns([Column::State, Column::Sealed]).to_owned();
        let write = self.write().await?;
        let put = Entity::insert(row).on_conflict(replace);
        put.exec_without_returning(&write.transaction).await.map_err(|e| of_database(&e, TABLE))?;
        write.commit().await
    }

    async fn export(&self, account: AccountId, id: ExportId) -> Result<Option<Export>, ControlError> {
        let row = Entity::find_by_id(id.raw()).filter(Column::Account.eq(account.raw())).one(&self.db).await;
        row.map_err(|e| of_database(&e, TABLE))?.map(|row| self.export_of(&row)).transpose()
    }

    async fn exports(&self, account: AccountId, limit: u32) -> Result<Vec<Export>, ControlError> {
        let rows = Entity::find()
            .filter(Column::Account.eq(account.raw()))
            .order_by_desc(Column::Id)
            .limit(u64::from(limit.min(PAGE_LIMIT)))
            .all(&self.db)
            .await;
        rows.map_err(|e| of_database(&e, TABLE))?.iter().map(|row| self.export_of(row)).collect()
    }

    async fn unfinished_exports(&self, limit: u32) -> Result<Vec<Export>, ControlError> {
        let codes = [ExportState::Waiting, ExportState::Running].map(|state| i32::from(state.code()));
        let rows = Entity::find()
            .filter(Column::State.is_in(codes))
            .order_by_asc(Column::Id)
            .limit(u64::from(limit.min(PAGE_LIMIT)))
            .all(&self.db)
            .await;
        rows.map_err(|e| of_database(&e, TABLE))?.iter().map(|row| self.export_of(row)).collect()
    }

    async fn expire_exports(&self, before: Timestamp) -> Result<u64, ControlError> {
        let write = self.write().await?;
        let old = Entity::delete_many().filter(Column::Id.lt(ExportId::first_at(before).raw()));
        let gone = old.exec(&write.transaction).await.map_err(|e| of_database(&e, TABLE))?;
        write.commit().await?;
        Ok(gone.rows_affected)
    }
}

impl ControlDb {
    fn export_row(&self, export: &Export) -> Model {
        let particulars = Particulars {
            of: export.of.word().to_owned(),
            format: export.format.word().to_owned(),
            reveal: export.reveal,
            campaign: export.campaign.map(CampaignId::raw),
            of_state: export.of_state.map(|state| state.word().to_owned()),
            tag: export.tag.clone(),
            month: export
                .month
                .as_ref()
                .map(|of| (of.month.to_string(), of.zone.name().to_owned(), of.otherwise.word().to_owned())),
            tries: export.tries,
            rows: export.rows,
            bytes: export.bytes,
            file: export.file.map(ImportId::raw),
            created_at: export.created_at.millis(),
            finished_at: export.finished_at.map(Timestamp::millis),
        };
        Model {
            id: export.id.raw(),
            account: export.account.raw(),
            state: export.state.code().into(),
            sealed: seal(&self.sealer, TABLE, export.id.raw(), &particulars),
        }
    }

    fn export_of(&self, row: &Model) -> Result<Export, ControlError> {
        let reading = Reading(TABLE);
        let kept: Particulars = reading.open(&self.sealer, row.id, &row.sealed)?;
        let of_state = kept.of_state.map(|word| reading.word("sealed", &word, MessageState::from_word));
        Ok(Export {
            id: ExportId::from_raw(row.id),
            account: AccountId::from_raw(row.account),
            of: reading.word("sealed", &kept.of, ExportOf::from_word)?,
            format: reading.word("sealed", &kept.format, ExportFormat::from_word)?,
            reveal: kept.reveal,
            campaign: kept.campaign.map(CampaignId::from_raw),
            of_state: of_state.transpose()?,
            tag: kept.tag,
            month: kept.month.map(|kept| month_of(reading, &kept)).transpose()?,
            state: reading.code("state", row.state, ExportState::from_code)?,
            tries: kept.tries,
            rows: kept.rows,
            bytes: kept.bytes,
            file: kept.file.map(ImportId::from_raw),
            created_at: Timestamp::from_millis(kept.created_at),
            finished_at: kept.finished_at.map(Timestamp::from_millis),
        })
    }
}

fn month_of(reading: Reading, kept: &(String, String, String)) -> Result<ExportMonth, ControlError> {
    let (month, zone, otherwise) = kept;
    Ok(ExportMonth {
        month: month.parse().map_err(|_| reading.odd("sealed"))?,
        zone: Zone::named(zone).map_err(|_| reading.odd("sealed"))?,
        otherwise: reading.word("sealed", otherwise, Charge::from_word)?,
    })
}
