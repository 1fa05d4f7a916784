//! Where a webhook stands; the id is the webhook's.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_standing")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub revision: i64,
    pub place: String,
    pub failures: i64,
    pub failing_since: Option<i64>,
    pub taken_at: Option<i64>,
    pub held_until: Option<i64>,
    pub lagged_at: Option<i64>,
    pub waiting: i32,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
