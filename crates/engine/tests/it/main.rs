//! The engine's use-cases on the real store, with a carrier that takes and delivers everything.

mod accept;
mod answers;
mod campaigns;
mod carrier;
mod carriers;
mod changed_channel;
mod courses;
mod downstream;
mod downstream_nodes;
mod files;
mod house;
mod imports;
mod narrow;
mod nodes;
mod nodes_death;
#[path = "../../../pg/tests/stage/postgres_server.rs"]
mod postgres_server;
mod preflight;
mod readiness;
mod receipts;
mod restart;
mod town;
