//! The schema of the control database, as steps that are only ever added.
//!
//! Each step is one DDL statement that may be repeated, in types that SQLite and PostgreSQL share, so that both
//! engines run the same list. A step is never changed once released: a later version adds steps behind the others.
//! The name of a step begins with the version that brought it (`v1_…`).

mod access;
mod books;
mod carriers;
mod courses;
mod customers;
mod customers_on_nodes;
mod documents;
mod exports;
mod nodes;
mod people;
mod sending;
pub(super) mod shape;
mod sources;
mod tenants;
mod uploads;
mod webhooks;

use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::sea_query::{ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

/// The version that this program writes.
pub(super) const SCHEMA_VERSION: u32 = 13;

/// All steps, oldest first.
pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        steps().map(|(name, make)| Box::new(Step { name, make: *make }) as Box<dyn MigrationTrait>).collect()
    }
}

fn steps() -> impl Iterator<Item = &'static NamedStep> {
    let all = [
        tenants::STEPS,
        people::STEPS,
        sending::STEPS,
        nodes::STEPS,
        customers::STEPS,
        uploads::STEPS,
        documents::STEPS,
        courses::STEPS,
        access::STEPS,
        books::STEPS,
        webhooks::STEPS,
        exports::STEPS,
        sources::STEPS,
        customers_on_nodes::STEPS,
        carriers::STEPS,
    ];
    all.into_iter().flatten()
}

/// The version that brought the step of this name; none when the name is not of our making.
pub(super) fn version_of(step: &str) -> Option<u32> {
    step.strip_prefix('v')?.split_once('_')?.0.parse().ok()
}

/// A name and the statement that it stands for.
type NamedStep = (&'static str, fn() -> Ddl);

enum Ddl {
    Table(Box<TableCreateStatement>),
    Index(Box<IndexCreateStatement>),
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

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait leaves the lifetime out, and a written one would be another"
)]
#[async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match (self.make)() {
            Ddl::Table(table) => manager.create_table(*table).await,
            Ddl::Index(index) => manager.create_index(*index).await,
        }
    }
}

/// What the tables that nodes share are made with.
#[cfg(test)]
pub(super) fn nodes_schema() -> Vec<TableCreateStatement> {
    let tables = nodes::STEPS.iter().filter_map(|(_, make)| match make() {
        Ddl::Table(table) => Some(*table),
        Ddl::Index(_) => None,
    });
    tables.collect()
}

fn table<const N: usize>(name: &'static str, columns: [&mut ColumnDef; N]) -> Ddl {
    Ddl::Table(Box::new(columns_of(name, columns)))
}

/// A table whose rows are found by several columns together.
fn table_keyed<const N: usize>(
    name: &'static str,
    key: &[&'static str],
    columns: [&mut ColumnDef; N],
) -> Ddl {
    let mut primary = Index::create();
    for column in key {
        primary.col(*column);
    }
    Ddl::Table(Box::new(columns_of(name, columns).primary_key(&mut primary).take()))
}

fn columns_of<const N: usize>(name: &'static str, columns: [&mut ColumnDef; N]) -> TableCreateStatement {
    let mut statement = Table::create().table(name).if_not_exists().take();
    for column in columns {
        statement.col(column);
    }
    statement
}

fn unique(name: &'static str, table: &'static str, columns: &[&'static str]) -> Ddl {
    Ddl::Index(Box::new(index_on(name, table, columns).unique().take()))
}

fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> Ddl {
    Ddl::Index(Box::new(index_on(name, table, columns)))
}

fn index_on(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut statement = Index::create().name(name).table(table).if_not_exists().take();
    for column in columns {
        statement.col(*column);
    }
    statement
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

fn maybe_text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().null().take()
}

/// Digests and sealed values.
fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

fn maybe_bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().null().take()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm_migration::sea_query::{PostgresQueryBuilder, SqliteQueryBuilder};

    use super::*;

    #[test]
    fn every_step_is_one_repeatable_statement_on_both_engines() {
        let mut names = BTreeSet::new();
        for (name, make) in steps() {
            assert!(names.insert(name), "{name} twice");
            assert!(
                version_of(name).is_some_and(|version| (1..=SCHEMA_VERSION).contains(&version)),
                "{name}"
            );
            for sql in match make() {
                Ddl::Table(table) => {
                    [table.to_string(PostgresQueryBuilder), table.to_string(SqliteQueryBuilder)]
                }
                Ddl::Index(index) => {
                    [index.to_string(PostgresQueryBuilder), index.to_string(SqliteQueryBuilder)]
                }
            } {
                assert!(sql.contains(" IF NOT EXISTS "), "{name}: {sql}");
                assert!(!sql.contains(';') && !sql.to_lowercase().contains("autoincrement"), "{name}: {sql}");
            }
        }
    }

    #[test]
    fn ids_are_row_numbers_on_sqlite_and_64_bits_on_postgresql() {
        let Ddl::Table(table) = (people::STEPS[0].1)() else { panic!("the first step is the contacts") };
        assert!(table.to_string(SqliteQueryBuilder).contains("\"id\" integer NOT NULL PRIMARY KEY"));
        assert!(table.to_string(PostgresQueryBuilder).contains("\"id\" bigint NOT NULL PRIMARY KEY"));
    }
}
