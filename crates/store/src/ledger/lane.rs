//! A partition's copy of the lanes: what a claim may take, and how far each campaign is expanded.

use domain::ids::LaneId;
use domain::lane::{Lane, LaneState};
use domain::ledger::LedgerError;
use rusqlite::{Connection, Row, params};

use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::sql;
use crate::moves::lane::LaneRow;

impl Work<'_> {
    pub(super) fn put_lane(&mut self, lane: &Lane) -> Outcome<()> {
        let known = self.memory.lanes.get(&lane.id);
        if known.is_some_and(|known| known.version > lane.version) {
            return Ok(());
        }
        // A cancelled lane's messages may be marked already: it stays cancelled.
        let cancelled = known.is_some_and(|known| known.state == LaneState::Cancelled);
        let state = if cancelled { LaneState::Cancelled } else { lane.state };
        // What messages of the lane cost must not change while they are in flight.
        let (charge, purse) = known.map_or((lane.charge, lane.purse), |known| (known.charge, known.purse));
        let lane = Lane { state, charge, purse, ..lane.clone() };
        let row = LaneRow::of(&lane);
        self.connection.prepare_cached(sql::LANE_PUT)?.execute(params![
            row.id,
            row.account,
            row.entity,
            row.campaign,
            row.route,
            row.priority,
            row.category,
            row.state,
            row.speed,
            row.window_close,
            row.drop_after,
            row.held_words_approved,
            row.version,
            row.charge,
            row.purse,
        ])?;
        self.memory.expanded.entry(lane.id).or_insert(0);
        self.memory.lanes.insert(lane.id, lane);
        Ok(())
    }

    /// The policy pauses a lane that it claims from.
    pub(super) fn pause_lane(&mut self, id: LaneId) -> Outcome<()> {
        let Some(lane) = self.memory.lanes.get_mut(&id) else {
            return Err(Fault::Refused(LedgerError::NoSuch("lane")));
        };
        if lane.state == LaneState::Open {
            lane.state = LaneState::Paused;
            self.connection.prepare_cached(sql::LANE_STATE)?.execute(params![id.raw(), lane.state.code()])?;
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
    let lane = LaneRow {
        id: row.get(0)?,
        account: row.get(1)?,
        entity: row.get(2)?,
        campaign: row.get(3)?,
        route: row.get(4)?,
        priority: row.get(5)?,
        category: row.get(6)?,
        state: row.get(7)?,
        speed: row.get(8)?,
        window_close: row.get(9)?,
        drop_after: row.get(10)?,
        held_words_approved: row.get(11)?,
        version: row.get(13)?,
        charge: row.get(14)?,
        purse: row.get(15)?,
    };
    Ok(lane.lane()?)
}
