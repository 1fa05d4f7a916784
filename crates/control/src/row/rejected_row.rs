//! A row of a file that was not taken.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "rejected_row")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub import: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub line: i64,
    pub account: i64,
    pub sealed: Vec<u8>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
