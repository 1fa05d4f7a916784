//! Several nodes: who is alive, and who holds what.
//!
//! A node lives under a number (ids contain it) in an epoch (how often the number was given out). Its heartbeat keeps
//! everything that it holds: the number, duties, channel seats. No two machines' clocks are ever compared: a heartbeat is
//! a counter, and whoever watches it measures its silence on a monotonic clock of its own ([`Lookout`]).
//!
//! Invariants: two lives never share number and epoch; a life that was ended once never lives again, so what it held may
//! be taken at once; a number is given out again only when the claims under it were recovered; a node acts for
//! [`Timing::valid`] after a heartbeat that was written, and is taken for dead after [`Timing::silence`], which is
//! longer by what it needs to close its connections. Decision 008 says why.

mod lookout;
mod places;
mod seats;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use lookout::Lookout;
pub use seats::{Seats, share};

use crate::control::ControlError;
use crate::ids::{ChannelId, CustomerId, ImportId, PartitionId};
use crate::ledger::LedgerError;
use crate::message::coded_enum;
use crate::retry::RetryPolicy;
use crate::time::Timestamp;

/// Node numbers are below this: five bits of every id.
pub const NODE_NUMBERS: u8 = 32;

/// One life of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Below [`NODE_NUMBERS`].
    pub number: u8,
    /// How often the number had been given out when this life began, from 1.
    pub epoch: u32,
}

impl NodeId {
    /// As it is stored: the epoch, and the number in the lowest five bits.
    #[must_use]
    pub fn raw(self) -> i64 {
        i64::from(self.epoch) * i64::from(NODE_NUMBERS) + i64::from(self.number)
    }

    /// From storage; none when it cannot be.
    #[must_use]
    pub fn from_raw(raw: i64) -> Option<Self> {
        let number = u8::try_from(raw.rem_euclid(i64::from(NODE_NUMBERS))).ok()?;
        let epoch = u32::try_from(raw.div_euclid(i64::from(NODE_NUMBERS))).ok()?;
        Some(Self { number, epoch })
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.number, self.epoch)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

coded_enum! {
    /// Where a node's life is.
    Standing {
        /// It works, and its heartbeat is watched.
        Live = 1, "live";
        /// It takes nothing new and gives back what it holds.
        Draining = 2, "draining";
        /// It has ended, by itself or because it was silent. Its claims wait to be recovered.
        Ended = 3, "ended";
        /// Nothing of it is left: its number may be given out again.
        Free = 4, "free";
    }
}

impl Standing {
    /// Whether what the node holds is its own.
    #[must_use]
    pub fn holds(self) -> bool {
        matches!(self, Self::Live | Self::Draining)
    }
}

/// What is written of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeRow {
    pub node: NodeId,
    pub standing: Standing,
    /// Grows with each heartbeat.
    pub beat: u64,
    /// The node's own clock at its last heartbeat. Nobody judges by it; the next life of the number makes only ids that
    /// are later.
    pub clock: Timestamp,
}

coded_enum! {
    /// What one node does for all of them.
    Duty {
        /// Launches, expands and finishes campaigns, and fails imports whose node ended.
        Campaigns = 1, "campaigns";
        /// Sweeps the ledger and removes what has expired.
        Housekeeping = 2, "housekeeping";
        /// Recovers the claims of nodes that ended, and frees their numbers.
        Recovery = 3, "recovery";
        /// Calls webhooks.
        Webhooks = 5, "webhooks";
        /// Posts what messages moved to the books, and takes back what partitions do not use.
        Billing = 4, "billing";
    }
}

/// What can be held by one node at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LeaseName {
    Duty(Duty),
    /// One of the connections that a channel allows, from 0.
    Seat {
        channel: ChannelId,
        place: u16,
    },
    /// The reading of one file.
    Import(ImportId),
    /// The telling of what waits for a customer.
    Desk(CustomerId),
    /// One of the connections that a customer may have, from 0.
    Place {
        customer: CustomerId,
        place: u16,
    },
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duty(duty) => write!(f, "duty/{duty}"),
            Self::Seat { channel, place } => write!(f, "seat/{}/{place}", channel.0),
            Self::Import(import) => write!(f, "import/{import}"),
            Self::Desk(customer) => write!(f, "desk/{}", customer.0),
            Self::Place { customer, place } => write!(f, "place/{}/{place}", customer.0),
        }
    }
}

/// Text that names no lease of this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not the name of a lease")]
pub struct LeaseNameError;

impl FromStr for LeaseName {
    type Err = LeaseNameError;

    fn from_str(text: &str) -> Result<Self, LeaseNameError> {
        let (kind, rest) = text.split_once('/').ok_or(LeaseNameError)?;
        let name = match kind {
            "duty" => Duty::from_word(rest).map(Self::Duty),
            "seat" => rest.split_once('/').and_then(|(channel, place)| {
                let channel = ChannelId(channel.parse().ok()?);
                Some(Self::Seat { channel, place: place.parse().ok()? })
            }),
            "import" => rest.parse().ok().map(Self::Import),
            "desk" => rest.parse().ok().map(|customer| Self::Desk(CustomerId(customer))),
            "place" => rest.split_once('/').and_then(|(customer, place)| {
                let customer = CustomerId(customer.parse().ok()?);
                Some(Self::Place { customer, place: place.parse().ok()? })
            }),
            _ => None,
        };
        name.ok_or(LeaseNameError)
    }
}

/// Who holds something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    pub name: LeaseName,
    /// Grows whenever the holder changes: whoever knows an older one does not hold it any more.
    pub epoch: u64,
    /// None: it was given back.
    pub holder: Option<NodeId>,
    /// Of a seat: whether its holder can carry messages over the channel. So a node without a seat knows whether to
    /// leave traffic to those that have one.
    pub usable: bool,
}

/// All that nodes know of each other, read at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Picture {
    /// In order of number.
    pub nodes: Vec<NodeRow>,
    pub leases: Vec<Lease>,
    /// Grows with each change of channels, routes, prices or settings.
    pub configuration: u64,
}

impl Picture {
    /// Who holds it, if that node lives.
    #[must_use]
    pub fn holder(&self, name: LeaseName) -> Option<NodeId> {
        let lease = self.lease(name)?;
        lease.holder.filter(|holder| self.lives(*holder))
    }

    /// What is written of it; none when nobody ever held it.
    #[must_use]
    pub fn lease(&self, name: LeaseName) -> Option<&Lease> {
        self.leases.iter().find(|lease| lease.name == name)
    }

    /// Whether this life has not ended.
    #[must_use]
    pub fn lives(&self, node: NodeId) -> bool {
        self.nodes.iter().any(|row| row.node == node && row.standing.holds())
    }

    /// Nodes that take work, in order of number.
    pub fn working(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().filter(|row| row.standing == Standing::Live).map(|row| row.node)
    }

    /// The seats of a channel that a node holds, by place.
    #[must_use]
    pub fn seats(&self, channel: ChannelId, node: NodeId) -> Vec<(u16, Lease)> {
        let place = |lease: &Lease| match lease.name {
            LeaseName::Seat { channel: of, place } if of == channel => Some(place),
            _ => None,
        };
        let mine = self.leases.iter().filter(|lease| lease.holder == Some(node));
        let mut seats: Vec<_> = mine.filter_map(|lease| Some((place(lease)?, *lease))).collect();
        seats.sort_by_key(|(place, _)| *place);
        seats
    }
}

/// The partitions that a node claims first while others work beside it. Nodes then seldom meet at the lock of a partition, and what
/// a partition has to write comes in as few batches as with one node. A preference only: who has nothing left at home helps the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Home {
    place: u16,
    nodes: u16,
}

impl Home {
    /// Of a node that is alone.
    pub const EVERYWHERE: Self = Self { place: 0, nodes: 1 };

    /// A node's part among those that take work; everything for one that does not know itself among them.
    #[must_use]
    pub fn of(node: NodeId, picture: &Picture) -> Self {
        let place =
            picture.working().position(|working| working == node).and_then(|at| u16::try_from(at).ok());
        let nodes = u16::try_from(picture.working().count()).unwrap_or(u16::MAX);
        place.map_or(Self::EVERYWHERE, |place| Self { place, nodes })
    }

    /// Whether the partition is among those that are claimed first.
    #[must_use]
    pub fn includes(self, partition: PartitionId) -> bool {
        partition.0 % self.nodes == self.place
    }
}

/// How fast nodes notice each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Between two heartbeats.
    pub beat: Duration,
    /// How long a node acts after the last heartbeat that it knows to be written, counted from before it was sent.
    pub valid: Duration,
    /// How long a heartbeat must have been silent before its node is ended.
    pub silence: Duration,
}

impl Default for Timing {
    /// A death is noticed within `beat + silence + beat`, 12 s. A node that cannot renew has seven seconds to notice it
    /// and say goodbye on its connections: longer than it waits for carriers' last answers.
    fn default() -> Self {
        Self { beat: Duration::from_secs(1), valid: Duration::from_secs(3), silence: Duration::from_secs(10) }
    }
}

/// What nodes tell each other, in the control database. Every change names what it expects to find, so that of two nodes
/// that want the same thing one gets it.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Everything.
    async fn picture(&self) -> Result<Picture, ControlError>;

    /// Begins a life under a number that was never used (`seen` is none) or is free (`seen` says so). None: somebody was
    /// faster.
    async fn join(
        &self,
        number: u8,
        seen: Option<&NodeRow>,
        clock: Timestamp,
    ) -> Result<Option<NodeId>, ControlError>;

    /// A heartbeat. `false`: this life was ended, and the node must stop acting at once.
    async fn beat(&self, node: NodeId, clock: Timestamp) -> Result<bool, ControlError>;

    /// Takes no new work from now on.
    async fn drain(&self, node: NodeId) -> Result<(), ControlError>;

    /// Ends a life; with `silent_at`, only when its heartbeat is still that one. Whether it was ended by this call.
    async fn end(&self, node: NodeId, silent_at: Option<u64>) -> Result<bool, ControlError>;

    /// Frees the number of a life that ended; its claims were recovered.
    async fn free(&self, node: NodeId) -> Result<(), ControlError>;

    /// Takes a lease that nobody living holds. `seen` is what the picture said of it; none: nothing. None: somebody was
    /// faster.
    async fn take(
        &self,
        name: LeaseName,
        seen: Option<&Lease>,
        node: NodeId,
    ) -> Result<Option<Lease>, ControlError>;

    /// Gives a lease back, if it is still the holder's. An import's is forgotten: nobody takes it again and again.
    async fn give_back(&self, lease: &Lease) -> Result<(), ControlError>;

    /// Tells whether a held seat can carry messages.
    async fn set_usable(&self, lease: &Lease, usable: bool) -> Result<(), ControlError>;
}

/// The part of a ledger that nodes share which ends the claims of others.
#[async_trait]
pub trait ClaimRecovery: Send + Sync {
    /// Ends the claims of a life that has ended, and refuses every claim that it may still make: a node that was frozen
    /// finds [`LedgerError::Fenced`]. What was `sending` becomes `uncertain` or is queued again, as
    /// [`Ledger::recover`](crate::ledger::Ledger::recover) does for a node's own. Returns how many messages were found in
    /// flight. Repeating it changes nothing.
    async fn recover_node(
        &self,
        node: NodeId,
        retry: Arc<RetryPolicy>,
        now: Timestamp,
    ) -> Result<u32, LedgerError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_nodes_are_read_as_they_are_written() {
        let import = ImportId::from_raw(77);
        let seat = LeaseName::Seat { channel: ChannelId(3), place: 12 };
        let place = LeaseName::Place { customer: CustomerId(7), place: 1 };
        let desk = LeaseName::Desk(CustomerId(7));
        for name in [LeaseName::Duty(Duty::Recovery), seat, LeaseName::Import(import), place, desk] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        assert_eq!(seat.to_string(), "seat/3/12");
        assert_eq!((place.to_string(), desk.to_string()), ("place/7/1".to_owned(), "desk/7".to_owned()));
        for wrong in ["seat/3", "duty/sleep", "seat", "seat/70000/1", "chair/1/2"] {
            assert_eq!(wrong.parse::<LeaseName>(), Err(LeaseNameError), "{wrong}");
        }
        let node = NodeId { number: 31, epoch: 7 };
        assert_eq!(NodeId::from_raw(node.raw()), Some(node));
        assert_eq!(NodeId::from_raw(-1), None);
    }

    #[test]
    fn what_a_dead_node_holds_is_held_by_nobody() {
        let (live, dead) = (NodeId { number: 0, epoch: 2 }, NodeId { number: 0, epoch: 1 });
        let row = NodeRow { node: live, standing: Standing::Live, beat: 1, clock: Timestamp::default() };
        let duty = |of, holder| Lease { name: LeaseName::Duty(of), epoch: 1, holder, usable: true };
        let picture = Picture {
            nodes: vec![row],
            leases: vec![duty(Duty::Campaigns, Some(live)), duty(Duty::Housekeeping, Some(dead))],
            configuration: 0,
        };
        assert_eq!(picture.holder(LeaseName::Duty(Duty::Campaigns)), Some(live));
        assert_eq!(picture.holder(LeaseName::Duty(Duty::Housekeeping)), None);
        assert_eq!(picture.holder(LeaseName::Duty(Duty::Recovery)), None);
    }

    #[test]
    fn a_node_that_cannot_renew_has_closed_its_connections_before_it_is_taken_for_dead() {
        let Timing { beat, valid, silence } = Timing::default();
        assert!(valid >= beat * 3, "a lost heartbeat or two stop nobody");
        assert!(silence > valid + beat + Duration::from_secs(5), "the farewell of a channel");
        assert!(beat * 2 + silence < Duration::from_secs(15), "duties are taken over within 15 s");
    }
}
