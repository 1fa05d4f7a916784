//! What an account agreed to; amounts are millionths.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "account_terms")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub mode: i32,
    pub charge: i32,
    pub credit: i64,
    pub daily: Option<i64>,
    pub monthly: Option<i64>,
    pub alert_below: Option<i64>,
    pub zone: String,
    pub revision: i32,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
