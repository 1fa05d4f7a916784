//! The control database: the same tables on both engines, and so the same rows.

use std::path::Path;

use super::CopyError;
use super::cell::{Cell, Row};
use super::source::Source;
use control::{ControlDb, Kind, Shape};

/// The source of one table; `place` is where it is among the targets.
pub(super) fn source(folder: &Path, shape: &Shape, place: usize) -> Result<Source, CopyError> {
    let columns: Vec<&str> = shape.columns.iter().map(|(name, _)| name.as_str()).collect();
    let key: Vec<&str> = shape.key.iter().map(String::as_str).collect();
    let kinds: Vec<Kind> = shape.columns.iter().map(|(_, kind)| *kind).collect();
    let turn = Box::new(move |_: &_, row: &Row| Ok(vec![(place, typed(row, &kinds))]));
    let name = format!("control/{}", shape.name);
    Source::new(name, &ControlDb::file(folder), &shape.name, &columns, &key, turn)
}

/// SQLite keeps flags as numbers.
fn typed(row: &Row, kinds: &[Kind]) -> Row {
    let cell = |(cell, kind): (&Cell, &Kind)| match (kind, cell) {
        (Kind::Flag, Cell::Int(number)) => Cell::Flag(*number != 0),
        _ => cell.clone(),
    };
    row.iter().zip(kinds).map(cell).collect()
}
