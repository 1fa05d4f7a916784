//! Every identifier of the house, one newtype each.
//!
//! Big identifiers are 63 bits: 41 bits of milliseconds since [`EPOCH_MILLIS`], 12 bits of slot, 5 of node and
//! 5 of sequence. They sort by time, fit an integer primary key, and a message's names the slot of its phone.
//! In text they carry a prefix (`msg_…`) and Crockford's base 32, so that an id of one kind is never taken for
//! another. Small identifiers number what an operator configures by hand (channels, gateways, routes).

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use crate::phone::{SLOT_COUNT, Slot};
use crate::time::Timestamp;

/// Milliseconds of the Unix epoch at which ids begin: 2026-01-01T00:00:00Z. 41 bits last until 2095.
pub const EPOCH_MILLIS: i64 = 1_767_225_600_000;

const SEQUENCE_BITS: u32 = 5;
const NODE_BITS: u32 = 5;
const SLOT_BITS: u32 = 12;
const NODE_SHIFT: u32 = SEQUENCE_BITS;
const SLOT_SHIFT: u32 = NODE_SHIFT + NODE_BITS;
const TIME_SHIFT: u32 = SLOT_SHIFT + SLOT_BITS;

/// Crockford's alphabet: no I, L, O, U, so that an id can be read over the telephone.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 63 bits in groups of five.
const TEXT_LEN: usize = 13;

/// Where some slots live. Partitions are numbered from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartitionId(pub u16);

/// Which slots live in which partition. An id never changes when this map does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionMap {
    partitions: u16,
}

impl PartitionMap {
    /// A map of `partitions` partitions, from 1 to [`SLOT_COUNT`]; other numbers are brought into that range.
    #[must_use]
    pub fn new(partitions: u16) -> Self {
        Self { partitions: partitions.clamp(1, SLOT_COUNT) }
    }

    /// How many partitions there are.
    #[must_use]
    pub fn len(self) -> u16 {
        self.partitions
    }

    /// Never: a map has at least one partition.
    #[must_use]
    pub fn is_empty(self) -> bool {
        false
    }

    /// All partitions, in order.
    pub fn all(self) -> impl Iterator<Item = PartitionId> {
        (0..self.partitions).map(PartitionId)
    }

    /// Where `slot` lives.
    #[must_use]
    pub fn of(self, slot: Slot) -> PartitionId {
        PartitionId(slot.get() % self.partitions)
    }

    /// Where the message `id` lives.
    #[must_use]
    pub fn of_message(self, id: MessageId) -> PartitionId {
        self.of(id.slot())
    }
}

/// Text that is not an id of the kind asked for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an id of the form {prefix}_… (13 characters of 0-9 a-z without i, l, o, u)")]
pub struct IdError {
    /// What the id should have begun with.
    pub prefix: &'static str,
}

fn encode(raw: i64) -> [u8; TEXT_LEN] {
    let mut text = [b'0'; TEXT_LEN];
    let mut rest = raw.cast_unsigned();
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    text
}

fn decode(text: &str) -> Option<i64> {
    if text.len() != TEXT_LEN {
        return None;
    }
    let mut raw: u64 = 0;
    for byte in text.bytes() {
        let digit = ALPHABET.iter().position(|&a| a == byte.to_ascii_lowercase())? as u64;
        raw = raw.checked_mul(32)? | digit;
    }
    i64::try_from(raw).ok()
}

macro_rules! big_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// What the id begins with in text.
            pub const PREFIX: &'static str = $prefix;

            /// The id as it is stored. Only storage and [`IdGenerator`] deal in raw numbers.
            #[must_use]
            pub const fn raw(self) -> i64 {
                self.0
            }

            /// An id from storage.
            #[must_use]
            pub const fn from_raw(raw: i64) -> Self {
                Self(raw)
            }

            /// The smallest id that may be made at `at`: where a scan by time begins.
            #[must_use]
            pub fn first_at(at: Timestamp) -> Self {
                Self((at.millis() - EPOCH_MILLIS).max(0) << TIME_SHIFT)
            }

            /// When the id was made, to the millisecond (an id may borrow a few milliseconds of the future).
            #[must_use]
            pub fn made_at(self) -> Timestamp {
                Timestamp::from_millis((self.0 >> TIME_SHIFT) + EPOCH_MILLIS)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                encode(self.0).iter().try_for_each(|&b| fmt::Write::write_char(f, char::from(b)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }
        }

        impl From<FreshId> for $name {
            fn from(fresh: FreshId) -> Self {
                Self(fresh.0)
            }
        }
    )+};
}

big_ids! {
    /// A tenant.
    AccountId = "acc";
    /// A legal entity; consent and suppression are kept for it.
    EntityId = "ent";
    /// A bearer key of the API.
    KeyId = "key";
    /// A person's record.
    ContactId = "con";
    /// One reading of one file.
    ImportId = "imp";
    /// A file that an account has written for itself.
    ExportId = "exp";
    /// A place that contacts are fetched from.
    SourceId = "src";
    /// One time that a source was fetched.
    SourceRunId = "srn";
    /// A message text with variables.
    TemplateId = "tpl";
    /// A campaign.
    CampaignId = "cmp";
    /// A frozen set of people.
    AudienceId = "aud";
    /// A pausable stream of queued messages.
    LaneId = "lan";
    /// One text for one phone.
    MessageId = "msg";
    /// A message from a phone to us.
    InboundId = "inb";
    /// A person who signs in.
    UserId = "usr";
    /// A role that an account made for itself.
    RoleId = "rol";
    /// One time that somebody signed in.
    SessionId = "ses";
    /// An invitation or a reset, good for one use.
    LinkId = "lnk";
    /// One line of the audit log.
    AuditId = "adt";
    /// An address that is called with what happens.
    WebhookId = "whk";
    /// One line of the books' journal.
    TransferId = "trf";
    /// One turn in a channel's health.
    TurnId = "trn";
}

impl MessageId {
    /// The slot of the phone that the message is for.
    #[must_use]
    pub fn slot(self) -> Slot {
        let bits = (self.0 >> SLOT_SHIFT) & i64::from(SLOT_COUNT - 1);
        u16::try_from(bits).ok().and_then(Slot::new).expect("twelve bits are below the number of slots")
    }
}

macro_rules! small_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u16);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(|number| number.parse().ok())
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }
        }
    )+};
}

small_ids! {
    /// One way out. Numbered from 1, so that a trail record holds it in two bytes.
    ChannelId = "chn";
    /// The carrier system behind several channels: receipts are found by it.
    GatewayId = "gwy";
    /// An ordered, weighted group of channels.
    RouteId = "rte";
    /// A customer that connects to us over a carrier protocol.
    CustomerId = "cus";
}

/// An id that no kind has taken yet: `CampaignId::from(fresh)`.
#[derive(Clone, Copy, Debug)]
pub struct FreshId(i64);

/// Makes ids from injected time. One per process: `node` keeps processes apart.
#[derive(Debug)]
pub struct IdGenerator {
    node: i64,
    /// Per slot, the last (millisecond, sequence) given out, packed as `millisecond << 5 | sequence`.
    last: Mutex<Box<[i64]>>,
}

impl IdGenerator {
    /// A generator for `node` (0..32; higher numbers wrap).
    #[must_use]
    pub fn new(node: u8) -> Self {
        Self {
            node: i64::from(node) & ((1 << NODE_BITS) - 1),
            last: Mutex::new(vec![0; usize::from(SLOT_COUNT)].into_boxed_slice()),
        }
    }

    /// Gives out only ids that are later than `last`, which an earlier process made: a restart within a millisecond, or
    /// a clock that was set back, repeats none.
    pub fn start_after(&self, last: Timestamp) {
        let through = (last.millis() - EPOCH_MILLIS).max(0) << SEQUENCE_BITS | ((1 << SEQUENCE_BITS) - 1);
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        last.iter_mut().for_each(|ticket| *ticket = (*ticket).max(through));
    }

    /// The next id of `slot`. Ids of one slot ascend; a 33rd id in one millisecond borrows the next millisecond,
    /// so the order in which one phone's messages were made is the order of their ids.
    #[must_use]
    pub fn next(&self, now: Timestamp, slot: Slot) -> FreshId {
        let clock = (now.millis() - EPOCH_MILLIS).max(0) << SEQUENCE_BITS;
        let slot_index = usize::from(slot.get());
        let ticket = {
            let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let ticket = clock.max(last[slot_index] + 1);
            last[slot_index] = ticket;
            ticket
        };
        let (millis, sequence) = (ticket >> SEQUENCE_BITS, ticket & ((1 << SEQUENCE_BITS) - 1));
        let slot_bits = i64::from(slot.get()) << SLOT_SHIFT;
        FreshId((millis << TIME_SHIFT) | slot_bits | (self.node << NODE_SHIFT) | sequence)
    }

    /// The next id of something that has no phone.
    #[must_use]
    pub fn fresh(&self, now: Timestamp) -> FreshId {
        self.next(now, Slot::new(0).expect("there is a slot 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(EPOCH_MILLIS + 1_000);

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn ids_of_one_slot_ascend_and_borrow_the_next_millisecond() {
        let ids = IdGenerator::new(3);
        let made: Vec<MessageId> = (0..100).map(|_| ids.next(NOW, slot(4095)).into()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(made.iter().all(|id| id.slot() == slot(4095)));
        assert_eq!(made[99].made_at().millis() - NOW.millis(), 3);
    }

    #[test]
    fn a_restart_in_the_same_millisecond_or_before_repeats_no_id() {
        let first = IdGenerator::new(0);
        let made: Vec<MessageId> = (0..40).map(|_| first.next(NOW, slot(9)).into()).collect();
        let second = IdGenerator::new(0);
        second.start_after(made[39].made_at());
        let earlier = Timestamp::from_millis(NOW.millis() - 500);
        assert!(MessageId::from(second.next(earlier, slot(9))) > made[39]);
    }

    #[test]
    fn text_form_round_trips_and_kinds_do_not_mix() {
        let ids = IdGenerator::new(0);
        let id = MessageId::from(ids.next(NOW, slot(7)));
        assert_eq!(id.to_string().parse::<MessageId>(), Ok(id));
        assert!(id.to_string().parse::<CampaignId>().is_err());
        assert_eq!("chn_7".parse::<ChannelId>(), Ok(ChannelId(7)));
        assert!("msg_zzzzzzzzzzzzz".parse::<MessageId>().is_err(), "64 bits do not fit");
    }

    #[test]
    fn every_slot_has_one_partition() {
        let map = PartitionMap::new(8);
        assert!((0..SLOT_COUNT).map(slot).all(|slot| map.of(slot).0 < 8));
        assert_eq!(PartitionMap::new(0).len(), 1);
    }
}
