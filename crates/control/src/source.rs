//! Sources of contacts and their runs. What people set, and what a run reports, is sealed as a whole: addresses hold
//! passwords, and queries name people.

use async_trait::async_trait;
use domain::control::{ControlError, ImportCounts, ImportSource, RunState, SourceMemory, SourceRun, Sources};
use domain::ids::{AccountId, ImportId, SourceId, SourceRunId};
use domain::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};

use super::ControlDb;
use super::error::of_database;
use super::reading::{PAGE_LIMIT, Reading, seal};
use super::row::import_source::{ActiveModel, Column, Entity, Model};
use super::row::source_run;
use super::source_document::SourceDocument;

const TABLE: &str = "import_source";
/// Under which a memory is sealed, so that it is never taken for what people set.
const MEMORY: &str = "import_source_memory";
const RUNS: &str = "source_run";

#[derive(Serialize, Deserialize)]
struct MemoryDocument {
    etag: Option<String>,
    modified: Option<String>,
    digest: Option<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
struct RunDocument {
    by_hand: bool,
    tries: u32,
    bytes: u64,
    import: Option<i64>,
    /// Read, new, updated, duplicate, invalid.
    counts: [u64; 5],
    trouble: Option<String>,
    created_at: i64,
    finished_at: Option<i64>,
}

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn failed(error: DbErr) -> ControlError {
    of_database(&error, TABLE)
}

#[async_trait]
impl Sources for ControlDb {
    async fn sources(&self, account: AccountId) -> Result<Vec<ImportSource>, ControlError> {
        let page = Entity::find().filter(Column::Account.eq(account.raw())).order_by_asc(Column::Id);
        let rows = page.limit(u64::from(PAGE_LIMIT)).all(&self.db).await.map_err(failed)?;
        rows.iter().map(|row| self.source_of(row)).collect()
    }

    async fn source(&self, account: AccountId, id: SourceId) -> Result<Option<ImportSource>, ControlError> {
        let row = Entity::find_by_id(id.raw()).filter(Column::Account.eq(account.raw())).one(&self.db).await;
        row.map_err(failed)?.map(|row| self.source_of(&row)).transpose()
    }

    async fn due_sources(&self, now: Timestamp, limit: u32) -> Result<Vec<ImportSource>, ControlError> {
        let due = Entity::find().filter(Column::NextAt.lte(now.millis())).order_by_asc(Column::NextAt);
        let rows = due.limit(u64::from(limit.min(PAGE_LIMIT))).all(&self.db).await.map_err(failed)?;
        rows.iter().map(|row| self.source_of(row)).collect()
    }

    async fn source_memory(&self, id: SourceId) -> Result<SourceMemory, ControlError> {
        let row = Entity::find_by_id(id.raw()).one(&self.db).await.map_err(failed)?;
        let Some(sealed) = row.and_then(|row| row.memory) else { return Ok(SourceMemory::default()) };
        let kept: MemoryDocument = Reading(MEMORY).open(&self.sealer, id.raw(), &sealed)?;
        Ok(SourceMemory { etag: kept.etag, modified: kept.modified, digest: kept.digest })
    }

    async fn begin_due(
        &self,
        run: &SourceRun,
        was_due: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<bool, ControlError> {
        let write = self.write().await?;
        let taken = Entity::update_many()
            .col_expr(Column::NextAt, Expr::value(next.map(Timestamp::millis)))
            .filter(Column::Id.eq(run.source.raw()))
            .filter(Column::NextAt.eq(was_due.millis()))
            .exec(&write.transaction)
            .await
            .map_err(failed)?;
        if taken.rows_affected == 0 {
            return Ok(false);
        }
        self.insert_run(run, &write.transaction).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn put_run(&self, run: &SourceRun, memory: Option<&SourceMemory>) -> Result<(), ControlError> {
        let write = self.write().await?;
        let row = self.run_row(run);
        source_run::Entity::update_many()
            .set(source_run::ActiveModel {
                state: ActiveValue::Set(row.state),
                sealed: ActiveValue::Set(row.sealed),
                ..Default::default()
            })
            .filter(source_run::Column::Id.eq(row.id))
            .exec(&write.transaction)
            .await
            .map_err(failed)?;
        if let Some(SourceMemory { etag, modified, digest }) = memory {
            let kept = MemoryDocument { etag: etag.clone(), modified: modified.clone(), digest: *digest };
            let sealed = seal(&self.sealer, MEMORY, run.source.raw(), &kept);
            Entity::update_many()
                .set(ActiveModel { memory: ActiveValue::Set(Some(sealed)), ..Default::default() })
                .filter(Column::Id.eq(run.source.raw()))
                .exec(&write.transaction)
                .await
                .map_err(failed)?;
        }
        write.commit().await
    }

    async fn unfinished_runs(&self, limit: u32) -> Result<Vec<SourceRun>, ControlError> {
        let codes = [RunState::Waiting, RunState::Running].map(|state| i32::from(state.code()));
        let open = source_run::Entity::find().filter(source_run::Column::State.is_in(codes));
        let page = open.order_by_asc(source_run::Column::Id).limit(u64::from(limit.min(PAGE_LIMIT)));
        page.all(&self.db).await.map_err(failed)?.iter().map(|row| self.run_of(row)).collect()
    }

    async fn runs(
        &self,
        account: AccountId,
        source: SourceId,
        limit: u32,
    ) -> Result<Vec<SourceRun>, ControlError> {
        let rows = source_run::Entity::find()
            .filter(source_run::Column::Source.eq(source.raw()))
            .filter(source_run::Column::Account.eq(account.raw()))
            .order_by_desc(source_run::Column::Id)
            .limit(u64::from(limit.min(PAGE_LIMIT)))
            .all(&self.db)
            .await;
        rows.map_err(failed)?.iter().map(|row| self.run_of(row)).collect()
    }

    async fn expire_runs(&self, before: Timestamp) -> Result<u64, ControlError> {
        let write = self.write().await?;
        let old = source_run::Column::Id.lt(SourceRunId::first_at(before).raw());
        let gone = source_run::Entity::delete_many().filter(old).exec(&write.transaction).await;
        let gone = gone.map_err(failed)?.rows_affected;
        write.commit().await?;
        Ok(gone)
    }
}

impl ControlDb {
    /// Adds or replaces. What is remembered of the last file stays only with the same place and mapping: with another the
    /// same file may become something else.
    pub(super) async fn replace_source(
        &self,
        source: &ImportSource,
        on: &DatabaseTransaction,
    ) -> Result<(), ControlError> {
        let id = source.id.raw();
        let old = Entity::find_by_id(id).one(on).await.map_err(failed)?;
        let Some(old) = old else {
            let row = Model {
                id,
                account: source.account.raw(),
                next_at: source.next_at.map(Timestamp::millis),
                sealed: seal(&self.sealer, TABLE, id, &SourceDocument::of(source)),
                memory: None,
            };
            Entity::insert(row.into_active_model()).exec_without_returning(on).await.map_err(failed)?;
            return Ok(());
        };
        let known = self.source_of(&old)?;
        let reads_alike = |a: &ImportSource, b: &ImportSource| {
            (&a.place, &a.mapping, &a.tags, a.basis) == (&b.place, &b.mapping, &b.tags, b.basis)
        };
        let memory = if reads_alike(&known, source) { ActiveValue::NotSet } else { ActiveValue::Set(None) };
        Entity::update_many()
            .set(ActiveModel {
                next_at: ActiveValue::Set(source.next_at.map(Timestamp::millis)),
                sealed: ActiveValue::Set(seal(&self.sealer, TABLE, id, &SourceDocument::of(source))),
                memory,
                ..Default::default()
            })
            .filter(Column::Id.eq(id))
            .filter(Column::Account.eq(source.account.raw()))
            .exec(on)
            .await
            .map_err(failed)?;
        Ok(())
    }

    pub(super) async fn insert_run(
        &self,
        run: &SourceRun,
        on: &DatabaseTransaction,
    ) -> Result<(), ControlError> {
        let row = self.run_row(run).into_active_model();
        source_run::Entity::insert(row).exec_without_returning(on).await.map_err(failed)?;
        Ok(())
    }

    fn run_row(&self, run: &SourceRun) -> source_run::Model {
        let ImportCounts { read, new, updated, duplicate, invalid } = run.counts;
        let report = RunDocument {
            by_hand: run.by_hand,
            tries: run.tries,
            bytes: run.bytes,
            import: run.import.map(ImportId::raw),
            counts: [read, new, updated, duplicate, invalid],
            trouble: run.trouble.clone(),
            created_at: run.created_at.millis(),
            finished_at: run.finished_at.map(Timestamp::millis),
        };
        source_run::Model {
            id: run.id.raw(),
            account: run.account.raw(),
            source: run.source.raw(),
            state: run.state.code().into(),
            sealed: seal(&self.sealer, RUNS, run.id.raw(), &report),
        }
    }

    fn run_of(&self, row: &source_run::Model) -> Result<SourceRun, ControlError> {
        let reading = Reading(RUNS);
        let kept: RunDocument = reading.open(&self.sealer, row.id, &row.sealed)?;
        let [read, new, updated, duplicate, invalid] = kept.counts;
        Ok(SourceRun {
            id: SourceRunId::from_raw(row.id),
            account: AccountId::from_raw(row.account),
            source: SourceId::from_raw(row.source),
            state: reading.code("state", row.state, RunState::from_code)?,
            by_hand: kept.by_hand,
            tries: kept.tries,
            bytes: kept.bytes,
            import: kept.import.map(ImportId::from_raw),
            counts: ImportCounts { read, new, updated, duplicate, invalid },
            trouble: kept.trouble,
            created_at: Timestamp::from_millis(kept.created_at),
            finished_at: kept.finished_at.map(Timestamp::from_millis),
        })
    }

    fn source_of(&self, row: &Model) -> Result<ImportSource, ControlError> {
        let reading = Reading(TABLE);
        let kept: SourceDocument = reading.open(&self.sealer, row.id, &row.sealed)?;
        let ids = (SourceId::from_raw(row.id), AccountId::from_raw(row.account));
        kept.read(reading, ids, row.next_at.map(Timestamp::from_millis))
    }
}

/// `false`: there is no such source of this account.
pub(super) async fn remove_source(
    account: AccountId,
    id: SourceId,
    on: &DatabaseTransaction,
) -> Result<bool, ControlError> {
    let own = Entity::delete_many().filter(Column::Id.eq(id.raw()));
    let gone = own.filter(Column::Account.eq(account.raw())).exec(on).await.map_err(failed)?;
    if gone.rows_affected == 0 {
        return Ok(false);
    }
    let runs = source_run::Entity::delete_many().filter(source_run::Column::Source.eq(id.raw()));
    runs.exec(on).await.map_err(failed)?;
    Ok(true)
}
