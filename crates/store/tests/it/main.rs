//! The stories of the store, one module each.

mod copy;
#[path = "../../../pg/tests/stage/engines.rs"]
mod engines;
mod ledger_carriers;
mod ledger_events;
mod ledger_faults;
mod ledger_kill;
mod ledger_lost_claim;
mod ledger_money;
mod ledger_nodes;
mod ledger_numbers;
mod ledger_orders;
mod ledger_people;
mod ledger_stage;
mod ledger_stepped;
mod ledger_story;
mod ledger_tries;
mod ledger_verify;
mod ledger_versions;
mod ledger_waiting;
#[path = "../../../pg/tests/stage/postgres_server.rs"]
mod postgres_server;
mod source;
