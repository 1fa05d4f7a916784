//! What this node holds for customers while others work beside it: a place for each of their connections, and the desks of
//! those that it tells what waits for them.
//!
//! Invariants: a connection is let in after its place is held, and the place is given back after it is over; a desk is
//! held by one node, which reads for it only then, and gives it back when nobody is there and all that was told is
//! forgotten. Both end with the node's life, so a death frees them. Alone, a node has everything and asks for nothing.

use std::collections::HashMap;

use domain::control::ControlError;
use domain::downstream::Customer;
use domain::ids::CustomerId;
use domain::nodes::{Lease, LeaseName, Picture};

use super::desk::Desk;
use crate::Engine;
use crate::nodes::Joined;

/// How often a place is asked for when others are faster.
const TRIES: usize = 8;

/// What is held.
#[derive(Default)]
pub(super) struct Held {
    places: HashMap<CustomerId, Vec<HeldPlace>>,
    desks: HashMap<CustomerId, Lease>,
}

struct HeldPlace {
    place: u16,
    lease: Lease,
    /// A connection has it; else it is to be given back.
    is_used: bool,
}

impl Held {
    /// Uses a place that is held and free.
    fn reuse(&mut self, customer: &Customer) -> bool {
        let held = self.places.entry(customer.id).or_default();
        let free = held.iter_mut().find(|held| !held.is_used && held.place < customer.connections);
        free.map(|held| held.is_used = true).is_some()
    }

    fn add(&mut self, customer: CustomerId, place: u16, lease: Lease) {
        self.places.entry(customer).or_default().push(HeldPlace { place, lease, is_used: true });
    }

    fn has(&self, customer: CustomerId, place: u16) -> bool {
        self.places.get(&customer).is_some_and(|held| held.iter().any(|held| held.place == place))
    }

    fn let_go(&mut self, customer: CustomerId) {
        let held = self.places.get_mut(&customer).and_then(|held| held.iter_mut().find(|held| held.is_used));
        if let Some(held) = held {
            held.is_used = false;
        }
    }

    fn idle(&self) -> Vec<(CustomerId, Lease)> {
        let of = |(customer, held): (&CustomerId, &Vec<HeldPlace>)| {
            let idle: Vec<_> =
                held.iter().filter(|held| !held.is_used).map(|held| (*customer, held.lease)).collect();
            idle
        };
        self.places.iter().flat_map(of).collect()
    }

    fn drop_place(&mut self, customer: CustomerId, name: LeaseName) {
        if let Some(held) = self.places.get_mut(&customer) {
            held.retain(|held| held.lease.name != name);
            if held.is_empty() {
                self.places.remove(&customer);
            }
        }
    }
}

impl Engine {
    /// Whether one more connection of a customer may be here.
    pub(super) async fn take_place(&self, customer: &Customer) -> bool {
        let Some(joined) = self.node.joined() else { return true };
        let _one_at_a_time = self.counter.entering.lock().await;
        if !self.node.may_act() {
            return false;
        }
        if self.counter.held().reuse(customer) {
            return true;
        }
        match self.take_free_place(joined, customer).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(customer = %customer.id, %error, "it cannot be told how many connections a customer has: no more is let in");
                false
            }
        }
    }

    async fn take_free_place(&self, joined: &Joined, customer: &Customer) -> Result<bool, ControlError> {
        for _ in 0..TRIES {
            let picture = joined.look().await?;
            // One whose taking was not heard of.
            let stray = picture.places(customer.id).into_iter().find(|(place, lease)| {
                lease.holder == Some(joined.node) && !self.counter.held().has(customer.id, *place)
            });
            if let Some((place, lease)) = stray {
                self.counter.held().add(customer.id, place, lease);
                return Ok(true);
            }
            let Some(place) = picture.free_place(customer.id, customer.connections) else {
                return Ok(false);
            };
            let name = LeaseName::Place { customer: customer.id, place };
            if let Some(lease) = joined.port.take(name, picture.lease(name), joined.node).await? {
                self.counter.held().add(customer.id, place, lease);
                // Its part of the pace is reckoned from what is seen.
                joined.look().await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A connection is over; its place is given back with the next round.
    pub(super) fn leave_place(&self, customer: CustomerId) {
        self.counter.held().let_go(customer);
        self.counter.look();
    }

    /// What of a customer's pace falls to this node.
    pub(super) fn part_of_pace(&self, customer: &Customer) -> Option<u32> {
        let whole = customer.parts_per_second?;
        let joined = self.node.joined();
        Some(joined.map_or(whole, |joined| joined.picture().pace(customer.id, whole, joined.node)))
    }

    /// Whether this node tells a customer what waits for it.
    pub(super) fn holds_desk(&self, customer: CustomerId) -> bool {
        self.node.joined().is_none()
            || self.node.may_act() && self.counter.held().desks.contains_key(&customer)
    }

    /// Takes the desks of customers that are here and told by nobody; gives back desks and places that are not needed.
    pub(super) async fn keep_leases(&self, desks: &[std::sync::Arc<Desk>]) {
        let Some(joined) = self.node.joined() else { return };
        if !self.node.may_act() {
            return;
        }
        let mut picture = joined.picture();
        let wanted =
            |desk: &Desk| desk.is_attended() && !self.counter.held().desks.contains_key(&desk.customer);
        // Whoever has just come need not wait for the next heartbeat's look.
        if desks.iter().any(|desk| wanted(desk) && desk.is_new()) {
            match joined.look().await {
                Ok(seen) => picture = seen,
                Err(error) => tracing::debug!(%error, "what nodes hold could not be looked at"),
            }
        }
        for desk in desks {
            let kept = if wanted(desk) {
                self.take_desk(joined, &picture, desk).await
            } else {
                self.give_desk_back(joined, desk).await
            };
            if let Err(error) = kept {
                tracing::warn!(customer = %desk.customer, %error, "a customer's desk could not be taken or given back yet");
            }
        }
        self.give_places_back(joined).await;
    }

    async fn take_desk(&self, joined: &Joined, picture: &Picture, desk: &Desk) -> Result<(), ControlError> {
        let name = LeaseName::Desk(desk.customer);
        let lease = match picture.holder(name) {
            // Its taking was not heard of.
            Some(holder) if holder == joined.node => picture.lease(name).copied(),
            Some(_) => None,
            None => joined.port.take(name, picture.lease(name), joined.node).await?,
        };
        if let Some(lease) = lease {
            tracing::info!(customer = %desk.customer, "this node tells a customer what waits for it");
            self.counter.held().desks.insert(desk.customer, lease);
            desk.is_to_be_read();
        }
        Ok(())
    }

    async fn give_desk_back(&self, joined: &Joined, desk: &Desk) -> Result<(), ControlError> {
        let held = self.counter.held().desks.get(&desk.customer).copied();
        if let Some(lease) = held.filter(|_| desk.is_left()) {
            joined.port.give_back(&lease).await?;
            self.counter.held().desks.remove(&desk.customer);
        }
        Ok(())
    }

    async fn give_places_back(&self, joined: &Joined) {
        let idle = self.counter.held().idle();
        if idle.is_empty() {
            return;
        }
        let _one_at_a_time = self.counter.entering.lock().await;
        let idle = self.counter.held().idle();
        for (customer, lease) in idle {
            match joined.port.give_back(&lease).await {
                Ok(()) => self.counter.held().drop_place(customer, lease.name),
                Err(error) => {
                    tracing::warn!(%customer, %error, "the place of a connection could not be given back yet");
                }
            }
        }
    }
}
