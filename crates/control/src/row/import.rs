//! One reading of one file; its name and words are in `sealed`.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "import")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub account: i64,
    pub sealed: Vec<u8>,
    pub bytes: i64,
    pub mapping: String,
    pub tags: String,
    pub basis: i32,
    pub state: i32,
    pub rows_read: i64,
    pub rows_new: i64,
    pub rows_updated: i64,
    pub rows_duplicate: i64,
    pub rows_invalid: i64,
    pub created_at: i64,
    pub finished_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
