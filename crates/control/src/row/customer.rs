//! A customer that connects to us; its password is in `sealed`, what nothing is looked for by in `settings`.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "customer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub account: i64,
    pub name: String,
    pub protocol: i32,
    pub login: String,
    pub sealed: Vec<u8>,
    pub settings: String,
    pub enabled: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
