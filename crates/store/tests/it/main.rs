//! The stories of the store, one module each.

mod control_campaigns;
mod control_nodes;
mod control_people;
mod control_schema;
mod control_secrecy;
mod control_stage;
mod control_tenants;
mod control_uploads;
mod copy;
mod ledger_carriers;
mod ledger_engines;
mod ledger_faults;
mod ledger_kill;
mod ledger_lost_claim;
mod ledger_nodes;
mod ledger_people;
mod ledger_stage;
mod ledger_stepped;
mod ledger_story;
mod ledger_verify;
mod ledger_versions;
mod ledger_waiting;
mod postgres_server;
