//! Documents that the whole installation shares, each one row, replaced as a whole.

use async_trait::async_trait;
use domain::control::{ControlError, Document, DocumentMark, Documents};
use domain::time::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{EntityTrait, IntoActiveModel, QuerySelect};
use sha2::{Digest as _, Sha256};

use super::ControlDb;
use super::error::of_database;
use super::nodes::configuration_changed;
use super::reading::Reading;
use super::row::document::{Column, Entity, Model};

const READING: Reading = Reading("document");

#[async_trait]
impl Documents for ControlDb {
    async fn document_mark(&self, name: &str) -> Result<Option<DocumentMark>, ControlError> {
        let marks = Entity::find_by_id(name.to_owned()).select_only();
        let marks = marks.columns([Column::Version, Column::Checksum, Column::PutAt]);
        let row: Option<(i64, Vec<u8>, i64)> = marks.into_tuple().one(&self.db).await.map_err(failed)?;
        row.map(|(version, checksum, put_at)| mark(version, &checksum, put_at)).transpose()
    }

    async fn document(&self, name: &str) -> Result<Option<Document>, ControlError> {
        let row = Entity::find_by_id(name.to_owned()).one(&self.db).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let mark = mark(row.version, &row.checksum, row.put_at)?;
        if checksum(&row.content) != mark.checksum {
            return Err(READING.odd("content"));
        }
        Ok(Some(Document { mark, content: row.content }))
    }

    async fn put_document(
        &self,
        name: &str,
        content: &[u8],
        now: Timestamp,
    ) -> Result<DocumentMark, ControlError> {
        let checksum = checksum(content);
        let row = Model {
            name: name.to_owned(),
            version: 1,
            checksum: checksum.to_vec(),
            put_at: now.millis(),
            content: content.to_vec(),
        };
        let version = Expr::col((Entity, Column::Version));
        let replace = OnConflict::column(Column::Name)
            .update_columns([Column::Checksum, Column::PutAt, Column::Content])
            .value(Column::Version, version.add(1i64))
            .to_owned();
        let write = self.write().await?;
        let put = Entity::insert(row.into_active_model()).on_conflict(replace);
        put.exec_without_returning(&write.transaction).await.map_err(failed)?;
        let version = Entity::find_by_id(name.to_owned()).select_only().column(Column::Version);
        let version: Option<i64> = version.into_tuple().one(&write.transaction).await.map_err(failed)?;
        configuration_changed(&write.transaction).await?;
        write.commit().await?;
        Ok(DocumentMark { version: version.ok_or_else(|| READING.odd("version"))?, checksum, put_at: now })
    }
}

fn mark(version: i64, checksum: &[u8], put_at: i64) -> Result<DocumentMark, ControlError> {
    let checksum = READING.digest("checksum", checksum)?;
    Ok(DocumentMark { version, checksum, put_at: Timestamp::from_millis(put_at) })
}

fn checksum(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn failed(error: sea_orm::DbErr) -> ControlError {
    of_database(&error, "document")
}
