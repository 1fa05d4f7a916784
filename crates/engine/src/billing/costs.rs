//! What channels cost, by the hour: a new cost holds from the hour in which it was set, whenever that hour is posted again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::ids::ChannelId;
use domain::money::Money;

/// Hours for which it is known when costs changed. Older hours cost what the oldest of these did.
const KEPT_HOURS: i64 = 31 * 24;

/// Of each channel, the hours in which its cost changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Costs(BTreeMap<ChannelId, BTreeMap<i64, Money>>);

impl Costs {
    /// Reads what [`Self::write`] wrote; lines that are something else are passed over, as if those changes had not been seen.
    pub(super) fn read(text: &str) -> Self {
        let mut costs = Self::default();
        for line in text.lines() {
            let mut numbers = line.split(' ').map(str::parse::<i64>);
            let (Some(Ok(channel)), Some(Ok(hour)), Some(Ok(micros))) =
                (numbers.next(), numbers.next(), numbers.next())
            else {
                continue;
            };
            if let Ok(channel) = u16::try_from(channel) {
                costs.0.entry(ChannelId(channel)).or_default().insert(hour, Money::from_micros(micros));
            }
        }
        costs
    }

    /// A line for each change: channel, hour, millionths of the unit.
    pub(super) fn write(&self) -> String {
        let mut text = String::new();
        for (channel, steps) in &self.0 {
            for (hour, cost) in steps {
                let _infallible = writeln!(text, "{} {hour} {}", channel.0, cost.micros());
            }
        }
        text
    }

    /// Takes note of what a channel costs in this hour. `true`: that is new, and has to be written.
    pub(super) fn note(&mut self, channel: ChannelId, hour: i64, cost: Money) -> bool {
        let steps = self.0.entry(channel).or_default();
        if steps.last_key_value().is_some_and(|(_, last)| *last == cost) {
            return false;
        }
        steps.insert(hour, cost);
        // One of before stays: it says what the hours up to the next change cost.
        let before: Vec<i64> = steps.range(..hour - KEPT_HOURS).map(|(at, _)| *at).collect();
        for old in before.iter().rev().skip(1) {
            steps.remove(old);
        }
        true
    }

    /// What a part over this channel cost in that hour.
    pub(super) fn at(&self, channel: ChannelId, hour: i64) -> Money {
        let Some(steps) = self.0.get(&channel) else { return Money::ZERO };
        let step = steps.range(..=hour).next_back().or_else(|| steps.first_key_value());
        step.map_or(Money::ZERO, |(_, cost)| *cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ChannelId = ChannelId(1);

    fn micros(amount: i64) -> Money {
        Money::from_micros(amount)
    }

    #[test]
    fn an_hour_costs_what_was_set_last_in_it_whenever_it_is_asked() {
        let mut costs = Costs::default();
        assert!(costs.note(ONE, 100, micros(30)) && !costs.note(ONE, 105, micros(30)));
        assert!(costs.note(ONE, 110, micros(40)) && costs.note(ONE, 110, micros(45)));
        let at = |hour| costs.at(ONE, hour).micros();
        assert_eq!([at(7), at(100), at(109), at(110), at(999)], [30, 30, 30, 45, 45]);
        assert_eq!(costs.at(ChannelId(2), 110), Money::ZERO);
        assert_eq!(Costs::read(&costs.write()), costs);
        assert_eq!(Costs::read(&format!("no\n1 2\n{}", costs.write())), costs);
    }

    #[test]
    fn changes_of_long_ago_are_forgotten_but_for_the_last() {
        let mut costs = Costs::default();
        for hour in 0..4 {
            costs.note(ONE, hour, micros(hour));
        }
        assert!(costs.note(ONE, KEPT_HOURS + 3, micros(9)));
        assert_eq!(costs.write(), format!("1 2 2\n1 3 3\n1 {} 9\n", KEPT_HOURS + 3));
    }
}
