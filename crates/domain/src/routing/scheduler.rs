//! Whose messages a channel with free capacity claims next.
//!
//! Strict priority first. Among lanes of one priority the one that has been served least goes first, so a campaign
//! of a million does not hold up one of ten, and one whose messages wait by carrier, or in several lanes, has one share
//! and one speed like any other; a lane that had nothing to send gathers no credit. Channels of one step
//! of a route share it by weight while all of them have room. Pure: the engine asks, claims, and reports back.
//!
//! Invariants: an offer with capacity is never refused while a stream that the channel may claim is due, its lane
//! has speed left and it is the channel's turn; when it is not, the channel whose turn it is has room.

use std::collections::HashMap;

use super::route::{ChannelNow, Permission};
use crate::control::{ChannelConfig, RouteConfig};
use crate::ids::{ChannelId, LaneId, PartitionId, RouteId};
use crate::lane::{Lane, LaneState, Share};
use crate::ledger::{Due, Take, TakeOutcome};
use crate::message::Priority;
use crate::nodes::Home;
use crate::pace::TokenBucket;
use crate::phone::CarrierSet;
use crate::time::Timestamp;

/// Streams of one claim, at most: each costs a look into the queue.
const MAX_TAKES: usize = 16;
/// Messages by which a channel may run ahead of its share before it waits for the others: about one claim, so that
/// sharing never cuts claims into crumbs.
const SHARE_LEAD: u64 = 256;
/// Shares are counted in thousandths of a message per unit of weight.
const SHARE_SCALE: u64 = 1_000;
/// How soon a channel that is ahead of its share looks again.
const TURN_WAIT_MILLIS: u64 = 5;

/// A channel asks what to claim.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    pub channel: ChannelId,
    /// Parts that it can write now.
    pub parts: u32,
    /// How many of them are for emergencies only.
    pub reserved: u32,
    pub now: Timestamp,
    /// A monotonic clock, for lanes' speeds.
    pub now_millis: u64,
    pub due: &'a [Due],
    /// Of what is equally urgent, what waits there goes first.
    pub home: Home,
    pub routes: &'a [RouteConfig],
    /// Every channel, the asking one included.
    pub channels: &'a [ChannelNow<'a>],
}

impl Offer<'_> {
    /// The carriers that a lane's route leads to, whatever state its channels are in.
    fn reach(&self, lane: &Lane) -> CarrierSet {
        let route = self.routes.iter().find(|route| route.id == lane.route);
        let serves = |config: &ChannelConfig| {
            config.serves(lane.category) && route.is_some_and(|route| route.includes(config))
        };
        let configs = self.channels.iter().map(|now| now.config).filter(|config| serves(config));
        configs.fold(CarrierSet::NONE, |reach, config| reach.union(config.reached()))
    }

    /// Parts that messages of this priority may take.
    fn open_to(&self, priority: Priority) -> u32 {
        match priority {
            Priority::Emergency => self.parts,
            _ => self.parts.saturating_sub(self.reserved),
        }
    }
}

/// One claim to be made. Report its outcome with [`Scheduler::served`], even if it failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    pub partition: PartitionId,
    pub channel: ChannelId,
    /// In the order in which they are to be taken.
    pub takes: Vec<Take>,
    pub max_parts: u32,
    /// Of each take.
    routes: Vec<RouteId>,
    shares: Vec<Share>,
    /// Tokens that were taken from the lane's speed; only with a single lane.
    tokens: Option<u32>,
}

/// What to do with an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    Claim(Plan),
    /// Nothing now; ask again after so long, or when something changes.
    Wait {
        millis: u64,
    },
    /// Nothing until something changes.
    Idle,
}

/// Where a lane stands against the others of its priority.
#[derive(Clone, Debug, Default)]
struct Standing {
    /// Messages it has been served, on the clock of its class.
    served: u64,
    /// When it was last picked: settles ties.
    turn: u64,
    speed: Option<TokenBucket>,
}

/// A due stream that the channel may claim.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    due: Due,
    lane: &'a Lane,
    /// Priority, service, last turn: smaller goes first.
    rank: (Priority, u64, u64),
    tokens: Option<u32>,
}

/// Fairness among lanes and channels. One per process, behind the dispatcher's lock; loses nothing but a moment's
/// fairness when it is made anew.
#[derive(Debug, Default)]
pub struct Scheduler {
    standings: HashMap<Share, Standing>,
    partitions: HashMap<PartitionId, u64>,
    /// Per channel and priority, the service of the lane picked last: where a newcomer starts.
    clocks: HashMap<(ChannelId, Priority), u64>,
    shares: HashMap<(RouteId, ChannelId), u64>,
    turn: u64,
}

impl Scheduler {
    /// Plans one claim for an offer. `lane` finds a lane by id; streams of unknown lanes are left alone.
    pub fn plan<'a>(&mut self, offer: Offer<'_>, lane: impl Fn(LaneId) -> Option<&'a Lane>) -> Step {
        if offer.parts == 0 {
            return Step::Idle;
        }
        self.level_shares(&offer);
        let mut wait = None;
        let mut candidates = Vec::new();
        for due in offer.due {
            match self.candidate(&offer, *due, &lane) {
                Ok(candidate) => candidates.push(candidate),
                Err(Some(millis)) => wait = Some(wait.map_or(millis, |least: u64| least.min(millis))),
                Err(None) => {}
            }
        }
        let Some(first) =
            candidates.iter().min_by_key(|c| (c.rank, self.partition_turn(offer.home, c))).copied()
        else {
            return wait.map_or(Step::Idle, |millis| Step::Wait { millis });
        };
        Step::Claim(self.claim(&offer, first, candidates))
    }

    /// Reports what a plan's claim came to, per take; nothing at all for a claim that failed.
    pub fn served(&mut self, plan: &Plan, outcomes: &[TakeOutcome]) {
        if let (Some(first), Some(share)) = (plan.takes.first(), plan.shares.first()) {
            let standing = self.standings.entry(*share).or_default();
            standing.served = standing.served.saturating_sub(u64::from(first.limit));
            // A lane whose queue was empty after all pays one, and lets others pass.
            standing.served += u64::from(outcomes.iter().all(|outcome| outcome.handled == 0));
            if let (Some(tokens), Some(speed)) = (plan.tokens, &mut standing.speed) {
                let outgoing = outcomes.first().map_or(0, |outcome| outcome.outgoing);
                speed.give_back(tokens.saturating_sub(outgoing));
            }
        }
        for ((share, route), outcome) in plan.shares.iter().zip(&plan.routes).zip(outcomes) {
            self.standings.entry(*share).or_default().served += u64::from(outcome.handled);
            *self.shares.entry((*route, plan.channel)).or_default() +=
                u64::from(outcome.outgoing) * SHARE_SCALE;
        }
    }

    /// Drops what is known of campaigns and lanes that are over.
    pub fn retain(&mut self, is_alive: impl Fn(Share) -> bool) {
        self.standings.retain(|share, _| is_alive(*share));
    }

    /// `Err`: not now, perhaps after so many milliseconds.
    fn candidate<'a>(
        &mut self,
        offer: &Offer<'_>,
        due: Due,
        lane: &impl Fn(LaneId) -> Option<&'a Lane>,
    ) -> Result<Candidate<'a>, Option<u64>> {
        let lane = lane(due.stream.lane).filter(|lane| lane.state == LaneState::Open).ok_or(None)?;
        if offer.open_to(lane.priority) == 0 {
            return Err(None);
        }
        let route = offer.routes.iter().find(|route| route.id == lane.route).ok_or(None)?;
        let is_ahead = |a, b| self.is_ahead(route.id, a, b);
        match route.permission(offer.channel, due.stream, lane.category, offer.channels, is_ahead) {
            Permission::Yes => {}
            Permission::No => return Err(None),
            Permission::NotItsTurn => return Err(Some(TURN_WAIT_MILLIS)),
        }
        if offer.now < due.earliest {
            return Err(u64::try_from(due.earliest.since(offer.now).as_millis()).ok());
        }
        let clock = self.clocks.get(&(offer.channel, lane.priority)).copied().unwrap_or(0);
        let standing = self.standings.entry(lane.share()).or_default();
        standing.served = standing.served.max(clock);
        standing.follow(lane.speed, offer.now_millis);
        let tokens = standing.speed.as_ref().map(|speed| speed.available(offer.now_millis));
        if tokens == Some(0) {
            return Err(standing.speed.as_ref().and_then(|speed| speed.wait_millis(offer.now_millis)));
        }
        Ok(Candidate { due, lane, rank: (lane.priority, standing.served, standing.turn), tokens })
    }

    /// Partitions at home in turn, then the others in turn.
    fn partition_turn(&self, home: Home, candidate: &Candidate<'_>) -> (bool, u64) {
        let partition = candidate.due.partition;
        (!home.includes(partition), self.partitions.get(&partition).copied().unwrap_or(0))
    }

    /// The claim that serves `first`, and whoever else may share it.
    fn claim(&mut self, offer: &Offer<'_>, first: Candidate<'_>, candidates: Vec<Candidate<'_>>) -> Plan {
        let partition = first.due.partition;
        // What is less urgent than something in another partition has to wait for that.
        let elsewhere = candidates.iter().filter(|c| c.due.partition != partition).map(|c| c.rank.0).min();
        let alone = first.tokens.is_some();
        let parts = offer.open_to(first.lane.priority);
        let mut here: Vec<Candidate<'_>> = candidates
            .into_iter()
            .filter(|c| c.due.partition == partition && elsewhere.is_none_or(|urgent| c.rank.0 <= urgent))
            .filter(|c| offer.open_to(c.lane.priority) == parts)
            .filter(|c| if alone { c.lane.share() == first.lane.share() } else { c.tokens.is_none() })
            .collect();
        // Retries before the rest of their lane: they are few, and a long queue must not age them.
        here.sort_by_key(|c| (c.rank, c.lane.share(), c.due.stream.avoid.is_none(), c.due.earliest));
        // The least served of the urgent class comes first, with all of its streams.
        let mine = first.lane.share();
        here.sort_by_key(|c| c.lane.share() != mine);
        here.truncate(if alone { 1 } else { MAX_TAKES });
        let limit = first.tokens.map_or(parts, |tokens| tokens.min(parts));
        self.turn += 1;
        self.partitions.insert(partition, self.turn);
        self.clocks.insert((offer.channel, first.lane.priority), first.rank.1);
        let standing = self.standings.entry(first.lane.share()).or_default();
        standing.turn = self.turn;
        // Until the outcome is known the lane pays for all of it, so that another channel picks another lane.
        standing.served += u64::from(limit);
        let tokens = standing.speed.as_mut().map(|speed| speed.take(limit, offer.now_millis));
        Plan {
            partition,
            channel: offer.channel,
            takes: here
                .iter()
                .map(|c| Take { stream: c.due.stream, limit, reach: offer.reach(c.lane) })
                .collect(),
            max_parts: parts,
            routes: here.iter().map(|c| c.lane.route).collect(),
            shares: here.iter().map(|c| c.lane.share()).collect(),
            tokens,
        }
    }

    fn is_ahead(
        &self,
        route: RouteId,
        (a, weight_a): (ChannelId, u16),
        (b, weight_b): (ChannelId, u16),
    ) -> bool {
        let share = |channel, weight: u16| {
            self.shares.get(&(route, channel)).copied().unwrap_or(0) / u64::from(weight.max(1))
        };
        let lead = SHARE_LEAD * SHARE_SCALE / u64::from(weight_a.max(1));
        share(a, weight_a) > share(b, weight_b) + lead
    }

    /// A channel that is new or has no room gathers no credit: its share counts as much as that of the least served
    /// one with room.
    fn level_shares(&mut self, offer: &Offer<'_>) {
        let room = |id: ChannelId| {
            offer.channels.iter().any(|c| c.config.id == id && c.condition.is_usable() && c.free_parts > 0)
        };
        for route in offer.routes {
            for step in &route.steps {
                let known = |(id, weight): &(ChannelId, u16)| {
                    let share = self.shares.get(&(route.id, *id)).filter(|_| room(*id))?;
                    Some(share / u64::from((*weight).max(1)))
                };
                let Some(floor) = step.channels.iter().filter_map(known).min() else { continue };
                let lagging = |id| !room(id) || !self.shares.contains_key(&(route.id, id));
                let lagging: Vec<_> = step.channels.iter().filter(|(id, _)| lagging(*id)).collect();
                for &(id, weight) in lagging {
                    let share = self.shares.entry((route.id, id)).or_default();
                    *share = (*share).max(floor * u64::from(weight.max(1)));
                }
            }
        }
    }
}

impl Standing {
    /// Takes over a lane's speed when it was changed.
    fn follow(&mut self, speed: Option<u32>, now_millis: u64) {
        if self.speed.as_ref().map(TokenBucket::per_second) != speed {
            self.speed = speed.map(|per_second| TokenBucket::sliced(per_second, now_millis));
        }
    }
}
