//! The database that rows are copied into: sets of them with how far the copy has come, in one transaction.

use sea_orm::sqlx::postgres::PgArguments;
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, AssertSqlSafe, Error as SqlError, PgPool, Postgres, Row as _};

use super::cell::{Cell, Row, Sum};
use control::{Kind, Shape};
use pg::begin;

/// How far each source has come: kept in the database that is being filled, so that it tells what is true there.
const PROGRESS_NEW: &str = "CREATE TABLE IF NOT EXISTS hongyan_copy (source text PRIMARY KEY, at text NOT NULL, done boolean NOT NULL)";
const PROGRESS_ALL: &str = "SELECT source, at, done FROM hongyan_copy";
const PROGRESS_PUT: &str = "INSERT INTO hongyan_copy VALUES ($1, $2, $3) ON CONFLICT (source) DO UPDATE SET at = excluded.at, done = excluded.done";
const PROGRESS_THERE: &str = "SELECT to_regclass('hongyan_copy') IS NOT NULL";
/// Numbers of events go on behind those of the files.
pub(super) const EVENT_LAST: &str =
    "SELECT setval('ledger_event_seq_seq', greatest((SELECT last_value FROM ledger_event_seq_seq), $1))";
/// What a partition knows besides its rows.
pub(super) const PARTITION: &str = "UPDATE ledger_partition SET committed_now = $2, next_claim = $3, next_suppression = $4, unknown_through = $5, retired_through = $6 WHERE partition = $1";

/// How far one source has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Progress {
    pub(super) source: String,
    /// The key of the last row that was read; empty at the beginning.
    pub(super) at: Vec<Cell>,
    pub(super) done: bool,
}

/// Rows of one table.
pub(super) struct Set<'a> {
    pub(super) table: &'a Shape,
    pub(super) rows: Vec<Row>,
}

/// The database.
pub(super) struct Target {
    pub(super) pool: PgPool,
    /// Rows of one page.
    pub(super) page: usize,
}

impl Target {
    /// Whether a copy was begun here.
    pub(super) async fn is_begun(&self) -> Result<bool, SqlError> {
        sqlx::query(PROGRESS_THERE).fetch_one(&self.pool).await?.try_get(0)
    }

    /// What was done so far.
    pub(super) async fn begin(&self) -> Result<Vec<Progress>, SqlError> {
        sqlx::query(PROGRESS_NEW).execute(&self.pool).await?;
        let rows = sqlx::query(PROGRESS_ALL).fetch_all(&self.pool).await?;
        let read = |row: &sqlx::postgres::PgRow| {
            let at: String = row.try_get(1)?;
            let at = serde_json::from_str(&at).map_err(|error| SqlError::Decode(error.into()))?;
            Ok(Progress { source: row.try_get(0)?, at, done: row.try_get(2)? })
        };
        rows.iter().map(read).collect()
    }

    /// Writes rows and notes how far their source has come. Rows that are there stay as they are.
    pub(super) async fn write(&self, sets: &[Set<'_>], progress: &Progress) -> Result<(), SqlError> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = begin(&mut connection).await?;
        for set in sets.iter().filter(|set| !set.rows.is_empty()) {
            let statement = insert(set.table);
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for (place, (_, kind)) in set.table.columns.iter().enumerate() {
                query = bind(query, *kind, set.rows.iter().map(|row| row.get(place)))?;
            }
            query.execute(&mut *transaction).await?;
        }
        let at = serde_json::to_string(&progress.at).map_err(|error| SqlError::Encode(error.into()))?;
        let put = sqlx::query(PROGRESS_PUT).bind(&progress.source).bind(at).bind(progress.done);
        put.execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// All rows of a table that `counts`.
    pub(super) async fn sum(&self, table: &Shape, counts: fn(&[Cell]) -> bool) -> Result<Sum, SqlError> {
        let mut sum = Sum::default();
        let mut after: Option<Row> = None;
        loop {
            let statement = page(table, after.is_some());
            let mut query = sqlx::query(AssertSqlSafe(statement)).bind(self.page as i64);
            for cell in after.iter().flatten() {
                query = match cell {
                    Cell::Int(value) => query.bind(*value),
                    Cell::Text(text) => query.bind(text.clone()),
                    Cell::Bytes(bytes) => query.bind(bytes.clone()),
                    Cell::Flag(value) => query.bind(*value),
                    Cell::Null => query,
                };
            }
            let rows = query.fetch_all(&self.pool).await?;
            for found in &rows {
                let row = read(table, found)?;
                if counts(&row) {
                    sum.add(&row);
                }
                let key = |name: &String| table.columns.iter().position(|(column, _)| column == name);
                let places = table.key.iter().filter_map(key);
                after = Some(places.filter_map(|place| row.get(place).cloned()).collect());
            }
            if rows.len() < self.page {
                return Ok(sum);
            }
        }
    }
}

fn names(columns: impl Iterator<Item = impl AsRef<str>>) -> String {
    columns.map(|name| format!("\"{}\"", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Every column is one array.
fn insert(table: &Shape) -> String {
    let columns = names(table.columns.iter().map(|(name, _)| name));
    let arrays: Vec<String> =
        table.columns.iter().zip(1..).map(|((_, kind), n)| format!("${n}::{}[]", sql_type(*kind))).collect();
    format!(
        "INSERT INTO \"{}\" ({columns}) SELECT * FROM UNNEST ({}) ON CONFLICT DO NOTHING",
        table.name,
        arrays.join(", ")
    )
}

fn page(table: &Shape, further: bool) -> String {
    let columns = names(table.columns.iter().map(|(name, _)| name));
    let key = names(table.key.iter());
    let parameters: Vec<String> = (2..table.key.len() + 2).map(|n| format!("${n}")).collect();
    let after = if further { format!("WHERE ({key}) > ({})", parameters.join(", ")) } else { String::new() };
    format!("SELECT {columns} FROM \"{}\" {after} ORDER BY {key} LIMIT $1", table.name)
}

fn sql_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Big => "bigint",
        Kind::Small => "integer",
        Kind::Tiny => "smallint",
        Kind::Flag => "boolean",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
    }
}

type Arrays<'q> = Query<'q, Postgres, PgArguments>;

/// One column of all rows as an array.
fn bind<'q, 'r>(
    query: Arrays<'q>,
    kind: Kind,
    cells: impl Iterator<Item = Option<&'r Cell>>,
) -> Result<Arrays<'q>, SqlError> {
    let mut fits = true;
    let mut take = |cell: Option<&'r Cell>| {
        let cell = cell.filter(|cell| **cell != Cell::Null)?;
        fits &= holds(kind, cell);
        Some(cell)
    };
    let int = |cell: &Cell| if let Cell::Int(value) = cell { *value } else { 0 };
    let query = match kind {
        Kind::Big => query.bind(cells.map(|cell| take(cell).map(int)).collect::<Vec<Option<i64>>>()),
        Kind::Small => query.bind(
            cells
                .map(|cell| take(cell).map(|c| i32::try_from(int(c)).unwrap_or(-1)))
                .collect::<Vec<Option<i32>>>(),
        ),
        Kind::Tiny => query.bind(
            cells
                .map(|cell| take(cell).map(|c| i16::try_from(int(c)).unwrap_or(-1)))
                .collect::<Vec<Option<i16>>>(),
        ),
        Kind::Flag => query.bind(
            cells
                .map(|cell| take(cell).map(|c| matches!(c, Cell::Flag(true))))
                .collect::<Vec<Option<bool>>>(),
        ),
        Kind::Text => {
            let text = |cell: &Cell| if let Cell::Text(text) = cell { Some(text.clone()) } else { None };
            query.bind(cells.map(|cell| take(cell).and_then(text)).collect::<Vec<Option<String>>>())
        }
        Kind::Bytes => {
            let bytes = |cell: &Cell| if let Cell::Bytes(bytes) = cell { Some(bytes.clone()) } else { None };
            query.bind(cells.map(|cell| take(cell).and_then(bytes)).collect::<Vec<Option<Vec<u8>>>>())
        }
    };
    if fits { Ok(query) } else { Err(SqlError::Encode("a value of another kind than its column's".into())) }
}

fn holds(kind: Kind, cell: &Cell) -> bool {
    match (kind, cell) {
        (Kind::Big, Cell::Int(_)) | (Kind::Flag, Cell::Flag(_)) => true,
        (Kind::Small, Cell::Int(value)) => i32::try_from(*value).is_ok(),
        (Kind::Tiny, Cell::Int(value)) => i16::try_from(*value).is_ok(),
        (Kind::Text, Cell::Text(_)) | (Kind::Bytes, Cell::Bytes(_)) => true,
        _ => false,
    }
}

fn read(table: &Shape, row: &sqlx::postgres::PgRow) -> Result<Row, SqlError> {
    let cell = |(place, (_, kind)): (usize, &(String, Kind))| {
        Ok(match kind {
            Kind::Big => row.try_get::<Option<i64>, _>(place)?.map_or(Cell::Null, Cell::Int),
            Kind::Small => row.try_get::<Option<i32>, _>(place)?.map_or(Cell::Null, |n| Cell::Int(n.into())),
            Kind::Tiny => row.try_get::<Option<i16>, _>(place)?.map_or(Cell::Null, |n| Cell::Int(n.into())),
            Kind::Flag => row.try_get::<Option<bool>, _>(place)?.map_or(Cell::Null, Cell::Flag),
            Kind::Text => row.try_get::<Option<String>, _>(place)?.map_or(Cell::Null, Cell::Text),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(place)?.map_or(Cell::Null, Cell::Bytes),
        })
    };
    table.columns.iter().enumerate().map(cell).collect()
}
