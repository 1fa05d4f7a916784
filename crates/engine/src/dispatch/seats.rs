//! Channel seats: this node's channels have as many connections as it holds seats, and their part of the rate.
//!
//! Invariants: a seat is taken before a connection is made for it, and given back after that connection has said
//! goodbye; what a node may send goes with its seats, so the sum over all nodes never exceeds a channel's or a lane's
//! rate; who cannot renew its life closes its connections before others may take its seats.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use domain::control::{ChannelConfig, RouteConfig};
use domain::ids::{ChannelId, RouteId};
use domain::lane::Lane;
use domain::nodes::{Lease, LeaseName, Seats, share};
use futures::future::join_all;

use super::{Dispatch, DispatchError};
use crate::Engine;
use crate::nodes::Joined;

/// A channel that other nodes serve and this one does not.
#[derive(Clone)]
pub(super) struct Elsewhere {
    pub(super) config: ChannelConfig,
    /// Whether some node can carry messages over it.
    pub(super) usable: bool,
}

/// What a channel's configuration means for this node: its seats, by place.
struct Seated {
    places: Vec<u16>,
    leases: Vec<Lease>,
}

/// Lets channels follow configuration and seats until the engine stops.
pub(super) async fn keep(engine: Arc<Engine>, dispatch: Arc<Dispatch>, joined: Arc<Joined>) {
    let mut pictures = joined.pictures();
    loop {
        tokio::select! {
            () = engine.stop.cancelled() => return,
            changed = pictures.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(joined.timing.beat) => {}
        }
        if let Err(error) = engine.take_seats(&dispatch, &joined).await {
            tracing::warn!(%error, "channel seats could not be looked after; it is tried again");
        }
    }
}

impl Engine {
    /// One look: takes and gives back seats, and starts, changes and stops channels accordingly. Returns the channels that
    /// could not be started, and why.
    pub(super) async fn take_seats(
        self: &Arc<Self>,
        dispatch: &Arc<Dispatch>,
        joined: &Arc<Joined>,
    ) -> Result<Vec<(ChannelId, String)>, DispatchError> {
        let _one_at_a_time = dispatch.seating.lock().await;
        if !self.node.may_act() {
            for slot in dispatch.slots() {
                tracing::warn!(channel = %slot.config.id, "closing the connections: this node cannot renew its life");
                dispatch.retire(slot.config.id);
            }
            return Ok(Vec::new());
        }
        if self.is_draining() || self.stop.is_cancelled() {
            return Ok(Vec::new());
        }
        let channels = self.channels().await?;
        let seated = join_all(channels.iter().map(|config| self.seat(dispatch, joined, config))).await;
        let mut failed = Vec::new();
        let mut changed = false;
        for outcome in seated {
            let Outcome { changed: some, failed: why } = outcome?;
            changed |= some;
            failed.extend(why);
        }
        if changed {
            joined.look().await?;
        }
        self.look_elsewhere(dispatch, joined, &channels);
        Ok(failed)
    }

    /// One channel's seats and connections.
    async fn seat(
        self: &Arc<Self>,
        dispatch: &Arc<Dispatch>,
        joined: &Joined,
        config: &ChannelConfig,
    ) -> Result<Outcome, DispatchError> {
        let picture = joined.picture();
        let allowed = if config.enabled { config.connections } else { 0 };
        let plan = Seats::plan(&picture, config.id, allowed, joined.node);
        let mut seated = Seated { places: Vec::new(), leases: Vec::new() };
        let mut surplus = Vec::new();
        for (place, lease) in picture.seats(config.id, joined.node) {
            if plan.give_back.contains(&place) {
                surplus.push(lease);
            } else {
                seated.add(place, lease);
            }
        }
        for place in &plan.take {
            let name = LeaseName::Seat { channel: config.id, place: *place };
            if let Some(lease) = joined.port.take(name, picture.lease(name), joined.node).await? {
                seated.add(*place, lease);
            }
        }
        let wanted = seated.config(config);
        let running = dispatch.running_slot(config.id);
        let mut outcome = Outcome { changed: !surplus.is_empty() || !plan.take.is_empty(), failed: None };
        let is_as_wanted = match (&running, &wanted) {
            (Some(slot), Some(wanted)) => slot.config == *wanted && slot.places == seated.places,
            (None, None) => true,
            _ => false,
        };
        if !is_as_wanted {
            dispatch.retire(config.id);
            dispatch.goodbyes(config.id).await;
        }
        if !surplus.is_empty() {
            // Lanes' speeds go with seats: this node is slower before another one is faster.
            self.refresh(dispatch).await?;
            for lease in surplus {
                joined.port.give_back(&lease).await?;
            }
        }
        // The goodbyes took a while.
        if let (false, true, Some(wanted)) = (is_as_wanted, self.node.may_act(), wanted) {
            let (seats, of) = (wanted.connections, config.connections);
            tracing::info!(channel = %config.id, seats, of, "connecting with the seats of this node");
            let started = self.start_slot(dispatch, wanted, seated.places.clone());
            outcome.failed = started.map(|detail| (config.id, detail));
        }
        let now = self.clock.monotonic_millis();
        let usable = dispatch.running_slot(config.id).is_some_and(|slot| slot.is_usable(now));
        for lease in seated.leases.iter().filter(|lease| lease.usable != usable) {
            joined.port.set_usable(lease, usable).await?;
            outcome.changed = true;
        }
        Ok(outcome)
    }

    /// What routing has to know of channels without a seat here: a route's first step is not given up because this node
    /// has no connection of it.
    fn look_elsewhere(&self, dispatch: &Dispatch, joined: &Joined, channels: &[ChannelConfig]) {
        let picture = joined.picture();
        let usable = |id: ChannelId| {
            let of = |lease: &&Lease| matches!(lease.name, LeaseName::Seat { channel, .. } if channel == id);
            let living = |lease: &Lease| lease.holder.is_some_and(|holder| picture.lives(holder));
            picture.leases.iter().filter(of).any(|lease| lease.usable && living(lease))
        };
        let elsewhere =
            channels.iter().filter(|config| config.enabled && dispatch.running_slot(config.id).is_none());
        let elsewhere: Arc<[Elsewhere]> =
            elsewhere.map(|config| Elsewhere { config: config.clone(), usable: usable(config.id) }).collect();
        *dispatch.elsewhere.write().unwrap_or_else(PoisonError::into_inner) = elsewhere;
    }

    /// A lane at the part of its speed that goes with this node's seats on the routes of all lanes that share it.
    pub(super) fn slowed(
        &self,
        dispatch: &Dispatch,
        mut lane: Lane,
        sharing: &[RouteId],
        routes: &[RouteConfig],
        channels: &[ChannelConfig],
    ) -> Lane {
        let (Some(_), Some(speed)) = (self.node.joined(), lane.speed) else { return lane };
        let all = routes.iter().filter(|route| sharing.contains(&route.id)).flat_map(RouteConfig::channels);
        let (mut places, mut held) = (0u32, Vec::new());
        // Each once, in an order that is the same on every node.
        for id in all.collect::<BTreeSet<ChannelId>>() {
            let Some(config) = channels.iter().find(|config| config.id == id && config.enabled) else {
                continue;
            };
            let mine = dispatch.running_slot(id).map_or_else(Vec::new, |slot| slot.places.clone());
            held.extend(mine.into_iter().filter(|p| *p < config.connections).map(|p| places + u32::from(p)));
            places += u32::from(config.connections);
        }
        lane.speed = Some(share(speed, places, held));
        lane
    }
}

/// What a look at one channel came to.
struct Outcome {
    /// What nodes hold is not what the picture shows.
    changed: bool,
    failed: Option<(ChannelId, String)>,
}

impl Seated {
    fn add(&mut self, place: u16, lease: Lease) {
        self.places.push(place);
        self.leases.push(lease);
    }

    /// The channel as this node runs it; none without a seat.
    fn config(&self, whole: &ChannelConfig) -> Option<ChannelConfig> {
        let connections = u16::try_from(self.places.len()).ok().filter(|seats| *seats > 0)?;
        let held = self.places.iter().map(|place| u32::from(*place));
        let parts_per_second =
            whole.parts_per_second.map(|rate| share(rate, u32::from(whole.connections), held));
        Some(ChannelConfig { connections, parts_per_second, ..whole.clone() })
    }
}
