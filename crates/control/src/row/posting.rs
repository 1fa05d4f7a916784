//! What messages moved in an hour, so far; campaign and channel 0 are none. `from_hold` is the part of `reserved` that a hold paid.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "posting")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub hour: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub campaign: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub purse: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub carrier: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel: i32,
    pub reserved: i64,
    pub from_hold: i64,
    pub charged: i64,
    pub released: i64,
    pub reopened: i64,
    pub refunded: i64,
    pub recovered: i64,
    pub messages: i64,
    pub parts: i64,
    pub cost: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
