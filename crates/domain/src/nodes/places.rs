//! How the connections that a customer may have, and its pace, are shared among nodes.
//!
//! Each connection holds a place, which is a lease: so there are never more than the customer may have. The pace goes with the
//! places that are taken, so that one connection alone has all of it; while a new connection is not known everywhere,
//! which takes a heartbeat, nodes together may take more than it.

use super::{Lease, LeaseName, NodeId, Picture, share};
use crate::ids::CustomerId;

impl Picture {
    /// The places of a customer's connections that somebody living holds, in order.
    #[must_use]
    pub fn places(&self, customer: CustomerId) -> Vec<(u16, Lease)> {
        let place = |lease: &Lease| match lease.name {
            LeaseName::Place { customer: of, place } if of == customer => Some((place, *lease)),
            _ => None,
        };
        let living = |lease: &&Lease| lease.holder.is_some_and(|holder| self.lives(holder));
        let mut places: Vec<_> = self.leases.iter().filter(living).filter_map(place).collect();
        places.sort_by_key(|(place, _)| *place);
        places
    }

    /// The first of so many places that nobody living holds.
    #[must_use]
    pub fn free_place(&self, customer: CustomerId, connections: u16) -> Option<u16> {
        let taken = self.places(customer);
        (0..connections).find(|place| taken.iter().all(|(known, _)| known != place))
    }

    /// A node's part of a customer's pace, in parts per second: at least one, so that nobody who was let in is refused for
    /// ever.
    #[must_use]
    pub fn pace(&self, customer: CustomerId, per_second: u32, node: NodeId) -> u32 {
        let taken = self.places(customer);
        let mine = taken.iter().zip(0u32..).filter(|((_, lease), _)| lease.holder == Some(node));
        let whole = u32::try_from(taken.len()).unwrap_or(u32::MAX);
        share(per_second, whole, mine.map(|(_, rank)| rank)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::{NodeRow, Standing};
    use crate::time::Timestamp;

    const CUSTOMER: CustomerId = CustomerId(3);

    fn node(number: u8) -> NodeId {
        NodeId { number, epoch: 1 }
    }

    fn picture(holders: &[u8]) -> Picture {
        let row = |number| NodeRow {
            node: node(number),
            standing: Standing::Live,
            beat: 1,
            clock: Timestamp::default(),
        };
        let lease = |(place, holder): (u16, &u8)| Lease {
            name: LeaseName::Place { customer: CUSTOMER, place },
            epoch: 1,
            holder: Some(node(*holder)),
            usable: true,
        };
        Picture {
            nodes: (0..3).map(row).collect(),
            leases: (0u16..).zip(holders).map(lease).collect(),
            configuration: 0,
        }
    }

    #[test]
    fn a_pace_is_divided_over_the_connections_that_there_are() {
        let of = |picture: &Picture, number| picture.pace(CUSTOMER, 100, node(number));
        assert_eq!(of(&picture(&[0]), 0), 100, "one connection has all of it");
        let three = picture(&[0, 1, 0]);
        assert_eq!((of(&three, 0), of(&three, 1)), (67, 33));
        assert_eq!(three.pace(CUSTOMER, 2, node(0)) + three.pace(CUSTOMER, 2, node(1)), 2);
        assert_eq!(picture(&[0, 1]).pace(CUSTOMER, 1, node(0)), 1, "nobody is refused for ever");
    }

    #[test]
    fn the_place_of_a_node_that_ended_is_free() {
        let mut two = picture(&[0, 1]);
        assert_eq!(two.free_place(CUSTOMER, 2), None);
        assert_eq!(two.free_place(CUSTOMER, 3), Some(2));
        assert_eq!(two.free_place(CustomerId(4), 1), Some(0));
        two.nodes[0].standing = Standing::Ended;
        assert_eq!(two.free_place(CUSTOMER, 2), Some(0));
        assert_eq!(two.pace(CUSTOMER, 100, node(1)), 100);
    }
}
