//! What the tables look like after all steps, for work on all of them alike.

use sea_orm_migration::sea_query::{ColumnType, TableCreateStatement, TableRef};

use super::{Ddl, steps};

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Ids, milliseconds, money, counts.
    Big,
    /// Codes and small numbers.
    Small,
    /// Codes of the ledger.
    Tiny,
    Flag,
    Text,
    Bytes,
}

/// A table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    pub name: String,
    /// In their order, each with what it holds.
    pub columns: Vec<(String, Kind)>,
    /// The primary key.
    pub key: Vec<String>,
}

/// Every table, in the order in which they are made.
pub fn shapes() -> Vec<Shape> {
    steps()
        .filter_map(|(_, make)| match make() {
            Ddl::Table(table) => shape(&table),
            Ddl::Index(_) => None,
        })
        .collect()
}

fn shape(table: &TableCreateStatement) -> Option<Shape> {
    let Some(TableRef::Table(name, _)) = table.get_table_name() else { return None };
    let columns = table.get_columns();
    let whole = table.get_indexes().first().map(|key| key.get_index_spec().get_column_names());
    let alone = columns.iter().filter(|column| column.get_column_spec().primary_key);
    Some(Shape {
        name: name.1.to_string(),
        columns: columns
            .iter()
            .map(|column| (column.get_column_name(), kind(column.get_column_type())))
            .collect(),
        key: whole.unwrap_or_else(|| alone.map(|column| column.get_column_name()).collect()),
    })
}

/// Of the types that the steps use.
fn kind(column: Option<&ColumnType>) -> Kind {
    match column {
        Some(ColumnType::Integer) => Kind::Small,
        Some(ColumnType::Boolean) => Kind::Flag,
        Some(ColumnType::Text) => Kind::Text,
        Some(ColumnType::Blob) => Kind::Bytes,
        _ => Kind::Big,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keys_and_columns_are_told_as_they_were_made() {
        let shapes = shapes();
        let of = |name: &str| shapes.iter().find(|shape| shape.name == name).expect("a table");
        assert_eq!(of("contact").key, ["id"]);
        assert_eq!(of("price").key, ["account", "category", "carrier"]);
        assert_eq!(
            of("setting").columns,
            [("name".to_owned(), Kind::Text), ("content".to_owned(), Kind::Text)]
        );
        assert_eq!(of("audience_chunk").columns.last(), Some(&("sealed".to_owned(), Kind::Bytes)));
        assert!(of("channel").columns.contains(&("enabled".to_owned(), Kind::Flag)));
        assert!(of("channel").columns.contains(&("port".to_owned(), Kind::Small)));
        assert!(shapes.iter().all(|shape| !shape.key.is_empty()), "each has a key");
    }
}
