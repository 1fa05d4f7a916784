//! Drivers that carry messages over channels: sessions with carriers on tokio.
//!
//! Owns sockets, reconnects, pacing, and the table of what is under way on each connection. Refuses every decision
//! about messages: what is sent, retried or acknowledged is the engine's.
//!
//! Invariants: what is handed to a channel comes back exactly once (a late answer may follow an uncertain one);
//! messages under way (waiting and unanswered) never exceed connections × window; a carrier's PDU is acknowledged
//! only when the engine says that its content is durable.

mod backoff;
pub mod cmpp;
mod pace;
