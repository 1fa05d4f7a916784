//! A channel's live state, for people and programs.

use domain::ids::ChannelId;
use domain::routing::{Condition, Turn, Vitals};

/// What a channel is doing. Counters run since the process started.
#[derive(Clone, Debug)]
pub struct ChannelStatus {
    pub id: ChannelId,
    pub name: String,
    pub connections_up: u16,
    pub connections: u16,
    /// Parts that it could take now.
    pub free_parts: u32,
    pub condition: Condition,
    /// How many milliseconds it stays down, if that is known.
    pub down_for: Option<u64>,
    pub vitals: Vitals,
    /// What happened to it since it was started, oldest first, and how many milliseconds ago.
    pub history: Vec<(u64, Turn)>,
    /// What a person must look at (a refused log-in).
    pub trouble: Option<String>,
    /// Messages handed over.
    pub claimed: u64,
    /// Messages that the carrier took.
    pub submitted: u64,
    pub throttled: u64,
    pub refused: u64,
    pub uncertain: u64,
    pub receipts: u64,
    pub inbound: u64,
}
