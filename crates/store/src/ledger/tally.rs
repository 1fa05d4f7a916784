//! A partition's counters: the deltas of a transaction are added at its end.

use domain::ledger::{Tally, UnknownCode};
use rusqlite::{Connection, Row, params};

use super::fault::Outcome;
use super::sql;
use crate::moves::tally::{CodeGain, Gain, Tallies, TallyKey, read, read_code};

/// Writes the deltas and forgets them.
pub(super) fn flush(tallies: &mut Tallies, connection: &Connection) -> Outcome<()> {
    for ((gateway, code), gain) in tallies.take_codes() {
        let mut upsert = connection.prepare_cached(sql::CODE_ADD)?;
        upsert.execute(params![gateway, code, gain.times, gain.first_at, gain.last_at])?;
    }
    if tallies.is_empty() {
        return Ok(());
    }
    let mut upsert = connection.prepare_cached(sql::TALLY_ADD)?;
    for (key, gain) in tallies.drain() {
        upsert.execute(params![
            key.lane,
            key.hour,
            key.channel,
            key.from,
            key.from_reason,
            key.to,
            key.reason,
            key.test,
            key.carrier,
            gain.messages,
            gain.parts,
            gain.price
        ])?;
    }
    Ok(())
}

/// All codes that are in no table.
pub(super) fn codes(db: &Connection) -> Outcome<Vec<UnknownCode>> {
    let mut read = db.prepare_cached(sql::CODES)?;
    let mut rows = read.query([])?;
    let mut codes = Vec::new();
    while let Some(row) = rows.next()? {
        let gain = CodeGain { times: row.get(2)?, first_at: row.get(3)?, last_at: row.get(4)? };
        codes.push(read_code(row.get(0)?, &row.get::<_, String>(1)?, gain));
    }
    Ok(codes)
}

/// Reads a counter from a row of [`sql::TALLY_READ`].
pub(super) fn from_row(row: &Row<'_>) -> Outcome<Tally> {
    let key = TallyKey {
        lane: row.get(0)?,
        hour: row.get(1)?,
        channel: row.get(2)?,
        from: row.get(3)?,
        from_reason: row.get(4)?,
        to: row.get(5)?,
        reason: row.get(6)?,
        test: row.get(7)?,
        carrier: row.get(8)?,
    };
    Ok(read(key, Gain { messages: row.get(9)?, parts: row.get(10)?, price: row.get(11)? })?)
}
