//! One message's changing facts, packed into one column.
//!
//! Every step of a message rewrites this record and nothing else of its row. It is padded so that a step seldom
//! changes its length, which lets SQLite overwrite it in place. Layout, little-endian:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | format (1) |
//! | 1 | 1 each | state, reason, attempts, flags, category, encoding, carrier (upper half: the one found instead), parts, trail length |
//! | 10 | 1 + 15 | carrier's last code: length, bytes |
//! | 26 | 2 each | channel, gateway, rule, avoided channel (0: none) |
//! | 34 | 8 each | claim, due at, valid until, price, lane, entity |
//! | 82 | 4 × 4 | parts delivered, a bit each, per attempt modulo 4 |
//! | 98 | 12 each | trail entries, then zeros |

use domain::channel::CarrierCode;
use domain::downstream::Ending;
use domain::ids::{ChannelId, EntityId, GatewayId, LaneId};
use domain::lane::Stream;
use domain::ledger::{TrailEntry, TrailEvent};
use domain::message::{Category, MessageState, Reason};
use domain::money::Money;
use domain::phone::Carrier;
use domain::policy::RuleId;
use domain::text::Encoding;
use domain::time::Timestamp;

const FORMAT: u8 = 1;
const HEAD_LEN: usize = 98;
const ENTRY_LEN: usize = 12;
/// An undisturbed message leaves four entries, one retry three more.
const TRAIL_STEP: usize = 8;
/// A message that is throttled for an hour leaves hundreds of entries; its first and last ones tell the story.
const TRAIL_MAX: usize = 48;
/// Of those, how many of the first are kept.
const TRAIL_KEEP_FIRST: usize = 16;
/// How many attempts keep a bit field of their own. The default policy makes three.
const MASKS: usize = 4;
/// Parts beyond this share the last bit; carriers allow far fewer.
const MASK_BITS: u8 = 32;

const POSSIBLE_DUPLICATE: u8 = 1;
const TEST: u8 = 1 << 1;
const OUTSTANDING: u8 = 1 << 2;
const TAKEN: u8 = 1 << 3;
const BY_CARRIER: u8 = 1 << 4;
const WATCHED: u8 = 1 << 5;
const SHARED: u8 = 1 << 6;
const MARKED: u8 = 1 << 7;

/// The changing facts of one message, and the frozen ones that every step needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    pub state: MessageState,
    pub reason: Reason,
    pub attempts: u8,
    pub possible_duplicate: bool,
    pub test: bool,
    /// The claim named by `claim` waits for its settlement.
    pub outstanding: bool,
    /// A carrier took a part of some attempt, or may have: the hand-over counts for caps.
    pub taken: bool,
    /// It waits in a stream of its carrier.
    pub by_carrier: bool,
    /// It has an origin, which is told how it ends.
    pub watched: bool,
    /// When it ended, if that was since this record was read: to be told with the write. Not packed.
    pub ended: Option<Timestamp>,
    pub category: Category,
    pub encoding: Encoding,
    /// By the phone's range, as at acceptance: prices and counters follow it.
    pub carrier: Carrier,
    /// The network that the phone was found to be of instead.
    pub toward: Option<Carrier>,
    /// Its phone was called dead lately: a sign of life must be told to the person's row.
    pub marked: bool,
    pub parts: u8,
    pub code: CarrierCode,
    pub channel: Option<ChannelId>,
    pub gateway: Option<GatewayId>,
    /// The stream in which it waits, while it is queued.
    pub avoid: Option<ChannelId>,
    pub rule: RuleId,
    pub claim: i64,
    pub due_at: Option<Timestamp>,
    pub valid_until: Timestamp,
    pub price: Money,
    pub lane: LaneId,
    pub entity: EntityId,
    /// One receipt stands for several parts of the last try: which of them arrived is not known before the end.
    pub shared: bool,
    masks: [u32; MASKS],
    trail: Vec<[u8; ENTRY_LEN]>,
}

/// What a new message brings.
pub struct Frozen {
    pub category: Category,
    pub encoding: Encoding,
    pub carrier: Carrier,
    pub parts: u8,
    pub test: bool,
    pub possible_duplicate: bool,
    pub watched: bool,
    pub valid_until: Timestamp,
    pub price: Money,
    pub lane: LaneId,
    pub entity: EntityId,
}

impl Life {
    pub fn new(frozen: &Frozen) -> Self {
        Self {
            state: MessageState::Queued,
            reason: Reason::None,
            attempts: 0,
            possible_duplicate: frozen.possible_duplicate,
            test: frozen.test,
            outstanding: false,
            taken: false,
            by_carrier: false,
            watched: frozen.watched,
            ended: None,
            category: frozen.category,
            encoding: frozen.encoding,
            carrier: frozen.carrier,
            toward: None,
            marked: false,
            parts: frozen.parts.max(1),
            code: CarrierCode::default(),
            channel: None,
            gateway: None,
            avoid: None,
            rule: RuleId(0),
            claim: 0,
            due_at: None,
            valid_until: frozen.valid_until,
            price: frozen.price,
            lane: frozen.lane,
            entity: frozen.entity,
            shared: false,
            masks: [0; MASKS],
            trail: Vec::with_capacity(TRAIL_STEP),
        }
    }

    /// Where it waits while it is queued.
    pub fn stream(&self) -> Stream {
        let carrier = self.by_carrier.then(|| self.heading());
        Stream { lane: self.lane, carrier, avoid: self.avoid }
    }

    /// The network whose channels are to carry it.
    pub fn heading(&self) -> Carrier {
        self.toward.unwrap_or(self.carrier)
    }

    /// A new try begins: nothing of it has arrived yet.
    pub fn begin_attempt(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
        let slot = usize::from(self.attempts) % MASKS;
        self.masks[slot] = 0;
        self.shared = false;
    }

    /// Marks one part of one attempt as arrived. `false`: it was marked already.
    pub fn mark_part(&mut self, attempt: u8, part: u8) -> bool {
        let mask = &mut self.masks[usize::from(attempt) % MASKS];
        let bit = 1 << part.min(MASK_BITS - 1);
        let fresh = *mask & bit == 0;
        *mask |= bit;
        fresh
    }

    /// Whether every part of that attempt has arrived.
    pub fn has_arrived(&self, attempt: u8) -> bool {
        self.arrived_parts(attempt) >= u32::from(self.parts.min(MASK_BITS))
    }

    pub fn arrived_parts(&self, attempt: u8) -> u32 {
        self.masks[usize::from(attempt) % MASKS].count_ones()
    }

    /// How it ended, for its origin.
    pub fn ending(&self) -> Ending {
        Ending {
            state: self.state,
            reason: self.reason,
            code: self.code,
            parts: self.parts,
            arrived: if self.shared { 0 } else { self.masks[usize::from(self.attempts) % MASKS] },
        }
    }

    /// Adds a step to the trail. Repeated deferrals for one reason keep the first and the last.
    pub fn leave(&mut self, entry: TrailEntry) {
        let packed = pack_entry(entry);
        if let [.., before, last] = self.trail.as_mut_slice()
            && entry.event == TrailEvent::Deferred
            && before[6..] == packed[6..]
            && last[6..] == packed[6..]
        {
            *last = packed;
            return;
        }
        if self.trail.len() >= TRAIL_MAX {
            self.trail.remove(TRAIL_KEEP_FIRST);
        }
        self.trail.push(packed);
    }

    /// The trail, oldest first; `None` when an entry is not readable.
    pub fn trail(&self) -> Option<Vec<TrailEntry>> {
        self.trail.iter().map(unpack_entry).collect()
    }

    /// An instant that is not after the claim of this attempt (from 1), if it was claimed: each attempt before it was
    /// claimed once at least. It is that claim's own unless an earlier one was given back without counting as a try, or the
    /// trail has lost entries before it.
    pub fn claimed_no_later(&self, attempt: u8) -> Option<Timestamp> {
        let claimed = TrailEvent::Claimed.code();
        let whole = if self.trail.len() < TRAIL_MAX { TRAIL_MAX } else { TRAIL_KEEP_FIRST };
        let claims = self.trail.iter().take(whole).filter(|entry| entry[6] == claimed);
        let last = claims.take(usize::from(attempt.max(1))).last();
        last.map(|entry| Timestamp::from_millis(millis48(entry)))
    }

    /// The channel of these, the last of them, that took a try of it, or may have.
    pub fn carried_by(&self, channels: &[ChannelId]) -> Option<ChannelId> {
        let [claimed, submitted, uncertain] =
            [TrailEvent::Claimed, TrailEvent::Submitted, TrailEvent::Uncertain].map(TrailEvent::code);
        let tells = |event: u8| {
            // What went back to the queue after no answer left nothing else behind than its mark.
            event == submitted || event == uncertain || (self.possible_duplicate && event == claimed)
        };
        let steps = self.trail.iter().rev().filter(|entry| tells(entry[6]));
        steps
            .map(|entry| ChannelId(u16::from_le_bytes([entry[8], entry[9]])))
            .find(|id| channels.contains(id))
    }

    /// When the last step was made.
    pub fn last_step_at(&self) -> Timestamp {
        self.trail.last().map_or(Timestamp::default(), |entry| Timestamp::from_millis(millis48(entry)))
    }

    /// With room for steps to come.
    pub fn pack(&self, raw: &mut Vec<u8>) {
        self.pack_tight(raw);
        let capacity = self.trail.len().div_ceil(TRAIL_STEP).max(1) * TRAIL_STEP;
        raw.resize(HEAD_LEN + capacity * ENTRY_LEN, 0);
    }

    /// Without room: for an engine that writes a whole row anew at each step.
    pub fn pack_tight(&self, raw: &mut Vec<u8>) {
        raw.clear();
        let flags = [
            (self.possible_duplicate, POSSIBLE_DUPLICATE),
            (self.test, TEST),
            (self.outstanding, OUTSTANDING),
            (self.taken, TAKEN),
            (self.by_carrier, BY_CARRIER),
            (self.watched, WATCHED),
            (self.shared, SHARED),
            (self.marked, MARKED),
        ];
        let flags = flags.iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag);
        let code = self.code.as_str().as_bytes();
        let mut padded = [0u8; 15];
        padded[..code.len()].copy_from_slice(code);
        raw.extend_from_slice(&[
            FORMAT,
            self.state.code(),
            self.reason.code(),
            self.attempts,
            flags,
            self.category.code(),
            encoding_code(self.encoding),
            carrier_code(self.carrier) | self.toward.map_or(0, carrier_code) << 4,
            self.parts,
            self.trail.len() as u8,
            code.len() as u8,
        ]);
        raw.extend_from_slice(&padded);
        let channel = |channel: Option<ChannelId>| channel.map_or(0, |c| c.0);
        let gateway = self.gateway.map_or(0, |g| g.0);
        for small in [channel(self.channel), gateway, self.rule.0, channel(self.avoid)] {
            raw.extend_from_slice(&small.to_le_bytes());
        }
        let due_at = self.due_at.map_or(i64::MIN, Timestamp::millis);
        let (valid_until, price) = (self.valid_until.millis(), self.price.micros());
        for big in [self.claim, due_at, valid_until, price, self.lane.raw(), self.entity.raw()] {
            raw.extend_from_slice(&big.to_le_bytes());
        }
        self.masks.iter().for_each(|mask| raw.extend_from_slice(&mask.to_le_bytes()));
        self.trail.iter().for_each(|entry| raw.extend_from_slice(entry));
    }

    /// `None` when the record is not one of this format.
    pub fn unpack(raw: &[u8]) -> Option<Self> {
        let (head, rest) = raw.split_first_chunk::<HEAD_LEN>()?;
        let &[
            FORMAT,
            state,
            reason,
            attempts,
            flags,
            category,
            encoding,
            carrier,
            parts,
            steps,
            code_len,
            ..,
        ] = head
        else {
            return None;
        };
        let small = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let big = |at: usize| head[at..].first_chunk().copied().map_or(0, i64::from_le_bytes);
        let mask = |at: usize| head[at..].first_chunk().copied().map_or(0, u32::from_le_bytes);
        let due_at = big(42);
        let (entries, _) = rest.as_chunks::<ENTRY_LEN>();
        Some(Self {
            state: MessageState::from_code(state)?,
            reason: Reason::from_code(reason)?,
            attempts,
            possible_duplicate: flags & POSSIBLE_DUPLICATE != 0,
            test: flags & TEST != 0,
            outstanding: flags & OUTSTANDING != 0,
            taken: flags & TAKEN != 0,
            by_carrier: flags & BY_CARRIER != 0,
            watched: flags & WATCHED != 0,
            shared: flags & SHARED != 0,
            ended: None,
            category: Category::from_code(category)?,
            encoding: encoding_from(encoding)?,
            carrier: carrier_from(carrier & 0xf)?,
            toward: if carrier >> 4 == 0 { None } else { Some(carrier_from(carrier >> 4)?) },
            marked: flags & MARKED != 0,
            parts,
            code: CarrierCode::new(head[11..26].get(..usize::from(code_len))?),
            channel: Some(small(26)).filter(|id| *id != 0).map(ChannelId),
            gateway: Some(small(28)).filter(|id| *id != 0).map(GatewayId),
            rule: RuleId(small(30)),
            avoid: Some(small(32)).filter(|id| *id != 0).map(ChannelId),
            claim: big(34),
            due_at: Some(due_at).filter(|at| *at != i64::MIN).map(Timestamp::from_millis),
            valid_until: Timestamp::from_millis(big(50)),
            price: Money::from_micros(big(58)),
            lane: LaneId::from_raw(big(66)),
            entity: EntityId::from_raw(big(74)),
            masks: [mask(82), mask(86), mask(90), mask(94)],
            trail: entries.get(..usize::from(steps))?.to_vec(),
        })
    }
}

/// Six bytes of milliseconds, event, reason, channel (0: none), rule.
fn pack_entry(entry: TrailEntry) -> [u8; ENTRY_LEN] {
    let mut raw = [0; ENTRY_LEN];
    raw[..6].copy_from_slice(&entry.at.millis().to_le_bytes()[..6]);
    raw[6] = entry.event.code();
    raw[7] = entry.reason.code();
    raw[8..10].copy_from_slice(&entry.channel.map_or(0, |c| c.0).to_le_bytes());
    raw[10..].copy_from_slice(&entry.rule.0.to_le_bytes());
    raw
}

fn unpack_entry(raw: &[u8; ENTRY_LEN]) -> Option<TrailEntry> {
    Some(TrailEntry {
        at: Timestamp::from_millis(millis48(raw)),
        event: TrailEvent::from_code(raw[6])?,
        reason: Reason::from_code(raw[7])?,
        channel: Some(u16::from_le_bytes([raw[8], raw[9]])).filter(|id| *id != 0).map(ChannelId),
        rule: RuleId(u16::from_le_bytes([raw[10], raw[11]])),
    })
}

fn millis48(raw: &[u8; ENTRY_LEN]) -> i64 {
    i64::from_le_bytes([raw[0], raw[1], raw[2], raw[3], raw[4], raw[5], 0, 0])
}

/// The place of an encoding in [`Encoding::ALL`], from 1: two encodings share one protocol code.
pub fn encoding_code(encoding: Encoding) -> u8 {
    Encoding::ALL.iter().zip(1u8..).find(|(known, _)| **known == encoding).map_or(0, |(_, code)| code)
}

fn encoding_from(code: u8) -> Option<Encoding> {
    Encoding::ALL.get(usize::from(code.checked_sub(1)?)).copied()
}

pub fn carrier_code(carrier: Carrier) -> u8 {
    Carrier::ALL.iter().zip(1u8..).find(|(known, _)| **known == carrier).map_or(0, |(_, code)| code)
}

pub fn carrier_from(code: u8) -> Option<Carrier> {
    Carrier::ALL.get(usize::from(code.checked_sub(1)?)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life() -> Life {
        Life::new(&Frozen {
            category: Category::Otp,
            encoding: Encoding::Gbk,
            carrier: Carrier::Broadnet,
            parts: 2,
            test: true,
            possible_duplicate: false,
            watched: true,
            valid_until: Timestamp::from_millis(99),
            price: Money::from_micros(45_000),
            lane: LaneId::from_raw(5),
            entity: EntityId::from_raw(6),
        })
    }

    fn step(event: TrailEvent, at: i64) -> TrailEntry {
        TrailEntry {
            at: Timestamp::from_millis(at),
            event,
            channel: Some(ChannelId(3)),
            reason: Reason::Capped,
            rule: RuleId(513),
        }
    }

    #[test]
    fn a_record_round_trips_and_keeps_its_length() {
        let mut life = life();
        life.begin_attempt();
        life.code = CarrierCode::new(b"MK:0012");
        (life.channel, life.gateway, life.due_at) =
            (Some(ChannelId(2)), Some(GatewayId(9)), Some(Timestamp::from_millis(7)));
        (life.outstanding, life.taken, life.by_carrier, life.claim) = (true, true, true, 77);
        (life.toward, life.marked) = (Some(Carrier::Unicom), true);
        assert!(life.mark_part(1, 1) && !life.mark_part(1, 1) && !life.has_arrived(1));
        let (mut raw, mut longer) = (Vec::new(), Vec::new());
        life.pack_tight(&mut raw);
        assert_eq!((raw.len(), Life::unpack(&raw)), (HEAD_LEN, Some(life.clone())));
        life.pack(&mut raw);
        for at in 0..8 {
            life.leave(step(TrailEvent::Claimed, 1_800_000_000_000 + at));
        }
        life.pack(&mut longer);
        assert_eq!((raw.len(), longer.len()), (194, 194));
        assert_eq!(Life::unpack(&longer), Some(life.clone()));
        assert_eq!(life.trail().unwrap()[7], step(TrailEvent::Claimed, 1_800_000_000_007));
        assert!(life.mark_part(1, 0) && life.has_arrived(1) && !life.has_arrived(2));
        assert_eq!(Life::unpack(&raw[..97]), None);
    }

    #[test]
    fn the_claim_of_an_attempt_is_found_and_never_one_after_it() {
        let mut life = life();
        assert_eq!(life.claimed_no_later(1), None);
        for (event, at) in [
            (TrailEvent::Accepted, 1),
            (TrailEvent::Claimed, 2),
            (TrailEvent::Requeued, 3),
            (TrailEvent::Claimed, 40),
            (TrailEvent::Submitted, 41),
        ] {
            life.leave(step(event, at));
        }
        let at = |life: &Life, attempt| life.claimed_no_later(attempt).map(Timestamp::millis);
        assert_eq!([1, 2, 3].map(|attempt| at(&life, attempt)), [Some(2), Some(40), Some(40)]);
        // Of a trail that lost entries only those are counted that lie before the gap.
        (0..50).for_each(|n| life.leave(step(TrailEvent::Claimed, 100 + n)));
        assert_eq!([2, 13, 14].map(|attempt| at(&life, attempt)), [Some(40), Some(110), Some(110)]);
    }

    #[test]
    fn who_carried_it_is_told_by_the_trail() {
        let mut life = life();
        let on = |event, channel| TrailEntry { channel: Some(ChannelId(channel)), ..step(event, 1) };
        life.leave(on(TrailEvent::Claimed, 1));
        life.leave(on(TrailEvent::Requeued, 1));
        life.leave(on(TrailEvent::Claimed, 2));
        life.leave(on(TrailEvent::Submitted, 2));
        assert_eq!(life.carried_by(&[ChannelId(2), ChannelId(4)]), Some(ChannelId(2)));
        assert_eq!(life.carried_by(&[ChannelId(1)]), None, "it refused");
        life.possible_duplicate = true;
        assert_eq!(life.carried_by(&[ChannelId(1)]), Some(ChannelId(1)), "nobody knows");
        assert_eq!(life.carried_by(&[]), None);
    }

    #[test]
    fn trails_are_bounded_and_keep_their_ends() {
        let mut life = life();
        (0..10).for_each(|at| life.leave(step(TrailEvent::Deferred, at)));
        assert_eq!(life.trail().unwrap().iter().map(|e| e.at.millis()).collect::<Vec<_>>(), [0, 9]);
        (0..500).for_each(|at| life.leave(step(TrailEvent::Claimed, at)));
        let trail = life.trail().unwrap();
        assert_eq!((trail.len(), trail[0].event, trail[47].at.millis()), (48, TrailEvent::Deferred, 499));
    }
}
