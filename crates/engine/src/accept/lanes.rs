//! The streams of API messages: one lane per account, route, priority and category, made when first needed.

use std::collections::HashMap;

use domain::billing::{Charge, Mode, Purse, Terms};
use domain::ids::{AccountId, EntityId, LaneId, RouteId};
use domain::lane::{Lane, LaneState, WindowClose};
use domain::ledger::LedgerError;
use domain::message::{Category, Priority};
use tokio::sync::Mutex;

use crate::Engine;

/// What tells one API stream from another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct StreamKey {
    pub account: AccountId,
    pub route: RouteId,
    pub priority: Priority,
    pub category: Category,
    pub charge: Charge,
    pub purse: Purse,
}

impl StreamKey {
    /// Of an account that has agreed to these terms. When they change, new messages go to another lane, and those in flight are
    /// paid for as they were accepted.
    pub(crate) fn new(
        account: AccountId,
        route: RouteId,
        (priority, category): (Priority, Category),
        terms: &Terms,
    ) -> Self {
        let purse = if terms.mode == Mode::Bounded { Purse::Allowance } else { Purse::Open };
        Self { account, route, priority, category, charge: terms.charge, purse }
    }

    fn of(lane: &Lane) -> Option<Self> {
        let Lane { account, route, priority, category, charge, purse, .. } = *lane;
        lane.campaign.is_none().then_some(Self { account, route, priority, category, charge, purse })
    }
}

/// The API streams that are open; `None` until the ledger was asked.
#[derive(Default)]
pub(crate) struct ApiLanes(Mutex<Option<HashMap<StreamKey, LaneId>>>);

impl Engine {
    /// The lane of a stream; opened in every partition before it is first given out.
    pub(crate) async fn api_lane(&self, key: StreamKey, entity: EntityId) -> Result<LaneId, LedgerError> {
        // Held while a lane is opened, so that two first messages do not open two lanes.
        let mut known = self.api_lanes.0.lock().await;
        let lanes = match known.as_mut() {
            Some(lanes) => lanes,
            None => {
                let lanes = self.ledger.lanes().await?;
                known.insert(lanes.iter().filter_map(|lane| Some((StreamKey::of(lane)?, lane.id))).collect())
            }
        };
        if let Some(lane) = lanes.get(&key) {
            return Ok(*lane);
        }
        let lane = Lane {
            id: LaneId::from(self.ids.fresh(self.clock.now())),
            account: key.account,
            entity,
            campaign: None,
            route: key.route,
            priority: key.priority,
            category: key.category,
            state: LaneState::Open,
            speed: None,
            window_close: WindowClose::Hold,
            held_words_approved: false,
            charge: key.charge,
            purse: key.purse,
            version: 0,
        };
        let id = lane.id;
        self.put_lane(lane).await?;
        lanes.insert(key, id);
        Ok(id)
    }
}
