//! Lanes: what is queued and paused as one; and streams, their parts that the same channels can carry.

use crate::billing::{Charge, Purse};
use crate::ids::{AccountId, CampaignId, ChannelId, EntityId, LaneId, RouteId};
use crate::message::{Category, Priority, coded_enum};
use crate::phone::Carrier;
use crate::time::Timestamp;
use std::fmt;

coded_enum! {
    /// Whether a lane's messages may be claimed.
    LaneState {
        /// Claimed as capacity allows.
        Open = 1, "open";
        /// Nothing is claimed; messages stay.
        Paused = 2, "paused";
        /// Nothing is claimed again; a sweeper writes `cancelled` into each message.
        Cancelled = 3, "cancelled";
    }
}

/// What to do with messages that meet the end of the sending window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowClose {
    /// Wait for the next window.
    Hold,
    /// Pause the lane until a person resumes it.
    PauseForHuman,
    /// Wait for the next window, but give up after this instant.
    DropAfter(Timestamp),
}

/// What is queued of (campaign, or an account's API traffic) × route × priority, paused, slowed and counted as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lane {
    pub id: LaneId,
    pub account: AccountId,
    /// Whose consents, suppressions and caps count.
    pub entity: EntityId,
    pub campaign: Option<CampaignId>,
    pub route: RouteId,
    pub priority: Priority,
    pub category: Category,
    pub state: LaneState,
    /// Messages per second over all partitions; none is as fast as the channels go.
    pub speed: Option<u32>,
    pub window_close: WindowClose,
    /// A person looked at the held words and let the campaign go.
    pub held_words_approved: bool,
    /// When its messages are paid for. Frozen: whoever puts the lane again changes nothing of it.
    pub charge: Charge,
    /// Where their money comes from. Frozen too.
    pub purse: Purse,
    /// Grows with every change of what the lane follows; that of its campaign, or 0 of API traffic, which never changes.
    pub version: i64,
}

/// Whose share of the channels a lane's messages are sent from: the lanes of a campaign have one share and one speed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Share {
    Campaign(CampaignId),
    Lane(LaneId),
}

impl Lane {
    /// Whose share it is sent from.
    #[must_use]
    pub fn share(&self) -> Share {
        self.campaign.map_or(Share::Lane(self.id), Share::Campaign)
    }

    /// Whether it holds what part of every channel is kept for.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        self.priority == Priority::Emergency
    }
}

/// Part of a lane that one set of channels may claim, so that a claim never has to skip rows. Where the channels of
/// the lane's route reach different carriers, each carrier's messages wait in a stream of their own; so do retries,
/// which avoid the channel that failed them. Pausing, speed, fairness and counters are the whole lane's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stream {
    pub lane: LaneId,
    /// Only channels that reach it may claim; none: any channel of the route, which sets apart what it does not reach.
    pub carrier: Option<Carrier>,
    /// The channel that should not claim while another one can.
    pub avoid: Option<ChannelId>,
}
