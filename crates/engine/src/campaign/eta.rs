//! When a campaign will have been handed over, at the channels' speed and within sending hours. Pure.

use std::time::Duration;

use domain::control::{ChannelConfig, RouteConfig};
use domain::message::Category;
use domain::policy::Policy;
use domain::time::Timestamp;

/// A carrier that answers within this time frees its window as often as this.
const ANSWER_MILLIS: u64 = 100;
/// A campaign that needs more sending days than this has no useful end.
const MAX_WINDOWS: usize = 400;

/// Parts per second that the first step of a route can carry: what is switched on, at its pace or its window's.
pub(super) fn route_speed(route: &RouteConfig, channels: &[ChannelConfig]) -> u64 {
    let Some(step) = route.steps.first() else { return 0 };
    channels
        .iter()
        .filter(|channel| channel.enabled && step.channels.iter().any(|(id, _)| *id == channel.id))
        .map(|channel| {
            let in_flight = u64::from(channel.connections) * u64::from(channel.window);
            let by_window = in_flight * 1000 / ANSWER_MILLIS;
            channel.parts_per_second.map_or(by_window, |pace| by_window.min(u64::from(pace)))
        })
        .sum()
}

/// What there is to be sent, and how fast.
pub(super) struct Load {
    pub messages: u64,
    pub parts: u64,
    pub parts_per_second: u64,
    pub messages_per_second: Option<u32>,
}

impl Load {
    fn takes(&self) -> Option<Duration> {
        let by_parts = self.parts.saturating_mul(1000).checked_div(self.parts_per_second)?;
        let by_messages = match self.messages_per_second {
            Some(speed) => self.messages.saturating_mul(1000).checked_div(u64::from(speed))?,
            None => 0,
        };
        Some(Duration::from_millis(by_parts.max(by_messages)))
    }
}

/// When the last message will have been handed over; `None` when no channel carries anything.
pub(super) fn done_at(
    load: &Load,
    policy: &Policy,
    category: Category,
    start: Timestamp,
) -> Option<Timestamp> {
    let mut left = load.takes()?;
    let mut at = start;
    for _ in 0..MAX_WINDOWS {
        at = policy.open_from(category, at);
        let end = policy.open_until(category, at);
        if at.plus(left) <= end {
            return Some(at.plus(left));
        }
        left = left.saturating_sub(end.since(at));
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::policy::PolicyBuilder;

    /// 2026-11-25 19:00 in Shanghai: an hour before the window closes.
    const EVENING: Timestamp = Timestamp::from_millis(1_795_604_400_000);

    fn load(parts: u64, messages_per_second: Option<u32>) -> Load {
        Load { messages: parts, parts, parts_per_second: 10, messages_per_second }
    }

    #[test]
    fn what_does_not_fit_before_the_window_closes_goes_on_the_next_morning() {
        let policy = PolicyBuilder::builtin().build().unwrap();
        let done = |load| done_at(&load, &policy, Category::Marketing, EVENING);
        assert_eq!(done(load(10 * 600, None)), Some(EVENING.plus(Duration::from_secs(600))));
        let next_morning = EVENING.plus(Duration::from_secs(13 * 3600));
        assert_eq!(done(load(10 * 3700, None)), Some(next_morning.plus(Duration::from_secs(100))));
        assert_eq!(
            done(load(60, Some(1))),
            Some(EVENING.plus(Duration::from_secs(60))),
            "the campaign's limit"
        );
        assert_eq!(done(Load { parts_per_second: 0, ..load(1, None) }), None);
    }
}
