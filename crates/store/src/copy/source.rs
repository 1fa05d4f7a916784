//! The files that rows are copied from: pages in order of a key, each row turned into rows of the new place.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::CopyError;
use super::cell::{Cell, Row};

/// What one row becomes: the places of tables among the targets, and rows for them.
pub(super) type Turned = Vec<(usize, Row)>;
type Turn = Box<dyn FnMut(&Connection, &Row) -> Result<Turned, CopyError> + Send>;

/// One table of one file.
pub(super) struct Source {
    /// Its stable name, by which progress is kept.
    pub(super) name: String,
    db: Connection,
    table: String,
    columns: Vec<String>,
    /// Places of the key among the columns.
    key: Vec<usize>,
    turn: Turn,
}

/// Rows read together.
pub(super) struct Page {
    pub(super) turned: BTreeMap<usize, Vec<Row>>,
    /// The key of the last row that was read.
    pub(super) at: Row,
    /// Rows of the source.
    pub(super) read: u64,
    pub(super) done: bool,
}

impl Source {
    pub(super) fn new(
        name: String,
        file: &Path,
        table: &str,
        columns: &[&str],
        key: &[&str],
        turn: Turn,
    ) -> Result<Self, CopyError> {
        let place = |name: &&str| columns.iter().position(|column| column == name);
        Ok(Self {
            name,
            db: open(file)?,
            table: table.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            key: key.iter().filter_map(place).collect(),
            turn,
        })
    }

    /// The rows behind a key, at most `limit`.
    pub(super) fn page(&mut self, after: &Row, limit: usize) -> Result<Page, CopyError> {
        let quoted = |name: &String| format!("\"{name}\"");
        let columns = self.columns.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let key = self.key.iter().map(|place| quoted(&self.columns[*place])).collect::<Vec<_>>().join(", ");
        let marks = vec!["?"; self.key.len()].join(", ");
        let behind = if after.is_empty() { String::new() } else { format!("WHERE ({key}) > ({marks})") };
        let statement =
            format!("SELECT {columns} FROM \"{}\" {behind} ORDER BY {key} LIMIT {limit}", self.table);
        let mut page = Page { turned: BTreeMap::new(), at: after.clone(), read: 0, done: true };
        let mut read = self.db.prepare(&statement)?;
        let mut rows = read.query(params_from_iter(after.iter().map(value)))?;
        let mut found: Vec<Row> = Vec::new();
        while let Some(row) = rows.next()? {
            let cells: Result<Row, rusqlite::Error> =
                (0..self.columns.len()).map(|place| row.get_ref(place).map(cell)).collect();
            found.push(cells?);
        }
        drop(rows);
        for row in &found {
            for (table, turned) in (self.turn)(&self.db, row)? {
                page.turned.entry(table).or_default().push(turned);
            }
        }
        if let Some(last) = found.last() {
            page.at = self.key.iter().filter_map(|place| last.get(*place).cloned()).collect();
        }
        page.read = found.len() as u64;
        page.done = found.len() < limit;
        Ok(page)
    }
}

/// A file that nobody else has open, for reading only.
pub(super) fn open(file: &Path) -> Result<Connection, CopyError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    // Read-write and yet unchanged: a log that was left has to be replayed before it can be read.
    db.execute_batch("PRAGMA query_only = ON")?;
    Ok(db)
}

pub(super) fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null | ValueRef::Real(_) => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => Value::Integer(*number),
        Cell::Flag(flag) => Value::Integer(i64::from(*flag)),
        Cell::Text(text) => Value::Text(text.clone()),
        Cell::Bytes(bytes) => Value::Blob(bytes.clone()),
    }
}
