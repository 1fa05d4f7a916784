//! The stories of the control database, one module each.

mod access;
mod books;
mod campaigns;
mod corrections;
mod documents;
mod edits;
mod exports;
mod nodes;
mod people;
mod schema;
mod secrecy;
mod sources;
mod stage;
mod tenants;
mod turns;
mod uploads;
mod webhooks;

#[path = "../../../pg/tests/stage/engines.rs"]
mod engines;
#[path = "../../../pg/tests/stage/postgres_server.rs"]
mod postgres_server;
