//! Counts of moves, gathered in memory during a transaction and written as deltas at its end.

use std::collections::HashMap;

use domain::ids::{ChannelId, LaneId};
use domain::ledger::Tally;
use domain::message::{MessageState, Reason};
use domain::money::Money;
use domain::time::Timestamp;

use super::fault::{Fault, Outcome};
use super::life::{Life, carrier_code, carrier_from};

/// Everything that tells one counter from another, as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TallyKey {
    pub lane: i64,
    pub hour: i64,
    /// 0: none.
    pub channel: u16,
    /// 0: accepted.
    pub from: u8,
    pub from_reason: u8,
    pub to: u8,
    pub reason: u8,
    pub test: bool,
    pub carrier: u8,
}

/// What one counter gains in this transaction, or holds.
#[derive(Clone, Copy, Default)]
pub struct Gain {
    pub messages: i64,
    pub parts: i64,
    /// Millionths.
    pub price: i64,
}

/// The moves of one transaction.
#[derive(Default)]
pub struct Tallies {
    gains: HashMap<TallyKey, Gain>,
}

impl Tallies {
    /// Counts the move of a message that is now as `life` says.
    pub fn count(&mut self, from: Option<(MessageState, Reason)>, life: &Life, at: Timestamp) {
        let key = TallyKey {
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

    pub fn is_empty(&self) -> bool {
        self.gains.is_empty()
    }

    pub fn clear(&mut self) {
        self.gains.clear();
    }

    /// Gives the deltas away, in no order.
    pub fn drain(&mut self) -> impl Iterator<Item = (TallyKey, Gain)> + '_ {
        self.gains.drain()
    }
}

/// Reads a stored counter.
pub fn read(key: TallyKey, gain: Gain) -> Outcome<Tally> {
    let bad = |column| Fault::inconsistent("tally", column, "unknown code");
    Ok(Tally {
        lane: LaneId::from_raw(key.lane),
        hour: key.hour,
        channel: Some(key.channel).filter(|channel| *channel != 0).map(ChannelId),
        from: if key.from == 0 {
            None
        } else {
            Some(MessageState::from_code(key.from).ok_or_else(|| bad("state_from"))?)
        },
        from_reason: Reason::from_code(key.from_reason).ok_or_else(|| bad("reason_from"))?,
        to: MessageState::from_code(key.to).ok_or_else(|| bad("state_to"))?,
        reason: Reason::from_code(key.reason).ok_or_else(|| bad("reason_to"))?,
        test: key.test,
        carrier: carrier_from(key.carrier).ok_or_else(|| bad("carrier"))?,
        messages: gain.messages,
        parts: gain.parts,
        price: Money::from_micros(gain.price),
    })
}

/// Adds up counters of several partitions that differ in nothing.
pub fn fold(tallies: Vec<Tally>) -> Vec<Tally> {
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
