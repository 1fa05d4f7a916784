//! A partition's copy of the lanes: what a claim may take, and how far each campaign is expanded.

use domain::ids::{AccountId, CampaignId, EntityId, LaneId, RouteId};
use domain::lane::{Lane, LaneState, WindowClose};
use domain::ledger::LedgerError;
use domain::message::{Category, Priority};
use domain::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::sql;

const HOLD: u8 = 1;
const PAUSE: u8 = 2;
const DROP: u8 = 3;

impl Work<'_> {
    pub(super) fn open_lane(&mut self, lane: &Lane) -> Outcome<()> {
        let state = self.memory.lanes.get(&lane.id).map_or(lane.state, |known| known.state);
        let (window_close, drop_after) = match lane.window_close {
            WindowClose::Hold => (HOLD, None),
            WindowClose::PauseForHuman => (PAUSE, None),
            WindowClose::DropAfter(at) => (DROP, Some(at.millis())),
        };
        self.connection.prepare_cached(sql::LANE_PUT)?.execute(params![
            lane.id.raw(),
            lane.account.raw(),
            lane.entity.raw(),
            lane.campaign.map(CampaignId::raw),
            lane.route.0,
            lane.priority.code(),
            lane.category.code(),
            state.code(),
            lane.speed,
            window_close,
            drop_after,
            lane.held_words_approved,
        ])?;
        self.memory.lanes.insert(lane.id, Lane { state, ..lane.clone() });
        self.memory.expanded.entry(lane.id).or_insert(0);
        Ok(())
    }

    pub(super) fn set_lane_state(&mut self, id: LaneId, state: LaneState) -> Outcome<()> {
        let Some(lane) = self.memory.lanes.get_mut(&id) else {
            return Err(Fault::Refused(LedgerError::NoSuch("lane")));
        };
        // A cancelled lane's messages may be marked already: it stays cancelled.
        if lane.state != LaneState::Cancelled {
            lane.state = state;
            self.connection.prepare_cached(sql::LANE_STATE)?.execute(params![id.raw(), state.code()])?;
        }
        Ok(())
    }
}

/// Every lane of a file and how far it is expanded.
pub(super) fn read_all(connection: &Connection) -> Outcome<Vec<(Lane, u64)>> {
    let mut statement = connection.prepare_cached(sql::LANES)?;
    let mut rows = statement.query([])?;
    let mut lanes = Vec::new();
    while let Some(row) = rows.next()? {
        lanes.push((from_row(row)?, row.get::<_, i64>(12)?.cast_unsigned()));
    }
    Ok(lanes)
}

fn from_row(row: &Row<'_>) -> Outcome<Lane> {
    let bad = |column| Fault::inconsistent("lane", column, "unknown code");
    let drop_after: Option<i64> = row.get(10)?;
    Ok(Lane {
        id: LaneId::from_raw(row.get(0)?),
        account: AccountId::from_raw(row.get(1)?),
        entity: EntityId::from_raw(row.get(2)?),
        campaign: row.get::<_, Option<i64>>(3)?.map(CampaignId::from_raw),
        route: RouteId(row.get(4)?),
        priority: Priority::from_code(row.get(5)?).ok_or_else(|| bad("priority"))?,
        category: Category::from_code(row.get(6)?).ok_or_else(|| bad("category"))?,
        state: LaneState::from_code(row.get(7)?).ok_or_else(|| bad("state"))?,
        speed: row.get(8)?,
        window_close: match (row.get::<_, u8>(9)?, drop_after) {
            (HOLD, _) => WindowClose::Hold,
            (PAUSE, _) => WindowClose::PauseForHuman,
            (DROP, Some(at)) => WindowClose::DropAfter(Timestamp::from_millis(at)),
            _ => return Err(bad("window_close")),
        },
        held_words_approved: row.get(11)?,
    })
}
