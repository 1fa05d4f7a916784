//! What a route allows: which of its channels may claim a stream now.

use crate::control::{ChannelConfig, RouteConfig};
use crate::ids::ChannelId;
use crate::lane::Stream;
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
    fn carries(&self, category: Category, carrier: Option<Carrier>) -> bool {
        self.config.enabled
            && self.config.serves(category)
            && carrier.is_none_or(|carrier| self.config.reaches(carrier))
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
    /// Whether `channel` may claim messages of `category` from a stream. The first step with a usable channel that
    /// reaches the stream's carrier carries all of it; an avoided channel counts only when no other one is left.
    /// `is_ahead(a, b)`: whether `a` has carried so much more than its share against `b` that it should wait.
    pub(super) fn permission(
        &self,
        channel: ChannelId,
        stream: Stream,
        category: Category,
        channels: &[ChannelNow<'_>],
        is_ahead: impl Fn((ChannelId, u16), (ChannelId, u16)) -> bool,
    ) -> Permission {
        let find = |id: ChannelId| {
            let found = channels.iter().find(|now| now.config.id == id)?;
            (found.usable && found.carries(category, stream.carrier)).then_some(found)
        };
        let serving = |avoided: bool| {
            self.steps.iter().find_map(|step| {
                let able: Vec<_> = step
                    .channels
                    .iter()
                    .filter(|(id, _)| (stream.avoid == Some(*id)) == avoided)
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
