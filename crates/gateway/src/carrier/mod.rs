//! Carrier channels: several connections to one gateway, under one window and one pace, whatever the protocol.
//!
//! [`CarrierChannel`] is what the engine sees. Each connection is a task with a [`wire::session::Session`]; what is handed
//! over waits in the connection's own queue until its window has room, and all parts of one message go over one
//! connection, in order. What a protocol adds is a [`crate::drivers::Driver`].

mod assembly;
mod channel;
mod connection;
mod core;
mod events;
mod flight;
mod handover;
mod life;

pub(crate) use channel::CarrierChannel;
pub use core::ChannelSettings;
