//! Where a route leads, and how its messages wait: decided when they are accepted, from the configuration alone.

use crate::control::{ChannelConfig, RouteConfig};
use crate::message::Category;
use crate::phone::{Carrier, CarrierSet};

/// Which carriers a route leads to, for one category. Health plays no part, nor whether a channel is switched off for
/// the moment: its messages wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reach {
    carriers: CarrierSet,
    by_carrier: bool,
}

impl Reach {
    /// From the configuration. Channels that do not serve the category do not count.
    #[must_use]
    pub fn of(route: &RouteConfig, channels: &[ChannelConfig], category: Category) -> Self {
        let of_route = |channel: &&ChannelConfig| route.includes(channel) && channel.serves(category);
        let mut reached = channels.iter().filter(of_route).map(ChannelConfig::reached);
        let first = reached.next().unwrap_or(CarrierSet::NONE);
        reached.fold(Self { carriers: first, by_carrier: false }, |so_far, reached| Self {
            carriers: so_far.carriers.union(reached),
            by_carrier: so_far.by_carrier || reached != first,
        })
    }

    /// Whether any channel reaches such phones. To others nothing is accepted.
    #[must_use]
    pub fn leads_to(self, carrier: Carrier) -> bool {
        self.carriers.contains(carrier)
    }

    /// Whether its channels reach different carriers, so that each carrier's messages must wait in a stream of their
    /// own. Otherwise one stream serves all, which keeps claims whole.
    #[must_use]
    pub fn is_by_carrier(self) -> bool {
        self.by_carrier
    }
}
