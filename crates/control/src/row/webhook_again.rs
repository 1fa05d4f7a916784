//! An event that a webhook is told again; the event is the id of `document`.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_again")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub webhook: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event: String,
    pub document: String,
    pub tries: i32,
    pub due: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
