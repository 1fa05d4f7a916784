//! The scheduler against a small world of queues: nothing starves, nothing idles, nobody runs too fast.

mod choices;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::control::{ChannelConfig, Protocol, Quirks, RouteConfig, RouteStep, Secret};
use crate::ids::{AccountId, ChannelId, EntityId, GatewayId, LaneId, PartitionId, RouteId};
use crate::lane::{Lane, LaneState, Stream, WindowClose};
use crate::ledger::{Due, TakeOutcome};
use crate::message::{Category, Priority};
use crate::money::Money;
use crate::nodes::Home;
use crate::phone::Carrier;
use crate::time::Timestamp;

const DOWN: Condition = Condition::Down { trouble: Trouble::Disconnected, until_millis: None };
const NOW: i64 = 1_800_000_000_000;

fn channel(number: u16) -> ChannelConfig {
    ChannelConfig {
        id: ChannelId(number),
        gateway: GatewayId(number),
        name: String::new(),
        protocol: Protocol::Cmpp20,
        host: String::new(),
        port: 7890,
        login: String::new(),
        secret: Secret(String::new()),
        access_code: String::new(),
        service_id: String::new(),
        connections: 1,
        window: 16,
        parts_per_second: None,
        carriers: vec![Carrier::Mobile],
        categories: Category::ALL.to_vec(),
        cost: Money::ZERO,
        enabled: true,
        quirks: Quirks::default(),
        provider: None,
    }
}

fn route(steps: &[&[(u16, u16)]]) -> RouteConfig {
    let step = |step: &&[(u16, u16)]| {
        RouteStep::by_weight(step.iter().map(|(channel, weight)| (ChannelId(*channel), *weight)).collect())
    };
    RouteConfig::for_all(RouteId(1), "", steps.iter().map(step).collect())
}

fn lane(number: i64, category: Category, speed: Option<u32>) -> Lane {
    Lane {
        id: LaneId::from_raw(number),
        account: AccountId::from_raw(1),
        entity: EntityId::from_raw(1),
        campaign: None,
        route: RouteId(1),
        priority: Priority::from(category),
        category,
        state: LaneState::Open,
        speed,
        window_close: WindowClose::Hold,
        held_words_approved: false,
        version: 0,
    }
}

/// Queues by stream and partition, and what has been taken from each lane.
struct World {
    scheduler: Scheduler,
    lanes: HashMap<LaneId, Lane>,
    queues: HashMap<(PartitionId, Stream), u32>,
    route: RouteConfig,
    channels: Vec<(ChannelConfig, bool, u32)>,
    taken: HashMap<LaneId, u32>,
    carried: HashMap<ChannelId, u32>,
    now: u64,
}

impl World {
    fn new(route: RouteConfig, lanes: Vec<Lane>) -> Self {
        let mut ids: Vec<ChannelId> =
            route.steps.iter().flat_map(|step| &step.channels).map(|c| c.0).collect();
        ids.sort();
        Self {
            scheduler: Scheduler::default(),
            lanes: lanes.into_iter().map(|lane| (lane.id, lane)).collect(),
            queues: HashMap::new(),
            route,
            channels: ids.into_iter().map(|id| (channel(id.0), true, 0)).collect(),
            taken: HashMap::new(),
            carried: HashMap::new(),
            now: 0,
        }
    }

    fn queue(&mut self, lane: i64, avoid: Option<u16>, partition: u16, messages: u32) {
        let stream = Stream { lane: LaneId::from_raw(lane), carrier: None, avoid: avoid.map(ChannelId) };
        *self.queues.entry((PartitionId(partition), stream)).or_default() += messages;
    }

    fn plan(&mut self, channel: u16, parts: u32) -> Step {
        let earliest = Timestamp::from_millis(NOW);
        let mut due: Vec<Due> = self
            .queues
            .iter()
            .filter(|(_, waiting)| **waiting > 0)
            .map(|(&(partition, stream), _)| Due { partition, stream, earliest })
            .collect();
        due.sort_by_key(|due| (due.partition, due.stream));
        let channels: Vec<ChannelNow<'_>> = self
            .channels
            .iter()
            .map(|(config, usable, free_parts)| ChannelNow {
                config,
                condition: if *usable { Condition::Up } else { DOWN },
                free_parts: *free_parts,
                delivered_percent: None,
            })
            .collect();
        let offer = Offer {
            channel: ChannelId(channel),
            parts,
            reserved: 0,
            now: Timestamp::from_millis(NOW),
            now_millis: self.now,
            due: &due,
            home: Home::EVERYWHERE,
            routes: std::slice::from_ref(&self.route),
            channels: &channels,
        };
        self.scheduler.plan(offer, |id| self.lanes.get(&id))
    }

    /// Offers capacity until it is used up or nothing may be claimed; returns what is left of it.
    fn offer(&mut self, channel: u16, mut parts: u32) -> u32 {
        while let Step::Claim(plan) = self.plan(channel, parts) {
            let (mut room, mut outcomes) = (plan.max_parts, Vec::new());
            for take in &plan.takes {
                let waiting = self.queues.entry((plan.partition, take.stream)).or_default();
                let taken = take.limit.min(*waiting).min(room);
                *waiting -= taken;
                room -= taken;
                outcomes.push(TakeOutcome { outgoing: taken, handled: taken });
                *self.taken.entry(take.stream.lane).or_default() += taken;
            }
            let sent = plan.max_parts - room;
            parts -= sent;
            *self.carried.entry(plan.channel).or_default() += sent;
            self.scheduler.served(&plan, &outcomes);
            if parts == 0 {
                break;
            }
        }
        parts
    }

    fn set(&mut self, channel: u16, usable: bool, free: u32) {
        let found = self.channels.iter_mut().find(|(config, ..)| config.id == ChannelId(channel)).unwrap();
        (found.1, found.2) = (usable, free);
    }

    fn taken(&self, lane: i64) -> u32 {
        self.taken.get(&LaneId::from_raw(lane)).copied().unwrap_or(0)
    }

    fn carried(&self, channel: u16) -> u32 {
        self.carried.get(&ChannelId(channel)).copied().unwrap_or(0)
    }
}

#[test]
fn small_lanes_that_share_every_claim_with_a_huge_one_are_soon_done() {
    let lanes = (1..=3).map(|number| lane(number, Category::Marketing, None)).collect();
    let mut world = World::new(route(&[&[(1, 1)]]), lanes);
    for partition in 0..8 {
        world.queue(1, None, partition, 100_000);
        (2..=3).for_each(|small| world.queue(small, None, partition, 25));
    }
    (0..40).for_each(|_| assert_eq!(world.offer(1, 200), 0));
    assert_eq!((world.taken(2), world.taken(3)), (200, 200));
}

#[test]
fn a_small_campaign_is_not_held_up_by_a_huge_one() {
    let lanes = vec![lane(1, Category::Marketing, None), lane(2, Category::Marketing, None)];
    let mut world = World::new(route(&[&[(1, 1)]]), lanes);
    for partition in 0..8 {
        world.queue(1, None, partition, 100_000);
    }
    (0..50).for_each(|_| assert_eq!(world.offer(1, 200), 0));
    (0..8).for_each(|partition| world.queue(2, None, partition, 25));
    (0..9).for_each(|_| assert_eq!(world.offer(1, 200), 0));
    assert_eq!(world.taken(2), 200);
    assert_eq!(world.taken(1), 59 * 200 - 200, "the rest of the capacity went on");
}

#[test]
fn a_code_goes_before_everything_in_any_partition() {
    let lanes = vec![
        lane(1, Category::Marketing, None),
        lane(2, Category::Otp, None),
        lane(3, Category::Notice, None),
    ];
    let mut world = World::new(route(&[&[(1, 1)]]), lanes);
    for partition in 0..4 {
        world.queue(1, None, partition, 1_000);
        world.queue(3, None, partition, 1);
    }
    world.queue(2, None, 2, 1);
    world.queue(2, None, 3, 1);
    let Step::Claim(plan) = world.plan(1, 100) else { panic!("a claim was due") };
    assert_eq!(plan.takes.len(), 1, "marketing waits while the other partition has a code");
    world.scheduler.served(&plan, &[]);
    assert_eq!(world.offer(1, 2), 0);
    assert_eq!((world.taken(2), world.taken(3), world.taken(1)), (2, 0, 0));
    assert_eq!(world.offer(1, 4), 0);
    assert_eq!((world.taken(3), world.taken(1)), (4, 0));
}

#[test]
fn partitions_take_turns() {
    let mut world = World::new(route(&[&[(1, 1)]]), vec![lane(1, Category::Marketing, None)]);
    (0..8).for_each(|partition| world.queue(1, None, partition, 1_000));
    (0..16).for_each(|_| assert_eq!(world.offer(1, 50), 0));
    let lane = LaneId::from_raw(1);
    for partition in 0..8 {
        assert_eq!(world.queues[&(PartitionId(partition), Stream { lane, carrier: None, avoid: None })], 900);
    }
}

#[test]
fn the_first_step_carries_until_it_fails_and_retries_avoid_their_channel() {
    let mut world = World::new(route(&[&[(1, 1)], &[(2, 1)]]), vec![lane(1, Category::Notice, None)]);
    world.queue(1, None, 0, 10);
    assert_eq!(world.offer(2, 5), 5, "the backup waits while the first step can");
    world.set(1, false, 0);
    assert_eq!(world.offer(2, 5), 0);
    world.set(1, true, 10);
    world.queue(1, Some(1), 0, 3);
    assert_eq!(world.offer(1, 20), 15, "the failed channel leaves the retries to the other one");
    assert_eq!(world.offer(2, 20), 17);
    world.queue(1, Some(1), 0, 3);
    world.set(2, false, 0);
    assert_eq!(world.offer(1, 20), 17, "but takes them when there is no other");
}

#[test]
fn channels_of_a_step_share_by_weight_while_both_have_room() {
    let mut world = World::new(route(&[&[(1, 3), (2, 1)]]), vec![lane(1, Category::Notice, None)]);
    world.queue(1, None, 0, 100_000);
    (1..=2).for_each(|channel| world.set(channel, true, 100));
    for _ in 0..200 {
        world.offer(1, 100);
        world.offer(2, 100);
    }
    let (three, one) = (world.carried(1), world.carried(2));
    assert!(three > one * 5 / 2 && three < one * 7 / 2, "{three} and {one}");
    assert!(matches!(world.plan(1, 100), Step::Claim(_)) || matches!(world.plan(2, 100), Step::Claim(_)));
    // A channel without room keeps nobody waiting, and gathers no credit meanwhile.
    world.set(1, true, 0);
    (0..100).for_each(|_| assert_eq!(world.offer(2, 100), 0));
    world.set(1, true, 100);
    let before = world.carried(2);
    for _ in 0..20 {
        world.offer(1, 100);
        world.offer(2, 100);
    }
    assert!(world.carried(2) - before >= 500, "no catching up on what it could not carry");
}

#[test]
fn a_lane_with_a_speed_keeps_it_and_says_when_to_ask_again() {
    let mut world = World::new(route(&[&[(1, 1)]]), vec![lane(1, Category::Marketing, Some(40))]);
    (0..4).for_each(|partition| world.queue(1, None, partition, 1_000));
    assert_eq!(world.plan(1, 100), Step::Wait { millis: 25 });
    for _ in 0..10_000 {
        world.now += 1;
        world.offer(1, 100);
    }
    assert_eq!(world.taken(1), 400);
    world.lanes.get_mut(&LaneId::from_raw(1)).unwrap().speed = None;
    assert_eq!(world.offer(1, 100), 0, "a lifted limit acts at once");
}

#[test]
fn paused_lanes_and_other_categories_are_left_alone() {
    let mut world = World::new(route(&[&[(1, 1)]]), vec![lane(1, Category::Marketing, None)]);
    world.queue(1, None, 0, 10);
    world.channels[0].0.categories = vec![Category::Otp];
    assert_eq!(world.plan(1, 10), Step::Idle);
    world.channels[0].0.categories = vec![Category::Marketing];
    world.lanes.get_mut(&LaneId::from_raw(1)).unwrap().state = LaneState::Paused;
    assert_eq!(world.plan(1, 10), Step::Idle);
    world.lanes.get_mut(&LaneId::from_raw(1)).unwrap().state = LaneState::Open;
    world.channels[0].0.categories = Vec::new();
    assert_ne!(world.plan(1, 10), Step::Idle, "a channel without a list serves all categories");
}

#[test]
fn a_route_leads_where_its_channels_do_and_keeps_carriers_apart_only_where_they_differ() {
    let route = route(&[&[(1, 1), (2, 5)], &[(3, 1)]]);
    let reaching =
        |number: u16, carriers: &[Carrier]| ChannelConfig { carriers: carriers.to_vec(), ..channel(number) };
    let (mobile, unicom) = (Carrier::Mobile, Carrier::Unicom);
    let reach = |channels: &[ChannelConfig]| Reach::of(&route, channels, Category::Otp);
    let led_to = |reach: Reach| Carrier::ALL.into_iter().filter(|to| reach.leads_to(*to)).collect::<Vec<_>>();

    let same = reach(&[reaching(1, &[mobile, unicom]), reaching(3, &[unicom, mobile]), reaching(9, &[])]);
    assert_eq!((led_to(same), same.is_by_carrier()), (vec![mobile, unicom], false), "9 is not on the route");
    let other = reach(&[reaching(1, &[mobile]), reaching(2, &[mobile]), reaching(3, &[unicom])]);
    assert_eq!((led_to(other), other.is_by_carrier()), (vec![mobile, unicom], true));
    let wider = reach(&[reaching(1, &[]), reaching(2, &[mobile])]);
    assert_eq!((led_to(wider), wider.is_by_carrier()), (Carrier::ALL.to_vec(), true));
    let codes_only = ChannelConfig { categories: vec![Category::Marketing], ..reaching(3, &[unicom]) };
    let apart = reach(&[reaching(1, &[mobile]), codes_only]);
    assert_eq!((led_to(apart), apart.is_by_carrier()), (vec![mobile], false), "it carries no codes");
    let off = ChannelConfig { enabled: false, ..reaching(1, &[mobile]) };
    assert_eq!(led_to(reach(&[off])), [mobile], "what is switched off is waited for");
    assert_eq!((led_to(reach(&[])), reach(&[]).is_by_carrier()), (vec![], false));
}

#[test]
fn a_stream_of_a_carrier_is_for_channels_that_reach_it() {
    let (mobile, unicom) = (Some(Carrier::Mobile), Some(Carrier::Unicom));
    let mut world = World::new(route(&[&[(1, 1), (2, 1)], &[(3, 1)]]), vec![lane(1, Category::Notice, None)]);
    world.channels[1].0.carriers = vec![Carrier::Unicom];
    world.channels[2].0.carriers = Vec::new();
    (1..=3).for_each(|channel| world.set(channel, true, 100));
    let queue = |world: &mut World, carrier, avoid: Option<u16>| {
        let stream = Stream { lane: LaneId::from_raw(1), carrier, avoid: avoid.map(ChannelId) };
        *world.queues.entry((PartitionId(0), stream)).or_default() += 5;
    };
    queue(&mut world, mobile, None);
    queue(&mut world, unicom, None);
    assert_eq!(world.offer(3, 20), 20, "the first step can");
    assert_eq!((world.offer(1, 20), world.offer(1, 20)), (15, 20), "each takes its own and no more");
    assert_eq!((world.offer(2, 20), world.offer(2, 20)), (15, 20));

    queue(&mut world, unicom, Some(2));
    assert_eq!(world.offer(1, 20), 20, "a retry stays with its carrier");
    assert_eq!((world.offer(2, 20), world.offer(3, 20)), (20, 15), "and goes to the next step");
    queue(&mut world, unicom, Some(2));
    world.set(3, false, 0);
    assert_eq!((world.offer(1, 20), world.offer(2, 20)), (20, 15), "or back, when no other one reaches it");

    queue(&mut world, mobile, None);
    queue(&mut world, unicom, None);
    world.set(1, false, 0);
    assert_eq!((world.offer(2, 20), world.offer(2, 20)), (15, 20), "what no channel reaches waits");
    world.set(3, true, 20);
    assert_eq!(world.offer(3, 20), 15, "and fails over by itself");
}

#[test]
fn a_campaign_that_waits_by_carrier_has_one_share_and_one_speed() {
    let lanes = || vec![lane(1, Category::Notice, None), lane(2, Category::Notice, None)];
    let queue = |world: &mut World| {
        for carrier in Carrier::ALL {
            let stream = Stream { lane: LaneId::from_raw(1), carrier: Some(carrier), avoid: None };
            *world.queues.entry((PartitionId(0), stream)).or_default() += 10_000;
        }
    };
    let mut world = World::new(route(&[&[(1, 1)]]), lanes());
    world.channels[0].0.carriers = Vec::new();
    queue(&mut world);
    world.queue(2, None, 0, 50_000);
    (0..40).for_each(|_| assert_eq!(world.offer(1, 100), 0));
    assert!(world.taken(1).abs_diff(world.taken(2)) <= 100, "{} and {}", world.taken(1), world.taken(2));

    let mut world = World::new(route(&[&[(1, 1), (2, 1)]]), vec![lane(1, Category::Marketing, Some(40))]);
    world.channels[0].0.carriers = vec![Carrier::Mobile, Carrier::Broadnet];
    world.channels[1].0.carriers = vec![Carrier::Unicom, Carrier::Telecom, Carrier::Foreign];
    (1..=2).for_each(|channel| world.set(channel, true, 100));
    queue(&mut world);
    assert_eq!(world.plan(2, 100), Step::Wait { millis: 25 });
    for _ in 0..10_000 {
        world.now += 1;
        world.offer(1, 100);
        world.offer(2, 100);
    }
    assert_eq!(world.taken(1), 400);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is queued where: capacity is used while anything waits, lanes that always have work stay within a
    /// claim per lane of each other, and in the end every queue is empty. (A claim is of one partition: what its first
    /// lane leaves of it goes to whoever waits there, though another lane waits elsewhere. Each lane is first once
    /// before any is first again.)
    #[test]
    fn work_is_conserved_and_nobody_starves(
        queues in proptest::collection::vec(
            (1..6_i64, 0..4_u16, 1..400_u32, any::<bool>(), proptest::option::of(0..5_usize)), 1..20),
        parts in 1..100_u32,
    ) {
        let lanes = (1..6).map(|number| lane(number, Category::Notice, None)).collect();
        let mut world = World::new(route(&[&[(1, 1)], &[(2, 1)]]), lanes);
        world.channels[0].0.carriers = Vec::new();
        for &(lane, partition, messages, retry, carrier) in &queues {
            let carrier = carrier.map(|place| Carrier::ALL[place]);
            let stream = Stream { lane: LaneId::from_raw(lane), carrier, avoid: retry.then_some(ChannelId(2)) };
            *world.queues.entry((PartitionId(partition), stream)).or_default() += messages;
        }
        let total: u32 = queues.iter().map(|(_, _, messages, ..)| messages).sum();
        let waiting = |world: &World, lane: i64| -> u32 {
            world.queues.iter().filter(|((_, s), _)| s.lane == LaneId::from_raw(lane)).map(|(_, n)| n).sum()
        };
        let mut left = total;
        while left > 0 {
            let used = parts - world.offer(1, parts);
            prop_assert_eq!(used, parts.min(left), "capacity idles while {} wait", left);
            left -= used;
            let busy: Vec<u32> =
                (1..6).filter(|&lane| waiting(&world, lane) > 0).map(|lane| world.taken(lane)).collect();
            if let (Some(least), Some(most)) = (busy.iter().min(), busy.iter().max()) {
                prop_assert!(most - least <= 5 * parts, "{:?} with {} a claim", busy, parts);
            }
        }
    }
}
