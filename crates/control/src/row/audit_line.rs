//! One line of the log of who did what. Rows are added and never changed.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "audit_line")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub account: i64,
    pub at: i64,
    pub principal: String,
    pub home: i64,
    pub action: String,
    pub object: String,
    pub address: String,
    pub request: String,
    pub digest_before: Option<Vec<u8>>,
    pub digest_after: Option<Vec<u8>>,
    pub requests: i32,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
