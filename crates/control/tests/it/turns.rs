//! What happened to channels: added, read in pages, bounded by number and age.

use std::time::Duration;

use domain::control::{ChannelTurn, ChannelTurns as _, MOST_TURNS, TURNS_AGE};
use domain::ids::{ChannelId, TurnId};
use domain::routing::{Trouble, Turn};
use domain::time::Timestamp;

use super::engines::{Engine, on_every_engine};
use super::stage::{NOW, Stage};

on_every_engine! {
    turns_are_read_newest_first_and_bounded_by_number_and_age
}

async fn turns_are_read_newest_first_and_bounded_by_number_and_age(engine: Engine) {
    let stage = Stage::open(engine).await;
    let turn = |id: i64, channel: u16, at: Timestamp| ChannelTurn {
        id: TurnId::from_raw(id),
        channel: ChannelId(channel),
        at,
        node: 3,
        turn: Turn::Down(Trouble::Receipts),
    };
    let (first, second) = (turn(1, 1, NOW), turn(2, 2, NOW));
    stage.db.add_turns(&[first, second], NOW).await.unwrap();
    let of = async |channel, before, limit| stage.db.turns(ChannelId(channel), before, limit).await.unwrap();
    assert_eq!(of(1, None, 9).await, [first]);
    assert_eq!(of(2, None, 9).await, [second]);
    let last = i64::try_from(MOST_TURNS).unwrap() + 12;
    let many: Vec<_> = (10..=last).map(|id| turn(id, 1, NOW)).collect();
    stage.db.add_turns(&many, NOW).await.unwrap();
    let ids = |turns: Vec<ChannelTurn>| turns.iter().map(|turn| turn.id.raw()).collect::<Vec<_>>();
    assert_eq!(ids(of(1, None, 2).await), [last, last - 1]);
    assert_eq!(ids(of(1, Some(TurnId::from_raw(14)), 9).await), [13], "what is beyond the number is gone");
    assert_eq!(of(2, None, 9).await, [second], "each channel for itself");
    let later = NOW.plus(TURNS_AGE).plus(Duration::from_secs(1));
    let newest = turn(last + 1, 1, later);
    stage.db.add_turns(&[newest], later).await.unwrap();
    assert_eq!(of(1, None, 9).await, [newest], "and what is beyond the age");
}
