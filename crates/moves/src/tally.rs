//! Counts of moves, gathered in memory during a transaction and written as deltas at its end.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use domain::channel::CarrierCode;
use domain::ids::{ChannelId, GatewayId, LaneId};
use domain::ledger::{Tally, UnknownCode};
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

/// The moves of one transaction, and the codes it met that are in no table.
#[derive(Default)]
pub struct Tallies {
    gains: HashMap<TallyKey, Gain>,
    codes: BTreeMap<(u16, String), CodeGain>,
}

/// Different codes that one partition keeps, the ones seen last; a carrier has some hundred.
pub const CODES_KEPT: u32 = 2_048;
/// A code that was not seen for so long is forgotten.
pub const CODES_FOR: Duration = Duration::from_secs(180 * 86_400);

/// How often a code came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeGain {
    pub times: i64,
    pub first_at: i64,
    pub last_at: i64,
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

    /// Counts a code that is in no table.
    pub fn count_code(&mut self, gateway: GatewayId, code: CarrierCode, at: Timestamp) {
        let at = at.millis();
        let key = (gateway.0, code.as_str().to_owned());
        let gain = self.codes.entry(key).or_insert(CodeGain { times: 0, first_at: at, last_at: at });
        gain.times += 1;
        (gain.first_at, gain.last_at) = (gain.first_at.min(at), gain.last_at.max(at));
    }

    pub fn is_empty(&self) -> bool {
        self.gains.is_empty()
    }

    pub fn clear(&mut self) {
        self.gains.clear();
        self.codes.clear();
    }

    /// Gives the codes away, in order of gateway and code.
    pub fn take_codes(&mut self) -> BTreeMap<(u16, String), CodeGain> {
        std::mem::take(&mut self.codes)
    }

    /// Gives the deltas away, in no order.
    pub fn drain(&mut self) -> impl Iterator<Item = (TallyKey, Gain)> + '_ {
        self.gains.drain()
    }
}

/// Adds up the codes of several partitions, most frequent first.
pub fn fold_codes(codes: Vec<UnknownCode>) -> Vec<UnknownCode> {
    let mut folded: HashMap<(GatewayId, CarrierCode), UnknownCode> = HashMap::new();
    for code in codes {
        let sum = folded.entry((code.gateway, code.code)).or_insert(UnknownCode { times: 0, ..code });
        sum.times += code.times;
        (sum.first_at, sum.last_at) = (sum.first_at.min(code.first_at), sum.last_at.max(code.last_at));
    }
    let mut all: Vec<UnknownCode> = folded.into_values().collect();
    all.sort_by(|a, b| {
        let key = |code: &UnknownCode| (std::cmp::Reverse(code.times), code.gateway);
        key(a).cmp(&key(b)).then_with(|| a.code.as_str().cmp(b.code.as_str()))
    });
    all
}

/// Reads a stored counter of a code.
pub fn read_code(gateway: u16, code: &str, gain: CodeGain) -> UnknownCode {
    UnknownCode {
        gateway: GatewayId(gateway),
        code: CarrierCode::new(code.as_bytes()),
        times: gain.times.unsigned_abs(),
        first_at: Timestamp::from_millis(gain.first_at),
        last_at: Timestamp::from_millis(gain.last_at),
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

/// Counters of an hour that are read at once, about.
pub const HOUR_ROWS: u32 = 4_096;

/// Cuts counters that were read up to a limit, in order of the lane, after the last lane that is whole; with them that lane,
/// where others follow. `None`: not even the first is whole.
pub fn whole_lanes(mut tallies: Vec<Tally>, limit: u32) -> Option<(Vec<Tally>, Option<LaneId>)> {
    if tallies.len() < limit as usize {
        return Some((tallies, None));
    }
    let cut = tallies.last().map(|tally| tally.lane);
    tallies.retain(|tally| Some(tally.lane) != cut);
    let last = tallies.last()?.lane;
    Some((tallies, Some(last)))
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
