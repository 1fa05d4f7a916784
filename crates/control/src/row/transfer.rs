//! A line of the journal; never changed. `once_key` is what may happen once in an account; a reference is in `sealed`.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "transfer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub account: i64,
    pub kind: i32,
    pub from_book: i32,
    pub to_book: i32,
    pub amount: i64,
    pub at: i64,
    pub subject: String,
    pub sealed: Option<Vec<u8>>,
    pub once_key: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
