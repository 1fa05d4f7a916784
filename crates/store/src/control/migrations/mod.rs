//! The schema of the control database, as steps that are only ever added.
//!
//! Each step is one DDL statement that may be repeated, in types that SQLite and PostgreSQL share, so that both
//! engines run the same list. A step is never changed once released: a later version adds steps behind the others.
//! The name of a step begins with the version that brought it (`v1_…`).

mod people;
mod sending;
mod tenants;

use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::sea_query::{
    ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement,
};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

/// The version that this program writes.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// All steps, oldest first.
pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        [tenants::STEPS, people::STEPS, sending::STEPS]
            .into_iter()
            .flatten()
            .map(|(name, make)| Box::new(Step { name, make: *make }) as Box<dyn MigrationTrait>)
            .collect()
    }
}

/// The version that brought the step of this name; none when the name is not of our making.
pub(super) fn version_of(step: &str) -> Option<u32> {
    step.strip_prefix('v')?.split_once('_')?.0.parse().ok()
}

/// A name and the statement that it stands for.
type NamedStep = (&'static str, fn() -> Ddl);

enum Ddl {
    Table(TableCreateStatement),
    Index(IndexCreateStatement),
}

struct Step {
    name: &'static str,
    make: fn() -> Ddl,
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        match (self.make)() {
            Ddl::Table(table) => manager.create_table(table).await,
            Ddl::Index(index) => manager.create_index(index).await,
        }
    }
}

fn table<const N: usize>(name: &'static str, columns: [&mut ColumnDef; N]) -> Ddl {
    let mut statement = Table::create().table(name).if_not_exists().take();
    for column in columns {
        statement.col(column);
    }
    Ddl::Table(statement)
}

/// A table whose rows are found by several columns together.
fn table_keyed<const N: usize>(
    name: &'static str,
    key: &[&'static str],
    columns: [&mut ColumnDef; N],
) -> Ddl {
    let Ddl::Table(mut statement) = table(name, columns) else { unreachable!("`table` makes a table") };
    let mut primary = Index::create();
    for column in key {
        primary.col(*column);
    }
    statement.primary_key(&mut primary);
    Ddl::Table(statement)
}

fn unique(name: &'static str, table: &'static str, columns: &[&'static str]) -> Ddl {
    let Ddl::Index(mut statement) = index(name, table, columns) else { unreachable!("`index` makes an index") };
    Ddl::Index(statement.unique().take())
}

fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> Ddl {
    let mut statement = Index::create().name(name).table(table).if_not_exists().take();
    for column in columns {
        statement.col(*column);
    }
    Ddl::Index(statement)
}

/// The primary key that ids of [`domain::ids`] are kept in.
fn id() -> ColumnDef {
    ColumnDef::new("id").big_integer().not_null().primary_key().take()
}

/// Ids, milliseconds, millionths of money, counts.
fn big(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn maybe_big(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().take()
}

/// Codes and small numbers.
fn small(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().take()
}

fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

/// Digests and sealed values.
fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

fn maybe_bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().null().take()
}
