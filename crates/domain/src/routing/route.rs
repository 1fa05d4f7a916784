//! What a route allows: which channels may carry a message, in which order, and which of them may claim now.

use crate::control::{ChannelConfig, RouteConfig};
use crate::ids::ChannelId;
use crate::message::Category;
use crate::phone::Carrier;

/// A channel as the dispatcher sees it at this moment.
#[derive(Clone, Copy, Debug)]
pub struct ChannelNow<'a> {
    pub config: &'a ChannelConfig,
    /// Connected, and its circuit breaker lets messages through.
    pub usable: bool,
    /// Parts that it can take at once.
    pub free_parts: u32,
}

impl ChannelNow<'_> {
    fn carries(&self, category: Category) -> bool {
        self.config.enabled && self.config.serves(category)
    }
}

/// Whether a channel may claim a stream now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Permission {
    Yes,
    No,
    /// Another channel of the same step has been served less for its weight and has room.
    NotItsTurn,
}

impl RouteConfig {
    /// Channels that can carry such a message at this moment, best first: by step, within a step by weight.
    #[must_use]
    pub fn eligible(
        &self,
        channels: &[ChannelNow<'_>],
        carrier: Carrier,
        category: Category,
    ) -> Vec<ChannelId> {
        let mut found = Vec::new();
        for step in &self.steps {
            let able = |(id, weight): &(ChannelId, u16)| {
                let channel = channels.iter().find(|now| now.config.id == *id)?;
                let carries = channel.usable && channel.carries(category);
                (carries && channel.config.reaches(carrier)).then_some((*weight, *id))
            };
            let mut step: Vec<(u16, ChannelId)> = step.channels.iter().filter_map(able).collect();
            step.sort_by_key(|&(weight, id)| (std::cmp::Reverse(weight), id));
            found.extend(step.into_iter().map(|(_, id)| id));
        }
        found
    }

    /// Whether its channels serve different carriers. A claim chooses among a route's channels without looking at each
    /// phone's carrier, so on such a route a phone could go out over a channel that does not reach it.
    #[must_use]
    pub fn mixes_carriers(&self, channels: &[ChannelConfig]) -> bool {
        let served = |channel: &ChannelConfig| Carrier::ALL.map(|carrier| channel.reaches(carrier));
        let mut sets = self
            .steps
            .iter()
            .flat_map(|step| &step.channels)
            .filter_map(|(id, _)| channels.iter().find(|channel| channel.id == *id))
            .map(served);
        let first = sets.next();
        sets.any(|set| Some(set) != first)
    }

    /// Whether the route leads to such phones at all, whatever its channels' health: asked before anything is
    /// accepted.
    #[must_use]
    pub fn leads_to(&self, channels: &[ChannelConfig], carrier: Carrier, category: Category) -> bool {
        self.steps.iter().flat_map(|step| &step.channels).any(|(id, _)| {
            channels.iter().any(|channel| {
                channel.id == *id && channel.enabled && channel.reaches(carrier) && channel.serves(category)
            })
        })
    }

    /// Whether `channel` may claim messages of `category` from a stream that avoids `avoid`. The first step with a
    /// usable channel carries everything; an avoided channel counts only when no other one is left.
    /// `is_ahead(a, b)`: whether `a` has carried so much more than its share against `b` that it should wait.
    pub(super) fn permission(
        &self,
        channel: ChannelId,
        avoid: Option<ChannelId>,
        category: Category,
        channels: &[ChannelNow<'_>],
        is_ahead: impl Fn((ChannelId, u16), (ChannelId, u16)) -> bool,
    ) -> Permission {
        let find = |id: ChannelId| {
            channels.iter().find(|now| now.config.id == id).filter(|now| now.usable && now.carries(category))
        };
        let serving = |avoided: bool| {
            self.steps.iter().find_map(|step| {
                let able: Vec<_> = step
                    .channels
                    .iter()
                    .filter(|(id, _)| (avoid == Some(*id)) == avoided)
                    .filter_map(|&(id, weight)| find(id).map(|now| (id, weight, now.free_parts)))
                    .collect();
                (!able.is_empty()).then_some(able)
            })
        };
        let Some(step) = serving(false).or_else(|| serving(true)) else { return Permission::No };
        let Some(&(_, weight, _)) = step.iter().find(|(id, ..)| *id == channel) else {
            return Permission::No;
        };
        let others = step.iter().filter(|(id, _, free)| *id != channel && *free > 0);
        let waits = others.into_iter().any(|&(id, other, _)| is_ahead((channel, weight), (id, other)));
        if waits { Permission::NotItsTurn } else { Permission::Yes }
    }
}
