//! A turn in a channel's health. Rows are added; old ones, and those beyond a number, are removed.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "channel_turn")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub channel: i64,
    pub at: i64,
    /// The node that saw it.
    pub node: i32,
    pub turn: String,
    pub trouble: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
