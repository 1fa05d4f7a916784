//! CMPP channels: several connections to one gateway, under one window and one pace.
//!
//! [`CmppChannel`] is what the engine sees. Each connection is a task with a [`wire::cmpp::Session`]; what is handed
//! over waits in the connection's own queue until its window has room, and all parts of one message go over one
//! connection, in order.

mod assembly;
mod channel;
mod connection;
mod events;
mod flight;
mod handover;
mod submit;

pub use channel::{ChannelSettings, CmppChannel};
