//! What happened to channels: added by whoever saw it, and bounded by number and age as it is added.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::control::{ChannelTurn, ChannelTurns, ControlError, MOST_TURNS, TURNS_AGE};
use domain::ids::{ChannelId, TurnId};
use domain::routing::Turn;
use domain::time::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::ControlDb;
use super::error::of_database;
use super::reading::{PAGE_LIMIT, Reading};
use super::row::channel_turn::{Column, Entity, Model};

const TABLE: &str = "channel_turn";

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn failed(error: DbErr) -> ControlError {
    of_database(&error, TABLE)
}

#[async_trait]
impl ChannelTurns for ControlDb {
    async fn add_turns(&self, turns: &[ChannelTurn], now: Timestamp) -> Result<(), ControlError> {
        if turns.is_empty() {
            return Ok(());
        }
        let write = self.write().await?;
        for turn in turns {
            let row = Model {
                id: turn.id.raw(),
                channel: turn.channel.0.into(),
                at: turn.at.millis(),
                node: turn.node.into(),
                turn: turn.turn.word().to_owned(),
                trouble: turn.turn.trouble_word().to_owned(),
            };
            Entity::insert(row.into_active_model())
                .exec_without_returning(&write.transaction)
                .await
                .map_err(failed)?;
        }
        let channels: BTreeSet<i64> = turns.iter().map(|turn| turn.channel.0.into()).collect();
        for channel in channels {
            drop_old(&write.transaction, channel, now).await?;
        }
        write.commit().await
    }

    async fn turns(
        &self,
        channel: ChannelId,
        before: Option<TurnId>,
        limit: u32,
    ) -> Result<Vec<ChannelTurn>, ControlError> {
        let mut page = Entity::find().filter(Column::Channel.eq(i64::from(channel.0)));
        if let Some(before) = before {
            page = page.filter(Column::Id.lt(before.raw()));
        }
        let limit = u64::from(limit.min(PAGE_LIMIT));
        let rows = page.order_by_desc(Column::Id).limit(limit).all(&self.db).await.map_err(failed)?;
        rows.iter().map(turn_of).collect()
    }
}

/// Drops what a channel has beyond the bounds.
async fn drop_old(on: &DatabaseTransaction, channel: i64, now: Timestamp) -> Result<(), ControlError> {
    let of_channel = || Entity::find().filter(Column::Channel.eq(channel)).order_by_desc(Column::Id);
    let beyond = of_channel().offset(MOST_TURNS).limit(1).one(on).await.map_err(failed)?;
    let mut old = Condition::any().add(Column::At.lt(now.minus(TURNS_AGE).millis()));
    if let Some(beyond) = beyond {
        old = old.add(Column::Id.lte(beyond.id));
    }
    let dropped = Entity::delete_many().filter(Column::Channel.eq(channel)).filter(old).exec(on).await;
    dropped.map(|_| ()).map_err(failed)
}

fn turn_of(row: &Model) -> Result<ChannelTurn, ControlError> {
    let reading = Reading(TABLE);
    Ok(ChannelTurn {
        id: TurnId::from_raw(row.id),
        channel: ChannelId(reading.number("channel", row.channel)?),
        at: Timestamp::from_millis(row.at),
        node: reading.number("node", row.node)?,
        turn: Turn::from_words(&row.turn, &row.trouble).ok_or_else(|| reading.odd("turn"))?,
    })
}
