//! One way out; its password is in `sealed`.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "channel")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub gateway: i32,
    pub name: String,
    pub protocol: i32,
    pub host: String,
    pub port: i32,
    pub login: String,
    pub sealed: Vec<u8>,
    pub access_code: String,
    pub service_id: String,
    pub connections: i32,
    pub window_size: i32,
    pub parts_per_second: Option<i64>,
    pub carriers: String,
    pub categories: String,
    pub cost: i64,
    pub enabled: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
