//! The API over the real engine and the real store, request by request.

mod audience;
mod campaigns;
mod channels;
mod contract;
mod customers;
mod doors;
mod events;
mod house;
mod messages;
mod metrics;
mod numbers;
mod people;
mod server;
mod tls;
