//! Canaries: some of a campaign's people get it first, and what becomes of them decides about the rest.
//!
//! Who is one of them is drawn by a hash of the campaign and the place in its audience: the same at every look, whatever
//! is restarted, and without regard to the order of the list. Of a stated number each carrier has its share.

use std::collections::BinaryHeap;
use std::fmt;
use std::time::Duration;

use super::watch::{Finding, Limits, Observed, StopRule};
use crate::ids::CampaignId;
use crate::message::coded_enum;
use crate::phone::Carrier;
use crate::time::Timestamp;

/// Most people of a canary that is given as a number: their lots are kept in memory while people are counted. A share
/// in per cent has no such bound.
pub const MAX_CANARY_PEOPLE: u32 = 10_000;

/// How many get it first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CanaryShare {
    /// Of a hundred people so many, 1 to 99; by chance, so about as many.
    Percent(u8),
    /// So many people, 1 to [`MAX_CANARY_PEOPLE`].
    People(u32),
}

coded_enum! {
    /// What follows a canary that went well.
    CanaryThen {
        /// The rest, by itself.
        GoOn = 1, "go_on";
        /// A person looks first.
        WaitForPerson = 2, "wait_for_person";
    }
}

coded_enum! {
    /// How far a canary is.
    CanaryPhase {
        /// It is being sent, or its receipts are waited for. The rest is held back.
        Sending = 1, "sending";
        /// It was judged; a person has to let the rest go.
        Judged = 2, "judged";
        /// The rest may go.
        Released = 3, "released";
    }
}

/// A canary as its author wants it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CanaryPlan {
    pub share: CanaryShare,
    /// From the last message of the canary to the verdict.
    pub wait: Duration,
    pub then: CanaryThen,
}

/// A canary and how far it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Canary {
    pub plan: CanaryPlan,
    /// By carrier in the order of [`Carrier::ALL`]: who has drawn a lot below this is one of them. Set by the preflight.
    pub bounds: [u64; Carrier::ALL.len()],
    /// How many will get it first, as the preflight counted.
    pub people: u64,
    pub phase: CanaryPhase,
    /// When it was seen that all of it is with the carriers.
    pub sent_at: Option<Timestamp>,
    pub released_at: Option<Timestamp>,
}

/// What to do about a canary now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CanaryStep {
    /// Nothing yet.
    Wait,
    /// All of it is with the carriers: the wait begins.
    Begin,
    /// It went well: the rest goes.
    Release,
    /// It did not, or cannot be judged, or a person wants to: the campaign stops.
    Stop(Finding),
}

/// The lot that a place in a campaign's audience draws, evenly over all 64 bits (SplitMix64 by Steele, Lea, Flood 2014).
#[must_use]
pub fn lot(campaign: CampaignId, ordinal: u64) -> u64 {
    let mix = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let step = 0x9e37_79b9_7f4a_7c15_u64;
    mix(mix(campaign.raw().cast_unsigned().wrapping_add(step)).wrapping_add(ordinal.wrapping_mul(step)))
}

impl Canary {
    /// As it is before anybody was counted.
    #[must_use]
    pub fn planned(plan: CanaryPlan) -> Self {
        Self {
            plan,
            bounds: [0; Carrier::ALL.len()],
            people: 0,
            phase: CanaryPhase::Sending,
            sent_at: None,
            released_at: None,
        }
    }

    /// Whether who has this lot gets it first.
    #[must_use]
    pub fn has(&self, carrier: Carrier, lot: u64) -> bool {
        lot < self.bounds[carrier as usize]
    }

    /// What to do now. `seen`: what became of the canary's messages; `in_ledger`: all of them are there.
    #[must_use]
    pub fn step(&self, limits: &Limits, seen: &Observed, in_ledger: bool, now: Timestamp) -> CanaryStep {
        if self.phase != CanaryPhase::Sending || !in_ledger || seen.unsent > 0 {
            return CanaryStep::Wait;
        }
        let Some(sent_at) = self.sent_at else { return CanaryStep::Begin };
        if now < sent_at.plus(self.plan.wait) {
            return CanaryStep::Wait;
        }
        if let Some(found) = limits.passed_by_few(seen) {
            return CanaryStep::Stop(found);
        }
        let sent = seen.taken.max(seen.ended);
        let ask = |rule, bad| CanaryStep::Stop(Finding { rule, bad, of: sent, per_10_000: 0 });
        if seen.ended * 2 < sent || sent == 0 {
            return ask(StopRule::CanaryWithoutReceipts, sent.saturating_sub(seen.ended));
        }
        match self.plan.then {
            CanaryThen::GoOn => CanaryStep::Release,
            CanaryThen::WaitForPerson => ask(StopRule::CanaryToBeJudged, seen.failed),
        }
    }
}

/// Lots of the people counted so far, from which the bounds are taken.
#[derive(Clone, Debug)]
pub struct Lots {
    share: CanaryShare,
    /// By carrier, the smallest lots; of a share in per cent none are kept.
    smallest: [BinaryHeap<u64>; Carrier::ALL.len()],
    /// By carrier, everybody.
    people: [u64; Carrier::ALL.len()],
    /// Whose lot is below the bound of a share in per cent.
    below: u64,
}

impl Lots {
    #[must_use]
    pub fn new(share: CanaryShare) -> Self {
        Self { share, smallest: Default::default(), people: Default::default(), below: 0 }
    }

    /// One person who will get the campaign.
    pub fn draw(&mut self, carrier: Carrier, lot: u64) {
        self.people[carrier as usize] += 1;
        match self.share {
            CanaryShare::Percent(percent) => self.below += u64::from(lot < below(percent)),
            CanaryShare::People(most) => keep(&mut self.smallest[carrier as usize], lot, most),
        }
    }

    /// Adds what was drawn elsewhere.
    pub fn merge(&mut self, other: Self) {
        self.below += other.below;
        for (place, lots) in other.smallest.into_iter().enumerate() {
            self.people[place] += other.people[place];
            if let CanaryShare::People(most) = self.share {
                lots.into_iter().for_each(|lot| keep(&mut self.smallest[place], lot, most));
            }
        }
    }

    /// The bounds, and how many are below them.
    #[must_use]
    pub fn bounds(self) -> ([u64; Carrier::ALL.len()], u64) {
        let most = match self.share {
            CanaryShare::Percent(percent) => return ([below(percent); Carrier::ALL.len()], self.below),
            CanaryShare::People(most) => u64::from(most),
        };
        let seats = seats(most, &self.people);
        let mut bounds = [0; Carrier::ALL.len()];
        for (place, lots) in self.smallest.into_iter().enumerate() {
            let last = usize::try_from(seats[place]).ok().and_then(|seats| seats.checked_sub(1));
            let lots = lots.into_sorted_vec();
            bounds[place] = last.and_then(|last| lots.get(last)).map_or(0, |lot| lot.saturating_add(1));
        }
        (bounds, seats.iter().sum())
    }
}

fn below(percent: u8) -> u64 {
    u64::MAX / 100 * u64::from(percent.min(100))
}

/// Keeps the smallest.
fn keep(lots: &mut BinaryHeap<u64>, lot: u64, most: u32) {
    if lots.len() < most as usize {
        lots.push(lot);
    } else if lots.peek().is_some_and(|highest| lot < *highest) {
        lots.pop();
        lots.push(lot);
    }
}

/// So many seats over the carriers by their people, the largest remainders first; nobody has more seats than people.
fn seats(most: u64, people: &[u64; Carrier::ALL.len()]) -> [u64; Carrier::ALL.len()] {
    let total: u64 = people.iter().sum();
    if total <= most {
        return *people;
    }
    let share = |place: usize| u128::from(most) * u128::from(people[place]);
    let mut seats: [u64; Carrier::ALL.len()] =
        std::array::from_fn(|place| u64::try_from(share(place) / u128::from(total)).unwrap_or(u64::MAX));
    let mut by_remainder: Vec<usize> = (0..seats.len()).filter(|place| people[*place] > 0).collect();
    by_remainder.sort_by_key(|place| std::cmp::Reverse(share(*place) % u128::from(total)));
    let left = most.saturating_sub(seats.iter().sum());
    for place in by_remainder.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        seats[place] += 1;
    }
    seats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Limit;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const WAIT: Duration = Duration::from_secs(600);
    const CAMPAIGN: CampaignId = CampaignId::from_raw(77);

    proptest! {
        #[test]
        fn a_number_is_met_exactly_and_each_carrier_has_its_share(
            people in prop::array::uniform5(0_u64..400), most in 1_u32..200, cut in 0_usize..400,
        ) {
            let mut drawn: Vec<(Carrier, u64)> = Vec::new();
            for (carrier, people) in Carrier::ALL.into_iter().zip(people) {
                (0..people).for_each(|_| drawn.push((carrier, lot(CAMPAIGN, drawn.len() as u64))));
            }
            let (mut one, mut two) = (Lots::new(CanaryShare::People(most)), Lots::new(CanaryShare::People(most)));
            for (place, (carrier, lot)) in drawn.iter().enumerate() {
                if place < cut { one.draw(*carrier, *lot) } else { two.draw(*carrier, *lot) }
            }
            one.merge(two);
            let (bounds, counted) = one.bounds();
            let mut canary = Canary::planned(plan(CanaryThen::GoOn));
            canary.bounds = bounds;
            let total: u64 = people.iter().sum();
            let first = drawn.iter().filter(|(carrier, lot)| canary.has(*carrier, *lot)).count() as u64;
            prop_assert_eq!(first, counted);
            prop_assert_eq!(first, total.min(u64::from(most)));
            for (carrier, people) in Carrier::ALL.into_iter().zip(people) {
                let of = drawn.iter().filter(|(of, lot)| *of == carrier && canary.has(carrier, *lot)).count();
                let even = u64::from(most) as f64 * people as f64 / total.max(1) as f64;
                prop_assert!(of as f64 <= even.min(people as f64) + 1.0 && of as f64 > even.min(people as f64) - 1.0);
            }
        }
    }

    #[test]
    fn per_cent_is_about_right_and_the_same_every_time() {
        let mut lots = Lots::new(CanaryShare::Percent(5));
        (0..20_000).for_each(|ordinal| lots.draw(Carrier::Mobile, lot(CAMPAIGN, ordinal)));
        let (bounds, people) = lots.bounds();
        assert!((800..1_200).contains(&people), "{people}");
        let again = (0..20_000).filter(|ordinal| lot(CAMPAIGN, *ordinal) < bounds[0]).count();
        assert_eq!(again as u64, people);
        assert_ne!(lot(CAMPAIGN, 1), lot(CampaignId::from_raw(78), 1), "others in another campaign");
    }

    fn plan(then: CanaryThen) -> CanaryPlan {
        CanaryPlan { share: CanaryShare::People(10), wait: WAIT, then }
    }

    fn seen(taken: u64, delivered: u64, failed: u64) -> Observed {
        Observed { taken, ended: delivered + failed, failed, ..Observed::default() }
    }

    #[test]
    fn a_canary_is_judged_after_its_wait_and_by_what_became_of_it() {
        let limits =
            Limits { failures: Some(Limit { per_10_000: 2_000, at_least: 100 }), ..Limits::default() };
        let mut canary = Canary::planned(plan(CanaryThen::GoOn));
        let good = seen(10, 10, 0);
        let step = |canary: &Canary, seen: &Observed, at: Timestamp| canary.step(&limits, seen, true, at);
        assert_eq!(canary.step(&limits, &good, false, NOW), CanaryStep::Wait, "not all of it is there");
        assert_eq!(step(&canary, &Observed { unsent: 1, ..good }, NOW), CanaryStep::Wait);
        assert_eq!(step(&canary, &good, NOW), CanaryStep::Begin);
        canary.sent_at = Some(NOW);
        assert_eq!(step(&canary, &good, NOW.plus(WAIT / 2)), CanaryStep::Wait);
        let end = NOW.plus(WAIT);
        assert_eq!(step(&canary, &good, end), CanaryStep::Release);
        let rule = |canary: &Canary, seen: &Observed| match step(canary, seen, end) {
            CanaryStep::Stop(found) => (found.rule, found.bad, found.of),
            other => panic!("{other:?}"),
        };
        assert_eq!(rule(&canary, &seen(10, 7, 3)), (StopRule::Failures, 3, 10), "few are enough here");
        assert_eq!(step(&canary, &seen(10, 9, 1), end), CanaryStep::Release, "one is an accident");
        assert_eq!(rule(&canary, &seen(10, 4, 0)), (StopRule::CanaryWithoutReceipts, 6, 10));
        assert_eq!(rule(&canary, &seen(0, 0, 0)), (StopRule::CanaryWithoutReceipts, 0, 0), "nobody got it");
        canary.plan.then = CanaryThen::WaitForPerson;
        assert_eq!(rule(&canary, &good).0, StopRule::CanaryToBeJudged);
        canary.phase = CanaryPhase::Released;
        assert_eq!(step(&canary, &good, end), CanaryStep::Wait, "that is over");
    }
}
