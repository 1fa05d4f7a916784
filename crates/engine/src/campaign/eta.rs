//! When a campaign will have been handed over, at the channels' speed and within sending hours. Pure.

use std::collections::HashMap;
use std::time::Duration;

use domain::control::{ChannelConfig, RouteConfig, RouteStep};
use domain::ids::ChannelId;
use domain::message::Category;
use domain::phone::Carrier;
use domain::policy::Policy;
use domain::time::Timestamp;

/// A carrier that answers within this time frees its window as often as this.
const ANSWER_MILLIS: u64 = 100;
/// A campaign that needs more sending days than this has no useful end.
const MAX_WINDOWS: usize = 400;

/// Parts per second that a channel can carry: at its pace or its window's.
fn speed(channel: &ChannelConfig) -> u64 {
    let in_flight = u64::from(channel.connections) * u64::from(channel.window);
    let by_window = in_flight * 1000 / ANSWER_MILLIS;
    channel.parts_per_second.map_or(by_window, |pace| by_window.min(u64::from(pace)))
}

/// The channels that carry a carrier's messages while all are well: of the first step that has any switched on.
pub(super) fn carrying<'a>(
    route: &RouteConfig,
    channels: &'a [ChannelConfig],
    category: Category,
    carrier: Carrier,
) -> Vec<&'a ChannelConfig> {
    let able = |step: &RouteStep| -> Vec<&'a ChannelConfig> {
        let of_step = |channel: &&ChannelConfig| step.has(channel.id);
        let able = |channel: &&ChannelConfig| {
            channel.enabled
                && channel.serves(category)
                && channel.reaches(carrier)
                && !route.is_too_dear(step, channel)
        };
        channels.iter().filter(of_step).filter(able).collect()
    };
    route.steps.iter().map(able).find(|able| !able.is_empty()).unwrap_or_default()
}

/// So many parts, and the channels that carry them.
pub(super) struct Way<'a> {
    pub channels: Vec<&'a ChannelConfig>,
    pub parts: u64,
}

/// Ways of which every set is looked at; of more, each alone and all together.
const MOST_SETS: usize = 10;

/// How long channels need for the parts of all ways: whichever ways are looked at together, their parts go over the
/// channels that carry any of them, and the slowest such set decides. `None` when some have no channel.
pub(super) fn carrying_time(ways: &[Way<'_>]) -> Option<Duration> {
    let millis = |chosen: &[&Way<'_>]| {
        let able: HashMap<ChannelId, u64> =
            chosen.iter().flat_map(|way| &way.channels).map(|channel| (channel.id, speed(channel))).collect();
        let millis = chosen.iter().map(|way| way.parts.saturating_mul(1000)).sum::<u64>();
        millis.checked_div(able.values().sum())
    };
    let mut longest = 0;
    if ways.len() > MOST_SETS {
        for way in ways {
            longest = longest.max(millis(&[way])?);
        }
        longest = longest.max(millis(&ways.iter().collect::<Vec<_>>())?);
        return Some(Duration::from_millis(longest));
    }
    for set in 1..1_usize << ways.len() {
        let chosen = ways.iter().enumerate().filter(|(place, _)| set >> place & 1 == 1);
        longest = longest.max(millis(&chosen.map(|(_, way)| way).collect::<Vec<_>>())?);
    }
    Some(Duration::from_millis(longest))
}

/// What there is to be sent, and how fast.
pub(super) struct Load {
    pub messages: u64,
    /// What the channels need for its parts; `None`: some have no channel.
    pub carrying: Option<Duration>,
    pub messages_per_second: Option<u32>,
}

impl Load {
    fn takes(&self) -> Option<Duration> {
        let by_messages = match self.messages_per_second {
            Some(speed) => self.messages.saturating_mul(1000).checked_div(u64::from(speed))?,
            None => 0,
        };
        Some(self.carrying?.max(Duration::from_millis(by_messages)))
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
    use domain::control::{Protocol, Quirks, Secret};
    use domain::ids::{GatewayId, RouteId};
    use domain::money::Money;
    use domain::policy::PolicyBuilder;

    /// 2026-11-25 19:00 in Shanghai: an hour before the window closes.
    const EVENING: Timestamp = Timestamp::from_millis(1_795_604_400_000);

    fn load(parts: u64, messages_per_second: Option<u32>) -> Load {
        Load { messages: parts, carrying: Some(Duration::from_millis(parts * 100)), messages_per_second }
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
        assert_eq!(done(Load { carrying: None, ..load(1, None) }), None);
    }

    fn channel(number: u16, pace: u32, carriers: &[Carrier]) -> ChannelConfig {
        ChannelConfig {
            id: ChannelId(number),
            gateway: GatewayId(1),
            name: String::new(),
            protocol: Protocol::Cmpp30,
            host: String::new(),
            port: 7890,
            login: String::new(),
            secret: Secret(String::new()),
            access_code: String::new(),
            service_id: String::new(),
            connections: 1,
            window: 16,
            parts_per_second: Some(pace),
            carriers: carriers.to_vec(),
            categories: Vec::new(),
            cost: Money::ZERO,
            enabled: true,
            quirks: Quirks::default(),
            provider: None,
        }
    }

    #[test]
    fn the_carrier_with_the_slowest_channels_decides() {
        use Carrier::{Foreign, Mobile, Telecom, Unicom};
        let step = |ids: &[u16]| RouteStep::by_weight(ids.iter().map(|id| (ChannelId(*id), 1)).collect());
        let route = RouteConfig::for_all(RouteId(1), "", vec![step(&[1, 2]), step(&[3])]);
        let mut channels = [
            channel(1, 100, &[Mobile]),
            channel(2, 10, &[Mobile, Unicom]),
            channel(3, 1_000, &[Unicom, Telecom]),
        ];
        let seconds = |channels: &[ChannelConfig], parts: &[(Carrier, u64)]| {
            let way = |&(carrier, parts): &(Carrier, u64)| Way {
                channels: carrying(&route, channels, Category::Notice, carrier),
                parts,
            };
            carrying_time(&parts.iter().map(way).collect::<Vec<_>>()).map(|time| time.as_secs_f64())
        };
        assert_eq!(seconds(&channels, &[(Mobile, 1_100)]), Some(10.0));
        assert_eq!(seconds(&channels, &[(Mobile, 1_000), (Unicom, 1_000)]), Some(100.0));
        assert_eq!(
            seconds(&channels, &[(Mobile, 1_000), (Unicom, 100)]),
            Some(10.0),
            "both are busy to the end"
        );
        assert_eq!(seconds(&channels, &[(Telecom, 160)]), Some(1.0), "by its window");
        assert_eq!(seconds(&channels, &[(Mobile, 1), (Foreign, 1)]), None);
        assert_eq!(seconds(&channels, &[]), Some(0.0));
        channels[1].enabled = false;
        assert_eq!(seconds(&channels, &[(Mobile, 100), (Unicom, 160)]), Some(1.0), "the next step has it");
    }
}
