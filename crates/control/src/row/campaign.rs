//! A campaign; its text, test numbers and preflight are in `sealed`.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "campaign")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub account: i64,
    pub entity: i64,
    pub name: String,
    pub category: i32,
    pub signature: String,
    pub template: Option<i64>,
    pub audience_source: String,
    pub scheduled_at: Option<i64>,
    pub speed: Option<i64>,
    pub window_close: i32,
    pub drop_after: Option<i64>,
    pub valid_for: i64,
    pub route: i32,
    pub held_words_approved: bool,
    pub state: i32,
    pub lane: i64,
    pub frozen: Option<i64>,
    pub expanded: bool,
    pub sealed: Vec<u8>,
    pub created_at: i64,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
