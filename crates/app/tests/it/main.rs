//! The binary from outside: commands, exit codes, a whole campaign, and what survives `kill -9`.

mod access;
mod bad_input;
mod cloud;
mod cluster;
mod crowd;
#[path = "../../../gateway/tests/it/customer.rs"]
mod customer;
mod damage;
mod demo;
mod downstream;
mod export;
mod house;
mod interop_api;
mod interop_carriers;
mod interop_customers;
mod interop_smpp;
mod kill;
mod numbers;
mod pdu;
mod peer;
mod postgres;
#[path = "../../../pg/tests/stage/postgres_server.rs"]
mod postgres_server;
mod protocols;
mod proxy;
mod simulate;
mod source;
mod start;
mod story;
mod terms;
mod traces;
mod webhooks;
