//! Frozen audiences: sealed chunks under one header.

use async_trait::async_trait;
use domain::control::{Audience, AudienceRow, AudienceStats, Audiences, ControlError};
use domain::ids::{AccountId, AudienceId, CampaignId, MessageId};
use domain::time::Timestamp;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
};
use tokio::task::spawn_blocking;

use super::ControlDb;
use super::audience_codec::{checksum, chunk_name, decode, digest, encode};
use super::bulk::{Command, SealedChunk, panicked};
use super::error::{of_database, of_sealed};
use super::reading::{Reading, json, stored};
use super::row::{audience, audience_chunk, campaign};
use super::write::Write;
use sealing::Sealer;

const TABLE: &str = "audience";
const CHUNKS: &str = "audience_chunk";
/// Digests are sealed under a key of their own, so that neither value can stand in the other's place.
const DIGESTS: &str = "audience_chunk.digest";
/// Chunks removed by one transaction: some 20 MB, so that others wait for a moment only.
const DROPPED_AT_ONCE: i64 = 200;

#[async_trait]
impl Audiences for ControlDb {
    async fn begin_audience(&self, audience: &Audience) -> Result<(), ControlError> {
        let row = audience::Model {
            id: audience.id.raw(),
            account: audience.account.raw(),
            campaign: audience.campaign.raw(),
            columns: json(&audience.columns),
            rows_read: stored(audience.stats.read),
            invalid: stored(audience.stats.invalid),
            duplicate: stored(audience.stats.duplicate),
            people: stored(audience.stats.people),
            tests: stored(audience.stats.tests),
            chunks: 0,
            checksum: None,
        };
        let write = self.write().await?;
        let added = audience::Entity::insert(row.into_active_model());
        added.exec_without_returning(&write.transaction).await.map_err(|e| of_database(&e, TABLE))?;
        write.commit().await
    }

    async fn append_chunks(
        &self,
        account: AccountId,
        audience: AudienceId,
        first: u32,
        chunks: Vec<Vec<AudienceRow>>,
    ) -> Result<(), ControlError> {
        let sealer = std::sync::Arc::clone(&self.sealer);
        let sealed = spawn_blocking(move || {
            let numbered = (first..).zip(&chunks);
            numbered.map(|(number, rows)| seal_chunk(&sealer, audience, number, rows)).collect()
        });
        let chunks = sealed.await.map_err(|_| panicked())?;
        self.bulk.run(Command::Append { account, audience, chunks }).await.map(|_| ())
    }

    async fn finish_audience(
        &self,
        account: AccountId,
        audience: AudienceId,
        stats: AudienceStats,
    ) -> Result<Audience, ControlError> {
        let write = self.write().await?;
        // Locked before the chunks are read: none may come between reading them and saying that these were all.
        let row = self.header(&write, account, audience).await?.ok_or(ControlError::Changed(TABLE))?;
        let digests = self.digests(&write, account, audience).await?;
        let chunks = i64::try_from(digests.len()).unwrap_or(i64::MAX);
        let sum = self.sealer.seal(TABLE, &audience.raw().to_be_bytes(), &checksum(&digests));
        let mut changed = row.clone().into_active_model();
        changed.rows_read = ActiveValue::Set(stored(stats.read));
        changed.invalid = ActiveValue::Set(stored(stats.invalid));
        changed.duplicate = ActiveValue::Set(stored(stats.duplicate));
        changed.people = ActiveValue::Set(stored(stats.people));
        changed.tests = ActiveValue::Set(stored(stats.tests));
        changed.chunks = ActiveValue::Set(chunks);
        changed.checksum = ActiveValue::Set(Some(sum));
        let row = changed.update(&write.transaction).await.map_err(|e| of_database(&e, TABLE))?;
        write.commit().await?;
        self.audience_of(row)
    }

    async fn audience(&self, account: AccountId, id: AudienceId) -> Result<Option<Audience>, ControlError> {
        let row = audience::Entity::find_by_id(id.raw())
            .filter(audience::Column::Account.eq(account.raw()))
            .one(&self.db)
            .await;
        row.map_err(|e| of_database(&e, TABLE))?.map(|row| self.audience_of(row)).transpose()
    }

    async fn chunk(
        &self,
        account: AccountId,
        audience: AudienceId,
        number: u32,
    ) -> Result<Option<Vec<AudienceRow>>, ControlError> {
        let row = audience_chunk::Entity::find_by_id((audience.raw(), i64::from(number)))
            .filter(audience_chunk::Column::Account.eq(account.raw()))
            .one(&self.db)
            .await;
        let Some(row) = row.map_err(|e| of_database(&e, CHUNKS))? else { return Ok(None) };
        let name = chunk_name(audience, number);
        let plain = self.sealer.open_sealed(CHUNKS, &name, &row.sealed).map_err(|e| of_sealed(&e))?;
        let expected = self.sealer.open_sealed(DIGESTS, &name, &row.digest).map_err(|e| of_sealed(&e))?;
        if digest(&plain).as_slice() != expected {
            return Err(Reading(CHUNKS).odd("digest"));
        }
        decode(&plain).map(Some).ok_or_else(|| Reading(CHUNKS).odd("sealed"))
    }

    async fn forgotten_audiences(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<(AccountId, AudienceId)>, ControlError> {
        let held = campaign::Entity::find()
            .select_only()
            .column(campaign::Column::Frozen)
            .filter(campaign::Column::Frozen.is_not_null())
            .into_query();
        let rows: Vec<(i64, i64)> = audience::Entity::find()
            .select_only()
            .columns([audience::Column::Account, audience::Column::Id])
            .filter(audience::Column::Id.lt(MessageId::first_at(before).raw()))
            .filter(audience::Column::Id.not_in_subquery(held))
            .order_by_asc(audience::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(|e| of_database(&e, TABLE))?;
        let ids = rows.into_iter();
        Ok(ids.map(|(account, id)| (AccountId::from_raw(account), AudienceId::from_raw(id))).collect())
    }

    async fn drop_audience(&self, account: AccountId, audience: AudienceId) -> Result<(), ControlError> {
        let write = self.write().await?;
        let Some(row) = self.header(&write, account, audience).await? else { return Ok(()) };
        // From here it is unfinished: should the process die half-way, nobody takes the rest for an audience.
        let mut unfinished = row.into_active_model();
        unfinished.checksum = ActiveValue::Set(None);
        unfinished.update(&write.transaction).await.map_err(|e| of_database(&e, TABLE))?;
        write.commit().await?;
        while self.drop_some_chunks(account, audience).await? {}
        let write = self.write().await?;
        let gone = audience::Entity::delete_by_id(audience.raw()).exec(&write.transaction).await;
        gone.map_err(|e| of_database(&e, TABLE))?;
        write.commit().await
    }
}

impl ControlDb {
    /// Locked until the transaction ends.
    async fn header(
        &self,
        write: &Write<'_>,
        account: AccountId,
        id: AudienceId,
    ) -> Result<Option<audience::Model>, ControlError> {
        let row = audience::Entity::find_by_id(id.raw()).filter(audience::Column::Account.eq(account.raw()));
        row.lock_exclusive().one(&write.transaction).await.map_err(|e| of_database(&e, TABLE))
    }

    /// In order; every number from 0 must be there.
    async fn digests(
        &self,
        write: &Write<'_>,
        account: AccountId,
        audience: AudienceId,
    ) -> Result<Vec<[u8; 32]>, ControlError> {
        let rows: Vec<(i64, Vec<u8>)> = audience_chunk::Entity::find()
            .select_only()
            .columns([audience_chunk::Column::Number, audience_chunk::Column::Digest])
            .filter(audience_chunk::Column::Audience.eq(audience.raw()))
            .filter(audience_chunk::Column::Account.eq(account.raw()))
            .order_by_asc(audience_chunk::Column::Number)
            .into_tuple()
            .all(&write.transaction)
            .await
            .map_err(|e| of_database(&e, CHUNKS))?;
        let sealer = self.sealer.for_table(DIGESTS);
        let reading = Reading(CHUNKS);
        let opened = (0u32..).zip(rows).map(|(expected, (number, sealed))| {
            if number != i64::from(expected) {
                return Err(reading.odd("number"));
            }
            let plain = sealer.open(&chunk_name(audience, expected), &sealed).map_err(|e| of_sealed(&e))?;
            reading.digest("digest", &plain)
        });
        opened.collect()
    }

    /// Whether there may be more.
    async fn drop_some_chunks(&self, account: AccountId, audience: AudienceId) -> Result<bool, ControlError> {
        let write = self.write().await?;
        let of_audience = Condition::all()
            .add(audience_chunk::Column::Audience.eq(audience.raw()))
            .add(audience_chunk::Column::Account.eq(account.raw()));
        let last: Option<i64> = audience_chunk::Entity::find()
            .select_only()
            .column(audience_chunk::Column::Number)
            .filter(of_audience.clone())
            .order_by_desc(audience_chunk::Column::Number)
            .into_tuple()
            .one(&write.transaction)
            .await
            .map_err(|e| of_database(&e, CHUNKS))?;
        let Some(last) = last else { return Ok(false) };
        let some = audience_chunk::Entity::delete_many()
            .filter(of_audience)
            .filter(audience_chunk::Column::Number.gt(last - DROPPED_AT_ONCE));
        some.exec(&write.transaction).await.map_err(|e| of_database(&e, CHUNKS))?;
        write.commit().await?;
        Ok(true)
    }

    fn audience_of(&self, row: audience::Model) -> Result<Audience, ControlError> {
        let reading = Reading(TABLE);
        let sum = row.checksum.map(|sealed| {
            let plain = self.sealer.open_sealed(TABLE, &row.id.to_be_bytes(), &sealed);
            reading.digest("checksum", &plain.map_err(|e| of_sealed(&e))?)
        });
        Ok(Audience {
            id: AudienceId::from_raw(row.id),
            account: AccountId::from_raw(row.account),
            campaign: CampaignId::from_raw(row.campaign),
            columns: reading.json("columns", &row.columns)?,
            stats: AudienceStats {
                read: reading.number("rows_read", row.rows_read)?,
                invalid: reading.number("invalid", row.invalid)?,
                duplicate: reading.number("duplicate", row.duplicate)?,
                people: reading.number("people", row.people)?,
                tests: reading.number("tests", row.tests)?,
            },
            chunks: reading.number("chunks", row.chunks)?,
            checksum: sum.transpose()?,
        })
    }
}

fn seal_chunk(sealer: &Sealer, audience: AudienceId, number: u32, rows: &[AudienceRow]) -> SealedChunk {
    let (name, plain) = (chunk_name(audience, number), encode(rows));
    SealedChunk {
        number: number.into(),
        digest: sealer.seal(DIGESTS, &name, &digest(&plain)),
        sealed: sealer.seal(CHUNKS, &name, &plain),
    }
}
