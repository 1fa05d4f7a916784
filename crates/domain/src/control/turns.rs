//! What happened to channels, beyond the life of the process that saw it.

use std::time::Duration;

use async_trait::async_trait;

use super::ControlError;
use crate::ids::{ChannelId, TurnId};
use crate::routing::Turn;
use crate::time::Timestamp;

/// Turns that are kept of one channel: a breaker that opens at every probe makes some three in two minutes, so that these
/// are half a day of the worst and months of the usual.
pub const MOST_TURNS: u64 = 1_000;
/// How long they are kept.
pub const TURNS_AGE: Duration = Duration::from_secs(180 * 86_400);

/// A turn in a channel's health, as a node saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChannelTurn {
    pub id: TurnId,
    pub channel: ChannelId,
    pub at: Timestamp,
    /// The number of the node; 0 where there is one only.
    pub node: u8,
    pub turn: Turn,
}

/// The history of channels.
#[async_trait]
pub trait ChannelTurns: Send + Sync {
    /// Adds turns in one transaction, which also drops what their channels have beyond [`MOST_TURNS`] and
    /// [`TURNS_AGE`].
    async fn add_turns(&self, turns: &[ChannelTurn], now: Timestamp) -> Result<(), ControlError>;
    /// Those of a channel, newest first, at most `limit`; with `before` those that are older than it.
    async fn turns(
        &self,
        channel: ChannelId,
        before: Option<TurnId>,
        limit: u32,
    ) -> Result<Vec<ChannelTurn>, ControlError>;
}
