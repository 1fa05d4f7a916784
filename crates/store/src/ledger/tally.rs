//! Counts of moves, gathered in memory during a transaction and written as deltas at its end.

use std::collections::HashMap;

use domain::ids::{ChannelId, LaneId};
use domain::ledger::Tally;
use domain::message::{MessageState, Reason};
use domain::money::Money;
use domain::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::fault::{Fault, Outcome};
use super::life::{Life, carrier_code, carrier_from};
use super::sql;

/// Everything that tells one counter from another, as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    lane: i64,
    hour: i64,
    channel: u16,
    from: u8,
    from_reason: u8,
    to: u8,
    reason: u8,
    test: bool,
    carrier: u8,
}

/// What one counter gains in this transaction.
#[derive(Clone, Copy, Default)]
struct Gain {
    messages: i64,
    parts: i64,
    price: i64,
}

/// The moves of one transaction.
#[derive(Default)]
pub(super) struct Tallies {
    gains: HashMap<Key, Gain>,
}

impl Tallies {
    /// Counts the move of a message that is now as `life` says.
    pub(super) fn count(&mut self, from: Option<(MessageState, Reason)>, life: &Life, at: Timestamp) {
        let key = Key {
            lane: life.lane.raw(),
            hour: at.hour(),
            channel: life.channel.map_or(0, |c| c.0),
            from: from.map_or(0, |(state, _)| state.code()),
            from_reason: from.map_or(0, |(_, reason)| reason.code()),
            to: life.state.code(),
            reason: life.reason.code(),
            test: life.test,
            carrier: carrier_code(life.carrier),
        };
        let gain = self.gains.entry(key).or_default();
        gain.messages += 1;
        gain.parts += i64::from(life.parts);
        gain.price += life.price.micros();
    }

    pub(super) fn clear(&mut self) {
        self.gains.clear();
    }

    /// Writes the deltas and forgets them.
    pub(super) fn flush(&mut self, connection: &Connection) -> Outcome<()> {
        if self.gains.is_empty() {
            return Ok(());
        }
        let mut upsert = connection.prepare_cached(sql::TALLY_ADD)?;
        for (key, gain) in self.gains.drain() {
            upsert.execute(params![
                key.lane,
                key.hour,
                key.channel,
                key.from,
                key.from_reason,
                key.to,
                key.reason,
                key.test,
                key.carrier,
                gain.messages,
                gain.parts,
                gain.price
            ])?;
        }
        Ok(())
    }
}

/// Reads a counter from a row of [`sql::TALLY_READ`].
pub(super) fn from_row(row: &Row<'_>) -> Outcome<Tally> {
    let bad = |column| Fault::inconsistent("tally", column, "unknown code");
    let from: u8 = row.get(3)?;
    Ok(Tally {
        lane: LaneId::from_raw(row.get(0)?),
        hour: row.get(1)?,
        channel: Some(row.get(2)?).filter(|channel| *channel != 0).map(ChannelId),
        from: if from == 0 {
            None
        } else {
            Some(MessageState::from_code(from).ok_or_else(|| bad("state_from"))?)
        },
        from_reason: Reason::from_code(row.get(4)?).ok_or_else(|| bad("reason_from"))?,
        to: MessageState::from_code(row.get(5)?).ok_or_else(|| bad("state_to"))?,
        reason: Reason::from_code(row.get(6)?).ok_or_else(|| bad("reason_to"))?,
        test: row.get(7)?,
        carrier: carrier_from(row.get(8)?).ok_or_else(|| bad("carrier"))?,
        messages: row.get(9)?,
        parts: row.get(10)?,
        price: Money::from_micros(row.get(11)?),
    })
}

/// Adds up counters of several partitions that differ in nothing.
pub(super) fn fold(tallies: Vec<Tally>) -> Vec<Tally> {
    let mut folded: HashMap<Tally, (i64, i64, Money)> = HashMap::new();
    for tally in tallies {
        let key = Tally { messages: 0, parts: 0, price: Money::ZERO, ..tally };
        let sum = folded.entry(key).or_default();
        *sum = (sum.0 + tally.messages, sum.1 + tally.parts, sum.2 + tally.price);
    }
    folded
        .into_iter()
        .map(|(key, (messages, parts, price))| Tally { messages, parts, price, ..key })
        .collect()
}
