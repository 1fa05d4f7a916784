//! A lane as both engines store it.

use domain::billing::{Charge, Purse};
use domain::ids::{AccountId, CampaignId, EntityId, LaneId, RouteId};
use domain::lane::{Lane, LaneState, WindowClose};
use domain::message::{Category, Priority};
use domain::time::Timestamp;

use super::fault::{Fault, Outcome};

const HOLD: u8 = 1;
const PAUSE: u8 = 2;
const DROP: u8 = 3;

/// The columns of a lane but how far it is expanded.
pub struct LaneRow {
    pub id: i64,
    pub account: i64,
    pub entity: i64,
    pub campaign: Option<i64>,
    pub route: u16,
    pub priority: u8,
    pub category: u8,
    pub state: u8,
    pub speed: Option<u32>,
    pub window_close: u8,
    /// Unix milliseconds.
    pub drop_after: Option<i64>,
    pub held_words_approved: bool,
    pub version: i64,
    pub charge: u8,
    pub purse: u8,
}

impl LaneRow {
    pub fn of(lane: &Lane) -> Self {
        let (window_close, drop_after) = match lane.window_close {
            WindowClose::Hold => (HOLD, None),
            WindowClose::PauseForHuman => (PAUSE, None),
            WindowClose::DropAfter(at) => (DROP, Some(at.millis())),
        };
        Self {
            id: lane.id.raw(),
            account: lane.account.raw(),
            entity: lane.entity.raw(),
            campaign: lane.campaign.map(CampaignId::raw),
            route: lane.route.0,
            priority: lane.priority.code(),
            category: lane.category.code(),
            state: lane.state.code(),
            speed: lane.speed,
            window_close,
            drop_after,
            held_words_approved: lane.held_words_approved,
            version: lane.version,
            charge: lane.charge.code(),
            purse: lane.purse.code(),
        }
    }

    pub fn lane(&self) -> Outcome<Lane> {
        let bad = |column| Fault::inconsistent("lane", column, "unknown code");
        Ok(Lane {
            id: LaneId::from_raw(self.id),
            account: AccountId::from_raw(self.account),
            entity: EntityId::from_raw(self.entity),
            campaign: self.campaign.map(CampaignId::from_raw),
            route: RouteId(self.route),
            priority: Priority::from_code(self.priority).ok_or_else(|| bad("priority"))?,
            category: Category::from_code(self.category).ok_or_else(|| bad("category"))?,
            state: LaneState::from_code(self.state).ok_or_else(|| bad("state"))?,
            speed: self.speed,
            window_close: match (self.window_close, self.drop_after) {
                (HOLD, _) => WindowClose::Hold,
                (PAUSE, _) => WindowClose::PauseForHuman,
                (DROP, Some(at)) => WindowClose::DropAfter(Timestamp::from_millis(at)),
                _ => return Err(bad("window_close")),
            },
            held_words_approved: self.held_words_approved,
            charge: Charge::from_code(self.charge).ok_or_else(|| bad("charge"))?,
            purse: Purse::from_code(self.purse).ok_or_else(|| bad("purse"))?,
            version: self.version,
        })
    }
}
