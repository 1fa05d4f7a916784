//! A webhook; its address and secrets are in `sealed`, `off` is why it is not called (0: it is).

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "webhook")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub account: i64,
    pub name: String,
    pub kinds: String,
    pub format: i32,
    pub sealed: Vec<u8>,
    pub off: i32,
    pub off_at: Option<i64>,
    pub created_at: i64,
    pub version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
