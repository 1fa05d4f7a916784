//! Keeping the rows that an import did not take.

use domain::control::ControlError;
use domain::ids::{AccountId, ImportId};
use rusqlite::{Connection, params};

use super::sql;
use crate::bulk::SealedRow;
use crate::error::of_bulk;

/// A line that is there already stays as it is.
pub(super) fn apply(
    connection: &Connection,
    account: AccountId,
    import: ImportId,
    rows: &[SealedRow],
) -> Result<(), ControlError> {
    let mut insert = connection.prepare_cached(sql::INSERT_REJECTED).map_err(|e| of_bulk(&e))?;
    for (line, sealed) in rows {
        insert.execute(params![import.raw(), line, account.raw(), sealed]).map_err(|e| of_bulk(&e))?;
    }
    Ok(())
}
