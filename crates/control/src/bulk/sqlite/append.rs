//! Appending chunks to an audience that is not finished.

use domain::control::ControlError;
use domain::ids::{AccountId, AudienceId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::sql;
use crate::bulk::SealedChunk;
use crate::error::of_bulk;

/// Chunks that are there already stay as they are. A finished audience takes no new one, and one that is gone none.
pub(super) fn apply(
    connection: &Connection,
    account: AccountId,
    audience: AudienceId,
    chunks: &[SealedChunk],
) -> Result<(), ControlError> {
    let place = params![audience.raw(), account.raw()];
    let finished: Option<bool> = connection
        .prepare_cached(sql::FIND_AUDIENCE)
        .and_then(|mut find| find.query_row(place, |row| row.get(0)).optional())
        .map_err(|e| of_bulk(&e))?;
    let finished = finished.ok_or(ControlError::Changed("audience"))?;
    let mut insert = connection.prepare_cached(sql::INSERT_CHUNK).map_err(|e| of_bulk(&e))?;
    for chunk in chunks {
        let row = params![audience.raw(), chunk.number, account.raw(), chunk.digest, chunk.sealed];
        let added = insert.execute(row).map_err(|e| of_bulk(&e))?;
        if finished && added > 0 {
            return Err(ControlError::Changed("audience"));
        }
    }
    Ok(())
}
