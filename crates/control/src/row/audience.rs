//! The header of a frozen audience.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "audience")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub account: i64,
    pub campaign: i64,
    pub columns: String,
    pub rows_read: i64,
    pub invalid: i64,
    pub duplicate: i64,
    pub people: i64,
    pub tests: i64,
    pub chunks: i64,
    pub checksum: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
