//! Rows that an import did not take: each sealed, since it is what a person's file said.

use domain::control::RejectedRow;
use domain::ids::ImportId;

use crate::pack::{Unpack, put_text};
use crate::reading::stored;
use sealing::Sealer;

pub(crate) const TABLE: &str = "rejected_row";

/// A line and what is sealed of it.
pub(crate) type SealedRow = (i64, Vec<u8>);

pub(crate) fn seal(sealer: &Sealer, import: ImportId, rows: &[RejectedRow]) -> Vec<SealedRow> {
    let sealer = sealer.for_table(TABLE);
    let sealed = rows.iter().map(|row| {
        let mut plain = Vec::with_capacity(row.reason.len() + row.record.len() + 8);
        put_text(&mut plain, &row.reason);
        put_text(&mut plain, &row.record);
        let line = stored(row.line);
        (line, sealer.seal(&row_name(import, line), &plain))
    });
    sealed.collect()
}

/// `None` when the bytes are no rejected row.
pub(crate) fn read(line: u64, plain: &[u8]) -> Option<RejectedRow> {
    let mut rest = Unpack(plain);
    Some(RejectedRow { line, reason: rest.text()?, record: rest.text()? })
}

pub(crate) fn row_name(import: ImportId, line: i64) -> [u8; 16] {
    let mut name = [0; 16];
    let (id, place) = name.split_at_mut(8);
    id.copy_from_slice(&import.raw().to_be_bytes());
    place.copy_from_slice(&line.to_be_bytes());
    name
}
