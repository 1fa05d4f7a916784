//! A campaign's funnel from its tallies: how many are where now, and why.
//!
//! Owns the arithmetic from transitions to present counts. Invariants: what was accepted equals the sum over all
//! present states; every number is an exact count, so that each can be followed down to its messages.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use crate::ledger::Tally;
use crate::message::{MessageState, Reason};
use crate::money::Money;
use crate::phone::Carrier;

/// So many messages, the parts they were cut into, and what they are sold for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Amount {
    pub messages: i64,
    pub parts: i64,
    pub price: Money,
}

impl Amount {
    fn of(tally: &Tally) -> Self {
        Self { messages: tally.messages, parts: tally.parts, price: tally.price }
    }

    fn negated(self) -> Self {
        Self { messages: -self.messages, parts: -self.parts, price: -self.price }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.parts += other.parts;
        self.price += other.price;
    }
}

/// What is known of an audience besides the ledger's tallies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AudienceStats {
    /// Rows of the audience, before anything was left out.
    pub rows: i64,
    /// Rows that became no message (no usable phone, a duplicate, no route).
    pub left_out: i64,
    /// People who refused in answer to it.
    pub opted_out: i64,
}

/// How many of a campaign's messages are where, and why.
///
/// `audience = left_out + accepted + not yet expanded`, and `accepted` is the sum of queued, in flight, submitted
/// and waiting, delivered, undelivered, expired, failed, rejected, cancelled, unknown and uncertain.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Funnel {
    pub audience: i64,
    pub left_out: i64,
    /// Messages in the ledger.
    pub accepted: Amount,
    /// Accepted, less those that policy refused or that were cancelled: what is or will be sent.
    pub eligible: Amount,
    /// A carrier has them: with a receipt or waiting for one. A message that is back in the queue for another try is
    /// not among them.
    pub submitted: Amount,
    pub delivered: Amount,
    /// Receipts say that they will not arrive.
    pub undelivered: Amount,
    /// Receipts say that the carrier gave up in time.
    pub expired: Amount,
    /// No carrier took them.
    pub failed: Amount,
    /// Undelivered, expired and failed by reason, most first.
    pub failures: Vec<(Reason, Amount)>,
    pub rejected: Amount,
    /// Rejected by reason, most first.
    pub rejections: Vec<(Reason, Amount)>,
    pub cancelled: Amount,
    /// No receipt for 72 hours.
    pub unknown: Amount,
    pub uncertain: Amount,
    /// Claimed; the answer is on its way.
    pub in_flight: Amount,
    /// Taken by the carrier, no receipt yet.
    pub awaiting_receipt: Amount,
    pub queued: Amount,
    /// What the account pays: the price of all that a carrier took or may have taken.
    pub cost: Money,
    /// Parts of all that a carrier took or may have taken.
    pub parts: i64,
    pub opted_out: i64,
}

/// Present counts by state and reason, from transitions.
#[derive(Clone, Debug, Default)]
pub struct Standings {
    now: HashMap<(MessageState, Reason), Amount>,
    carriers: HashMap<(Carrier, MessageState), Amount>,
}

impl Standings {
    /// Folds transitions, in any order: each adds to where its messages went and takes from where they were.
    pub fn from_tallies<'a>(tallies: impl IntoIterator<Item = &'a Tally>) -> Self {
        let mut standings = Self::default();
        for tally in tallies {
            let amount = Amount::of(tally);
            *standings.now.entry((tally.to, tally.reason)).or_default() += amount;
            *standings.carriers.entry((tally.carrier, tally.to)).or_default() += amount;
            if let Some(from) = tally.from {
                *standings.now.entry((from, tally.from_reason)).or_default() += amount.negated();
                *standings.carriers.entry((tally.carrier, from)).or_default() += amount.negated();
            }
        }
        standings
    }

    /// Messages that are in `state` now.
    #[must_use]
    pub fn in_state(&self, state: MessageState) -> Amount {
        let mut sum = Amount::default();
        self.now.iter().filter(|((of, _), _)| *of == state).for_each(|(_, amount)| sum += *amount);
        sum
    }

    /// Messages of one carrier's phones that are in `state` now.
    #[must_use]
    pub fn of_carrier(&self, carrier: Carrier, state: MessageState) -> Amount {
        self.carriers.get(&(carrier, state)).copied().unwrap_or_default()
    }

    /// Why the messages in some states are there, most first; reasons that nobody has (any more) are left out.
    #[must_use]
    pub fn reasons(&self, states: &[MessageState]) -> Vec<(Reason, Amount)> {
        let mut by_reason: BTreeMap<Reason, Amount> = BTreeMap::new();
        for ((_, reason), amount) in self.now.iter().filter(|((state, _), _)| states.contains(state)) {
            *by_reason.entry(*reason).or_default() += *amount;
        }
        let mut reasons: Vec<_> = by_reason.into_iter().filter(|(_, amount)| amount.messages != 0).collect();
        reasons.sort_by_key(|(_, amount)| -amount.messages);
        reasons
    }
}

impl Funnel {
    /// The funnel of the lanes whose tallies are given. Test messages are left out: they are not of the audience.
    #[must_use]
    pub fn from_tallies(tallies: &[Tally], audience: AudienceStats) -> Self {
        Self::from_standings(&Standings::from_tallies(tallies.iter().filter(|tally| !tally.test)), audience)
    }

    /// The funnel of present counts.
    #[must_use]
    pub fn from_standings(standings: &Standings, audience: AudienceStats) -> Self {
        use MessageState::{
            Cancelled, Delivered, Expired, Failed, Queued, Rejected, Sending, Submitted, Uncertain,
            Undelivered, Unknown,
        };
        let sum = |states: &[MessageState]| {
            let mut sum = Amount::default();
            states.iter().for_each(|state| sum += standings.in_state(*state));
            sum
        };
        let kept = [Queued, Sending, Submitted, Delivered, Undelivered, Expired, Unknown, Failed, Uncertain];
        let taken = sum(&[Submitted, Delivered, Undelivered, Expired, Unknown]);
        let mut perhaps_taken = taken;
        perhaps_taken += standings.in_state(Uncertain);
        Self {
            audience: audience.rows,
            left_out: audience.left_out,
            accepted: sum(MessageState::ALL),
            eligible: sum(&kept),
            submitted: taken,
            delivered: standings.in_state(Delivered),
            undelivered: standings.in_state(Undelivered),
            expired: standings.in_state(Expired),
            failed: standings.in_state(Failed),
            failures: standings.reasons(&[Undelivered, Expired, Failed]),
            rejected: standings.in_state(Rejected),
            rejections: standings.reasons(&[Rejected]),
            cancelled: standings.in_state(Cancelled),
            unknown: standings.in_state(Unknown),
            uncertain: standings.in_state(Uncertain),
            in_flight: standings.in_state(Sending),
            awaiting_receipt: standings.in_state(Submitted),
            queued: standings.in_state(Queued),
            cost: perhaps_taken.price,
            parts: perhaps_taken.parts,
            opted_out: audience.opted_out,
        }
    }

    /// Whether nothing of the accepted messages waits for anything but receipts.
    #[must_use]
    pub fn is_handed_over(&self) -> bool {
        self.queued.messages == 0 && self.in_flight.messages == 0
    }

    /// Delivered per thousand of those that a carrier took; `None` before the first one.
    #[must_use]
    pub fn delivered_per_mille(&self) -> Option<i64> {
        (self.submitted.messages > 0).then(|| self.delivered.messages * 1_000 / self.submitted.messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ChannelId, LaneId};
    use proptest::prelude::*;

    /// A message of the model: where it is, why, and what it costs.
    #[derive(Clone, Copy, Debug)]
    struct Walker {
        state: MessageState,
        reason: Reason,
        parts: i64,
        price: Money,
        test: bool,
        carrier: Carrier,
    }

    fn tally(before: Option<&Walker>, after: &Walker, hour: i64) -> Tally {
        Tally {
            lane: LaneId::from_raw(1),
            hour,
            channel: Some(ChannelId(1)),
            from: before.map(|walker| walker.state),
            from_reason: before.map_or(Reason::None, |walker| walker.reason),
            to: after.state,
            reason: after.reason,
            test: after.test,
            carrier: after.carrier,
            messages: 1,
            parts: after.parts,
            price: after.price,
        }
    }

    /// Any reason may come with any move.
    fn reason(pick: u8) -> Reason {
        Reason::ALL[usize::from(pick) % Reason::ALL.len()]
    }

    /// Parts (0: rejected on the way in), whether it is a test, and which edge it takes at each step and why.
    type Path = (u8, bool, Vec<(u8, u8)>);

    /// Moves each message along the allowed edges and returns where they ended, with every transition.
    fn walk(paths: &[Path]) -> (Vec<Walker>, Vec<Tally>) {
        let (mut walkers, mut tallies) = (Vec::new(), Vec::new());
        for (parts, test, moves) in paths {
            let mut walker = Walker {
                state: if *parts == 0 { MessageState::Rejected } else { MessageState::Queued },
                reason: if *parts == 0 { Reason::MissingVariable } else { Reason::None },
                parts: i64::from(*parts),
                price: Money::from_micros(i64::from(*parts) * 45_000),
                test: *test,
                carrier: Carrier::ALL[usize::from(*parts) % 5],
            };
            tallies.push(tally(None, &walker, 0));
            for (edge, why) in moves {
                let open: Vec<_> =
                    MessageState::EDGES.iter().filter(|(from, _)| *from == walker.state).collect();
                let Some(&&(_, state)) = open.get(usize::from(*edge) % open.len().max(1)) else { break };
                let after = Walker { state, reason: reason(*why), ..walker };
                tallies.push(tally(Some(&walker), &after, i64::from(*why)));
                walker = after;
            }
            walkers.push(walker);
        }
        (walkers, tallies)
    }

    /// The ledger folds equal transitions of an hour into one row.
    fn fold(tallies: &[Tally]) -> Vec<Tally> {
        let mut rows: Vec<Tally> = Vec::new();
        for tally in tallies {
            let key = |t: &Tally| (t.hour, t.from, t.from_reason, t.to, t.reason, t.test, t.carrier);
            match rows.iter_mut().find(|row| key(row) == key(tally)) {
                Some(row) => {
                    row.messages += tally.messages;
                    row.parts += tally.parts;
                    row.price += tally.price;
                }
                None => rows.push(*tally),
            }
        }
        rows
    }

    fn recount(walkers: &[Walker], keep: impl Fn(&Walker) -> bool) -> Amount {
        let mut sum = Amount::default();
        for walker in walkers.iter().filter(|walker| !walker.test && keep(walker)) {
            sum += Amount { messages: 1, parts: walker.parts, price: walker.price };
        }
        sum
    }

    #[test]
    fn a_receipt_that_comes_late_corrects_state_reason_and_money() {
        let sent = Walker {
            state: MessageState::Submitted,
            reason: Reason::None,
            parts: 2,
            price: Money::from_micros(90_000),
            test: false,
            carrier: Carrier::Mobile,
        };
        let unknown = Walker { state: MessageState::Unknown, reason: Reason::NoReceipt, ..sent };
        let undelivered = Walker { state: MessageState::Undelivered, reason: Reason::Unreachable, ..sent };
        let delivered = Walker { state: MessageState::Delivered, ..sent };
        let mut tallies = vec![
            tally(None, &sent, 1),
            tally(Some(&sent), &unknown, 73),
            tally(Some(&unknown), &undelivered, 74),
        ];
        let funnel = Funnel::from_tallies(&tallies, AudienceStats { rows: 1, ..AudienceStats::default() });
        assert_eq!((funnel.undelivered.messages, funnel.unknown.messages), (1, 0));
        assert_eq!(funnel.failures, [(Reason::Unreachable, funnel.undelivered)]);
        tallies.push(tally(Some(&undelivered), &delivered, 75));
        let funnel = Funnel::from_tallies(&tallies, AudienceStats::default());
        assert_eq!((funnel.delivered.messages, funnel.failures.len()), (1, 0));
        assert_eq!((funnel.cost, funnel.parts), (sent.price, 2));
        assert_eq!(funnel.delivered_per_mille(), Some(1_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_funnel_equals_a_direct_recount(
            paths in proptest::collection::vec(
                (0..4_u8, proptest::bool::weighted(0.1), proptest::collection::vec(any::<(u8, u8)>(), 0..9)), 0..60),
        ) {
            use MessageState::{Cancelled, Delivered, Expired, Failed, Queued, Rejected, Sending, Submitted};
            use MessageState::{Uncertain, Undelivered, Unknown};
            let (walkers, tallies) = walk(&paths);
            let mut rows = fold(&tallies);
            rows.reverse();
            let funnel = Funnel::from_tallies(&rows, AudienceStats::default());
            let count = |states: &[MessageState]| recount(&walkers, |walker| states.contains(&walker.state));
            prop_assert_eq!(funnel.accepted, recount(&walkers, |_| true));
            prop_assert_eq!(funnel.queued, count(&[Queued]));
            prop_assert_eq!(funnel.in_flight, count(&[Sending]));
            prop_assert_eq!(funnel.awaiting_receipt, count(&[Submitted]));
            prop_assert_eq!(funnel.delivered, count(&[Delivered]));
            prop_assert_eq!(funnel.undelivered, count(&[Undelivered]));
            prop_assert_eq!(funnel.expired, count(&[Expired]));
            prop_assert_eq!(funnel.failed, count(&[Failed]));
            prop_assert_eq!(funnel.rejected, count(&[Rejected]));
            prop_assert_eq!(funnel.cancelled, count(&[Cancelled]));
            prop_assert_eq!(funnel.unknown, count(&[Unknown]));
            prop_assert_eq!(funnel.uncertain, count(&[Uncertain]));
            let taken = [Submitted, Delivered, Undelivered, Expired, Unknown];
            prop_assert_eq!(funnel.submitted, count(&taken));
            prop_assert_eq!(funnel.cost, recount(&walkers, |w| taken.contains(&w.state) || w.state == Uncertain).price);
            prop_assert_eq!(funnel.eligible, recount(&walkers, |w| !matches!(w.state, Rejected | Cancelled)));
            let failures = [Undelivered, Expired, Failed];
            for reason in Reason::ALL {
                let of = |reasons: &[(Reason, Amount)]| {
                    reasons.iter().find(|(of, _)| of == reason).map(|(_, amount)| *amount).unwrap_or_default()
                };
                let failed = recount(&walkers, |w| failures.contains(&w.state) && w.reason == *reason);
                prop_assert_eq!(of(&funnel.failures), failed);
                prop_assert_eq!(of(&funnel.rejections), recount(&walkers, |w| w.state == Rejected && w.reason == *reason));
            }
        }
    }
}
