//! What a route allows: which of its channels may claim a stream now, and why the others may not.

use super::health::{Condition, Trouble};
use crate::control::{ChannelConfig, Pick, RouteConfig, RouteStep};
use crate::ids::ChannelId;
use crate::lane::Stream;
use crate::message::Category;
use crate::phone::Carrier;

/// How many in a hundred more messages must arrive over a channel before it is preferred for its quality: less is chance.
const BETTER_PERCENT: u8 = 2;

/// A channel as the dispatcher sees it at this moment.
#[derive(Clone, Copy, Debug)]
pub struct ChannelNow<'a> {
    pub config: &'a ChannelConfig,
    pub condition: Condition,
    /// Parts that it can take at once.
    pub free_parts: u32,
    /// Of a hundred receipts, those that say delivered; none while there are too few to judge by.
    pub delivered_percent: Option<u8>,
}

/// Why a channel cannot carry some traffic at all now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bar {
    /// There is no such channel.
    Missing,
    SwitchedOff,
    /// It does not serve the category.
    Category,
    /// It does not reach phones of the carrier.
    Carrier,
    /// It costs more than the route's ceiling.
    TooDear,
    Down(Trouble),
}

/// What a route makes of one of its channels for some traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may claim.
    Carries,
    /// Another one of its step goes first while that has room.
    Waits,
    /// An earlier step carries everything.
    LaterStep,
    /// It failed this message before, or has just come back: only when no other one can.
    LastResort,
    Barred(Bar),
}

/// A channel in a step of a route, and what becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Considered {
    /// From 0.
    pub step: usize,
    pub channel: ChannelId,
    pub verdict: Verdict,
}

/// Whether a channel may claim a stream now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Permission {
    Yes,
    No,
    /// Another channel of the same step goes first and has room.
    NotItsTurn,
}

impl ChannelNow<'_> {
    /// To be used only when no other one can.
    fn is_last_resort(&self, avoid: Option<ChannelId>) -> bool {
        avoid == Some(self.config.id) || self.condition.is_reluctant()
    }

    /// Until there are receipts to judge by, a channel is taken to be good: so it is tried.
    fn quality(&self) -> u8 {
        self.delivered_percent.unwrap_or(100)
    }
}

impl Bar {
    /// For a person, in Chinese and English.
    #[must_use]
    pub const fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::Missing => ("没有这个通道", "there is no such channel"),
            Self::SwitchedOff => ("通道已停用", "the channel is switched off"),
            Self::Category => ("通道不发此类消息", "the channel does not serve the category"),
            Self::Carrier => ("通道不通此运营商", "the channel does not reach the carrier"),
            Self::TooDear => ("成本高于路由上限", "the channel costs more than the route's ceiling"),
            Self::Down(trouble) => trouble.explain(),
        }
    }
}

impl Verdict {
    /// The word used on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Carries => "carries",
            Self::Waits => "waits",
            Self::LaterStep => "later_step",
            Self::LastResort => "last_resort",
            Self::Barred(_) => "barred",
        }
    }

    /// For a person, in Chinese and English.
    #[must_use]
    pub const fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::Carries => ("可以发送", "may carry it"),
            Self::Waits => ("同级另一通道优先", "another channel of the step goes first"),
            Self::LaterStep => ("前一级通道可用,不需要它", "an earlier step carries everything"),
            Self::LastResort => {
                ("刚恢复或刚失败,别无通道时才用", "has just come back or failed: only when no other can")
            }
            Self::Barred(bar) => bar.explain(),
        }
    }
}

/// The channels of a step that can carry a stream, with their weights.
type Able<'a, 'b> = Vec<(&'b ChannelNow<'a>, u16)>;

impl RouteConfig {
    /// Whether `channel` may claim messages of `category` from a stream. The first step with a usable channel that
    /// reaches the stream's carrier carries all of it; an avoided channel, and one that has just come back and carried its
    /// part, count only when no other one is left.
    /// `is_ahead(a, b)`: whether `a` has carried so much more than its share against `b` that it should wait.
    pub(super) fn permission(
        &self,
        channel: ChannelId,
        stream: Stream,
        category: Category,
        channels: &[ChannelNow<'_>],
        is_ahead: impl Fn((ChannelId, u16), (ChannelId, u16)) -> bool,
    ) -> Permission {
        let Some((_, step, able)) = self.serving(stream.carrier, stream.avoid, category, channels) else {
            return Permission::No;
        };
        match able.iter().find(|(now, _)| now.config.id == channel) {
            None => Permission::No,
            Some(mine) if waits(step, *mine, &able, is_ahead) => Permission::NotItsTurn,
            Some(_) => Permission::Yes,
        }
    }

    /// What becomes of each channel for such messages, in the order of the steps; `avoid` failed them before. Shares by weight are left out of it:
    /// they change with every claim.
    #[must_use]
    pub fn explain(
        &self,
        carrier: Option<Carrier>,
        avoid: Option<ChannelId>,
        category: Category,
        channels: &[ChannelNow<'_>],
    ) -> Vec<Considered> {
        let serving = self.serving(carrier, avoid, category, channels);
        let verdict = |place: usize, step: &RouteStep, id: ChannelId| {
            let Some(now) = channels.iter().find(|now| now.config.id == id) else {
                return Verdict::Barred(Bar::Missing);
            };
            if let Some(bar) = self.bar(step, now, category, carrier) {
                return Verdict::Barred(bar);
            }
            match &serving {
                Some((at, step, able)) if *at == place => {
                    match able.iter().find(|(able, _)| able.config.id == id) {
                        None => Verdict::LastResort,
                        Some(mine) if waits(step, *mine, able, |_, _| false) => Verdict::Waits,
                        Some(_) => Verdict::Carries,
                    }
                }
                _ if now.is_last_resort(avoid) => Verdict::LastResort,
                _ => Verdict::LaterStep,
            }
        };
        let considered = |(place, step): (usize, &RouteStep)| {
            let of_step = |(id, _): &(ChannelId, u16)| Considered {
                step: place,
                channel: *id,
                verdict: verdict(place, step, *id),
            };
            step.channels.iter().map(of_step).collect::<Vec<_>>()
        };
        self.steps.iter().enumerate().flat_map(considered).collect()
    }

    /// The step that carries such a stream now, and those of its channels that can.
    fn serving<'a, 'b>(
        &self,
        carrier: Option<Carrier>,
        avoid: Option<ChannelId>,
        category: Category,
        channels: &'b [ChannelNow<'a>],
    ) -> Option<(usize, &RouteStep, Able<'a, 'b>)> {
        let serving = |last_resort: bool| {
            self.steps.iter().enumerate().find_map(|(place, step)| {
                let able: Able<'a, 'b> = step
                    .channels
                    .iter()
                    .filter_map(|&(id, weight)| {
                        let now = channels.iter().find(|now| now.config.id == id)?;
                        Some((now, weight))
                    })
                    .filter(|(now, _)| now.is_last_resort(avoid) == last_resort)
                    .filter(|(now, _)| self.bar(step, now, category, carrier).is_none())
                    .collect();
                (!able.is_empty()).then_some((place, step, able))
            })
        };
        serving(false).or_else(|| serving(true))
    }

    fn bar(
        &self,
        step: &RouteStep,
        now: &ChannelNow<'_>,
        category: Category,
        carrier: Option<Carrier>,
    ) -> Option<Bar> {
        let ChannelNow { config, condition, .. } = now;
        match condition {
            _ if !config.enabled => Some(Bar::SwitchedOff),
            _ if !config.serves(category) => Some(Bar::Category),
            _ if carrier.is_some_and(|carrier| !config.reaches(carrier)) => Some(Bar::Carrier),
            _ if self.is_too_dear(step, config) => Some(Bar::TooDear),
            Condition::Down { trouble, .. } => Some(Bar::Down(*trouble)),
            _ => None,
        }
    }
}

/// Whether another channel of the step that has room goes first.
fn waits(
    step: &RouteStep,
    (mine, weight): (&ChannelNow<'_>, u16),
    able: &Able<'_, '_>,
    is_ahead: impl Fn((ChannelId, u16), (ChannelId, u16)) -> bool,
) -> bool {
    let goes_first = |(other, of_other): &(&ChannelNow<'_>, u16)| match step.pick {
        Pick::Weight => is_ahead((mine.config.id, weight), (other.config.id, *of_other)),
        Pick::Cost => other.config.cost < mine.config.cost,
        Pick::Quality => other.quality() >= mine.quality().saturating_add(BETTER_PERCENT),
    };
    able.iter().filter(|(other, _)| other.config.id != mine.config.id && other.free_parts > 0).any(goes_first)
}
