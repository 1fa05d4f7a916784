//! Imports and the rows that they did not take.

use async_trait::async_trait;
use domain::control::{ControlError, Import, ImportCounts, ImportState, Imports, RejectedRow};
use domain::ids::{AccountId, ImportId};
use domain::policy::LegalBasis;
use domain::time::Timestamp;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};

use super::ControlDb;
use super::bulk::{Command, REJECTED_TABLE, read_rejected, rejected_name, seal_rejected};
use super::document::MappingDocument;
use super::error::{of_database, of_sealed};
use super::reading::{PAGE_LIMIT, Reading, json, seal, stored};
use super::row::import::{Column, Entity, Model};
use super::row::rejected_row;

const TABLE: &str = "import";
/// Rejected rows that one command of the writer carries, at most: half of a transaction.
const COMMAND_ROWS: usize = 5_000;

/// What people wrote about the file: its name may hold a person's, and a trouble may quote the file.
#[derive(Serialize, Deserialize)]
struct ImportWords {
    file_name: String,
    source: String,
    trouble: Option<String>,
}

#[async_trait]
impl Imports for ControlDb {
    async fn put_import(&self, import: &Import) -> Result<(), ControlError> {
        let write = self.write().await?;
        let mut row = self.import_row(import).into_active_model().reset_all();
        let id = std::mem::replace(&mut row.id, ActiveValue::NotSet);
        let updated = Entity::update_many()
            .set(row.clone())
            .filter(Column::Id.eq(import.id.raw()))
            .filter(Column::Account.eq(import.account.raw()))
            .exec(&write.transaction)
            .await
            .map_err(|e| of_database(&e, TABLE))?;
        if updated.rows_affected == 0 {
            row.id = id;
            let added = Entity::insert(row).exec_without_returning(&write.transaction).await;
            added.map_err(|e| of_database(&e, TABLE))?;
        }
        write.commit().await
    }

    async fn import(&self, account: AccountId, id: ImportId) -> Result<Option<Import>, ControlError> {
        let row = Entity::find_by_id(id.raw()).filter(Column::Account.eq(account.raw())).one(&self.db).await;
        row.map_err(|e| of_database(&e, TABLE))?.map(|row| self.import_of(&row)).transpose()
    }

    async fn imports(&self, account: AccountId, limit: u32) -> Result<Vec<Import>, ControlError> {
        let rows = Entity::find()
            .filter(Column::Account.eq(account.raw()))
            .order_by_desc(Column::Id)
            .limit(u64::from(limit.min(PAGE_LIMIT)))
            .all(&self.db)
            .await;
        let rows = rows.map_err(|e| of_database(&e, TABLE))?;
        rows.iter().map(|row| self.import_of(row)).collect()
    }

    async fn add_rejected(
        &self,
        account: AccountId,
        import: ImportId,
        rows: Vec<RejectedRow>,
    ) -> Result<(), ControlError> {
        for some in rows.chunks(COMMAND_ROWS) {
            let sealed = seal_rejected(&self.sealer, import, some);
            self.bulk.run(Command::Reject { account, import, rows: sealed }).await?;
        }
        Ok(())
    }

    async fn rejected(
        &self,
        account: AccountId,
        import: ImportId,
        after_line: u64,
        limit: u32,
    ) -> Result<Vec<RejectedRow>, ControlError> {
        let rows = rejected_row::Entity::find()
            .filter(rejected_row::Column::Import.eq(import.raw()))
            .filter(rejected_row::Column::Account.eq(account.raw()))
            .filter(rejected_row::Column::Line.gt(stored(after_line)))
            .order_by_asc(rejected_row::Column::Line)
            .limit(u64::from(limit.min(PAGE_LIMIT)))
            .all(&self.db)
            .await
            .map_err(|e| of_database(&e, REJECTED_TABLE))?;
        let sealer = self.sealer.for_table(REJECTED_TABLE);
        let rejected = |row: rejected_row::Model| {
            let name = rejected_name(import, row.line);
            let plain = sealer.open(&name, &row.sealed).map_err(|e| of_sealed(&e))?;
            let line = Reading(REJECTED_TABLE).number("line", row.line)?;
            read_rejected(line, &plain).ok_or_else(|| Reading(REJECTED_TABLE).odd("sealed"))
        };
        rows.into_iter().map(rejected).collect()
    }
}

impl ControlDb {
    fn import_row(&self, import: &Import) -> Model {
        let words = ImportWords {
            file_name: import.file_name.clone(),
            source: import.source.clone(),
            trouble: import.trouble.clone(),
        };
        Model {
            id: import.id.raw(),
            account: import.account.raw(),
            sealed: seal(&self.sealer, TABLE, import.id.raw(), &words),
            bytes: stored(import.bytes),
            mapping: json(&MappingDocument::of(&import.mapping)),
            tags: json(&import.tags),
            basis: import.basis.map_or(0, LegalBasis::code).into(),
            state: import.state.code().into(),
            rows_read: stored(import.counts.read),
            rows_new: stored(import.counts.new),
            rows_updated: stored(import.counts.updated),
            rows_duplicate: stored(import.counts.duplicate),
            rows_invalid: stored(import.counts.invalid),
            created_at: import.created_at.millis(),
            finished_at: import.finished_at.map(Timestamp::millis),
        }
    }

    fn import_of(&self, row: &Model) -> Result<Import, ControlError> {
        let reading = Reading(TABLE);
        let words: ImportWords = reading.open(&self.sealer, row.id, &row.sealed)?;
        let basis = (row.basis != 0).then(|| reading.code("basis", row.basis, LegalBasis::from_code));
        Ok(Import {
            id: ImportId::from_raw(row.id),
            account: AccountId::from_raw(row.account),
            file_name: words.file_name,
            bytes: reading.number("bytes", row.bytes)?,
            mapping: reading.json::<MappingDocument>("mapping", &row.mapping)?.read(reading)?,
            tags: reading.json("tags", &row.tags)?,
            source: words.source,
            basis: basis.transpose()?,
            state: reading.code("state", row.state, ImportState::from_code)?,
            counts: ImportCounts {
                read: reading.number("rows_read", row.rows_read)?,
                new: reading.number("rows_new", row.rows_new)?,
                updated: reading.number("rows_updated", row.rows_updated)?,
                duplicate: reading.number("rows_duplicate", row.rows_duplicate)?,
                invalid: reading.number("rows_invalid", row.rows_invalid)?,
            },
            trouble: words.trouble,
            created_at: Timestamp::from_millis(row.created_at),
            finished_at: row.finished_at.map(Timestamp::from_millis),
        })
    }
}
