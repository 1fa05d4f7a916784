//! How the connections that a channel allows are shared among nodes, and what goes with them.
//!
//! Each node reckons alone, from the same picture. Invariants: the seats that fall to the nodes sum to those of the
//! channel, so everybody finds theirs; a rate is divided over all seats, taken or not, so that the sum of what nodes may
//! send never exceeds it, however stale their pictures are.

use super::{LeaseName, NodeId, Picture};
use crate::ids::ChannelId;

/// What a node is to do about one channel's seats.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seats {
    /// Places to be taken: free, and this node's by right.
    pub take: Vec<u16>,
    /// Places held that fall to others, or that the channel allows no more.
    pub give_back: Vec<u16>,
}

impl Seats {
    /// What `node` should change about a channel that allows so many connections (none when it is switched off). A node
    /// that drains gives back everything.
    #[must_use]
    pub fn plan(picture: &Picture, channel: ChannelId, connections: u16, node: NodeId) -> Self {
        let held = picture.seats(channel, node).into_iter().map(|(place, _)| place);
        let (allowed, mut give_back): (Vec<u16>, Vec<u16>) = held.partition(|place| *place < connections);
        let due = due(picture, channel, connections, node);
        give_back.extend(allowed.iter().rev().take(allowed.len().saturating_sub(due)));
        let free = (0..connections)
            .filter(|place| picture.holder(LeaseName::Seat { channel, place: *place }).is_none());
        Self { take: free.take(due.saturating_sub(allowed.len())).collect(), give_back }
    }
}

/// How many seats fall to a node. Whoever gets one more than another differs from channel to channel, so that channels
/// with one connection each do not all end on one node.
fn due(picture: &Picture, channel: ChannelId, connections: u16, node: NodeId) -> usize {
    let working: Vec<NodeId> = picture.working().collect();
    let Some(rank) = working.iter().position(|known| *known == node) else { return 0 };
    let (seats, nodes) = (usize::from(connections), working.len());
    let turn = (rank + usize::from(channel.0)) % nodes;
    seats / nodes + usize::from(turn < seats % nodes)
}

/// The part of `whole` that goes with some of `places` places. The parts of all places sum to the whole.
#[must_use]
pub fn share(whole: u32, places: u32, held: impl IntoIterator<Item = u32>) -> u32 {
    let places = u64::from(places.max(1));
    let through = |place: u64| u64::from(whole) * place.min(places) / places;
    let part = |place: u32| through(u64::from(place) + 1) - through(u64::from(place));
    u32::try_from(held.into_iter().map(part).sum::<u64>()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::{Lease, NodeRow, Standing};
    use crate::time::Timestamp;
    use proptest::prelude::*;

    const CHANNEL: ChannelId = ChannelId(1);

    fn node(number: u8) -> NodeId {
        NodeId { number, epoch: 1 }
    }

    fn picture(nodes: u8) -> Picture {
        let row = |number| NodeRow {
            node: node(number),
            standing: Standing::Live,
            beat: 1,
            clock: Timestamp::default(),
        };
        Picture { nodes: (0..nodes).map(row).collect(), ..Picture::default() }
    }

    /// As the database does: of two who want a place the first gets it.
    fn carry_out(picture: &mut Picture, channel: ChannelId, of: NodeId, plan: &Seats) {
        let name = |place: u16| LeaseName::Seat { channel, place };
        for place in &plan.give_back {
            picture.leases.retain(|lease| lease.name != name(*place) || lease.holder != Some(of));
        }
        for place in &plan.take {
            if picture.holder(name(*place)).is_none() {
                picture.leases.retain(|lease| lease.name != name(*place));
                picture.leases.push(Lease { name: name(*place), epoch: 1, holder: Some(of), usable: true });
            }
        }
    }

    /// All nodes look at once, again and again.
    fn settle(picture: &mut Picture, channel: ChannelId, connections: u16) {
        for _ in 0..40 {
            let old = picture.clone();
            for row in &old.nodes {
                let plan = Seats::plan(&old, channel, connections, row.node);
                carry_out(picture, channel, row.node, &plan);
            }
        }
    }

    fn held(picture: &Picture, channel: ChannelId) -> Vec<usize> {
        picture.nodes.iter().map(|row| picture.seats(channel, row.node).len()).collect()
    }

    #[test]
    fn one_node_has_all_and_newcomers_get_theirs() {
        let mut alone = picture(1);
        settle(&mut alone, CHANNEL, 5);
        assert_eq!(held(&alone, CHANNEL), [5]);
        let mut three = Picture { leases: alone.leases, ..picture(3) };
        settle(&mut three, CHANNEL, 5);
        let mut counts = held(&three, CHANNEL);
        counts.sort_unstable();
        assert_eq!(counts, [1, 2, 2]);
    }

    #[test]
    fn the_dead_and_the_draining_leave_theirs() {
        let mut nodes = picture(2);
        settle(&mut nodes, CHANNEL, 4);
        assert_eq!(held(&nodes, CHANNEL), [2, 2]);
        for standing in [Standing::Ended, Standing::Draining] {
            let mut left = nodes.clone();
            left.nodes[1].standing = standing;
            settle(&mut left, CHANNEL, 4);
            assert_eq!(left.seats(CHANNEL, node(0)).len(), 4, "{standing}");
        }
    }

    #[test]
    fn fewer_connections_free_seats() {
        let mut nodes = picture(2);
        settle(&mut nodes, CHANNEL, 4);
        settle(&mut nodes, CHANNEL, 2);
        assert_eq!(held(&nodes, CHANNEL), [1, 1]);
        assert!(nodes.leases.iter().all(|lease| lease.name < LeaseName::Seat { channel: CHANNEL, place: 2 }));
        settle(&mut nodes, CHANNEL, 0);
        assert_eq!(held(&nodes, CHANNEL), [0, 0]);
    }

    #[test]
    fn single_connections_are_spread_over_the_nodes() {
        let mut counts = [0; 2];
        for channel in [ChannelId(1), ChannelId(2)] {
            let mut nodes = picture(2);
            settle(&mut nodes, channel, 1);
            held(&nodes, channel).iter().zip(&mut counts).for_each(|(held, count)| *count += held);
        }
        assert_eq!(counts, [1, 1]);
    }

    proptest! {
        #[test]
        fn shares_sum_to_the_whole(whole: u32, places in 1..200_u32) {
            let sum: u64 = (0..places).map(|place| u64::from(share(whole, places, [place]))).sum();
            prop_assert_eq!(sum, u64::from(whole));
            prop_assert_eq!(share(whole, places, 0..places), whole);
            prop_assert_eq!(share(whole, places, [places, places + 7]), 0);
        }

        #[test]
        fn every_seat_finds_a_node(nodes in 1..9_u8, number in 1..50_u16, connections in 1..40_u16) {
            let (mut all, channel) = (picture(nodes), ChannelId(number));
            settle(&mut all, channel, connections);
            let counts = held(&all, channel);
            prop_assert_eq!(counts.iter().sum::<usize>(), usize::from(connections));
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
        }
    }
}
