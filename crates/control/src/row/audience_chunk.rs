//! A thousand rows of an audience in one sealed value.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "audience_chunk")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub audience: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub account: i64,
    pub digest: Vec<u8>,
    pub sealed: Vec<u8>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
