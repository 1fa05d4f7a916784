//! A partition's copy of the lanes.

use domain::ids::{LaneId, PartitionId};
use domain::lane::{Lane, LaneState};
use domain::ledger::LedgerError;
use domain::nodes::NodeId;
use domain::time::Timestamp;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::database::{Operation, Shared, number};
use super::fault::Done;
use super::sql;
use crate::moves::fault::Fault;
use crate::moves::lane::LaneRow;

/// Makes a lane known, or replaces it unless a newer one is known.
pub(super) struct PutLane<'a> {
    pub partition: PartitionId,
    pub lane: &'a Lane,
}

impl Operation for PutLane<'_> {
    type Answer = ();

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<()> {
        lock(db, self.partition).await?;
        let row = LaneRow::of(self.lane);
        let query = sqlx::query(sql::LANE_PUT).bind(number(self.partition)).bind(row.id).bind(row.account);
        let query = query.bind(row.entity).bind(row.campaign).bind(i32::from(row.route));
        let query = query.bind(i16::from(row.priority)).bind(i16::from(row.category));
        let query = query.bind(i16::from(row.state)).bind(row.speed.map(i64::from));
        let query = query.bind(i16::from(row.window_close)).bind(row.drop_after);
        let query = query.bind(row.held_words_approved).bind(row.version);
        let query = query.bind(i16::from(LaneState::Cancelled.code()));
        query.bind(i16::from(row.charge)).bind(i16::from(row.purse)).execute(db).await?;
        Ok(())
    }
}

/// Every lane of a partition.
pub(super) struct Lanes {
    pub partition: PartitionId,
}

impl Operation for Lanes {
    type Answer = Vec<Lane>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Vec<Lane>> {
        let rows = sqlx::query(sql::LANES).bind(number(self.partition)).fetch_all(db).await?;
        rows.iter().map(from_row).collect()
    }
}

/// How far a lane is expanded.
pub(super) struct ExpandedThrough {
    pub partition: PartitionId,
    pub lane: LaneId,
}

impl Operation for ExpandedThrough {
    type Answer = Option<u64>;

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<Option<u64>> {
        let query = sqlx::query(sql::LANE_EXPANDED).bind(number(self.partition)).bind(self.lane.raw());
        let row = query.fetch_optional(db).await?;
        Ok(row.map(|row| row.try_get::<i64, _>(0)).transpose()?.map(i64::cast_unsigned))
    }
}

/// What is kept in the row of a partition.
pub(super) struct Held {
    pub committed_now: Timestamp,
    pub next_claim: i64,
    pub next_suppression: i64,
    pub unknown_through: i64,
    pub retired_through: i64,
    /// By node number, the epoch up to which claims are refused.
    pub fences: Vec<i64>,
}

impl Held {
    /// Whether a life was ended by others: its claims were recovered here.
    pub(super) fn refuses(&self, node: NodeId) -> bool {
        self.fences.get(usize::from(node.number)).is_some_and(|fence| i64::from(node.epoch) <= *fence)
    }
}

/// Locks a partition until the transaction ends. What is read after it includes all that the last holder committed.
pub(super) async fn lock(db: &mut PgConnection, partition: PartitionId) -> Done<Held> {
    let row = sqlx::query(sql::PARTITION_LOCK).bind(number(partition)).fetch_optional(db).await?;
    held(&row.ok_or(LedgerError::NoSuch("partition"))?)
}

/// The same, but `None` while another node has it.
pub(super) async fn try_lock(db: &mut PgConnection, partition: PartitionId) -> Done<Option<Held>> {
    let row = sqlx::query(sql::PARTITION_TRY).bind(number(partition)).fetch_optional(db).await?;
    row.as_ref().map(held).transpose()
}

fn held(row: &PgRow) -> Done<Held> {
    Ok(Held {
        committed_now: Timestamp::from_millis(row.try_get(0)?),
        next_claim: row.try_get(1)?,
        next_suppression: row.try_get(2)?,
        unknown_through: row.try_get(3)?,
        retired_through: row.try_get(4)?,
        fences: row.try_get(5)?,
    })
}

/// The policy pauses a lane that it claims from. The partition is locked.
pub(super) async fn pause(db: &mut PgConnection, partition: PartitionId, lane: LaneId) -> Done<()> {
    let query = sqlx::query(sql::LANE_PAUSE).bind(number(partition)).bind(lane.raw());
    let query = query.bind(i16::from(LaneState::Open.code())).bind(i16::from(LaneState::Paused.code()));
    query.execute(db).await?;
    Ok(())
}

/// Reads a row of [`sql::LANES`].
pub(super) fn from_row(row: &PgRow) -> Done<Lane> {
    let lane = LaneRow {
        id: row.try_get(0)?,
        account: row.try_get(1)?,
        entity: row.try_get(2)?,
        campaign: row.try_get(3)?,
        route: small(row.try_get::<i32, _>(4)?)?,
        priority: small(row.try_get::<i16, _>(5)?)?,
        category: small(row.try_get::<i16, _>(6)?)?,
        state: small(row.try_get::<i16, _>(7)?)?,
        speed: row.try_get::<Option<i64>, _>(8)?.map(small).transpose()?,
        window_close: small(row.try_get::<i16, _>(9)?)?,
        drop_after: row.try_get(10)?,
        held_words_approved: row.try_get(11)?,
        version: row.try_get(12)?,
        charge: small(row.try_get::<i16, _>(13)?)?,
        purse: small(row.try_get::<i16, _>(14)?)?,
    };
    Ok(lane.lane()?)
}

/// A number that was stored from a smaller type.
pub(super) fn small<W, N: TryFrom<W>>(wide: W) -> Done<N> {
    N::try_from(wide).map_err(|_| Fault::inconsistent("ledger", "number", "out of range").into())
}
