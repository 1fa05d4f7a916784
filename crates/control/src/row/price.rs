//! What an account pays per part; category 0 and an empty carrier are "any".

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "price")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub carrier: String,
    pub per_part: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
