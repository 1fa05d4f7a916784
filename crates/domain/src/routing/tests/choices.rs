//! Which route traffic takes, which channel of it goes first, and what is said of the others.

use super::*;
use crate::control::{Misfit, Pick, RouteScope, Traffic, choose_route};
use crate::nodes::{NodeId, NodeRow, Picture, Standing};
use crate::phone::{Country, Phone};

fn now(config: &ChannelConfig, condition: Condition) -> ChannelNow<'_> {
    ChannelNow { config, condition, free_parts: 10, delivered_percent: None }
}

fn verdicts(route: &RouteConfig, channels: &[ChannelNow<'_>], avoid: Option<u16>) -> Vec<Verdict> {
    let considered = route.explain(Some(Carrier::Mobile), avoid.map(ChannelId), Category::Notice, channels);
    considered.into_iter().map(|considered| considered.verdict).collect()
}

#[test]
fn every_channel_of_a_route_is_explained() {
    let route = route(&[&[(1, 1), (2, 1)], &[(3, 1), (4, 1), (9, 1)]]);
    let configs: Vec<_> = (1..=4).map(channel).collect();
    let all = |conditions: [Condition; 4]| -> Vec<ChannelNow<'_>> {
        configs.iter().zip(conditions).map(|(config, condition)| now(config, condition)).collect()
    };
    let up = Condition::Up;
    let missing = Verdict::Barred(Bar::Missing);
    assert_eq!(
        verdicts(&route, &all([up; 4]), None),
        [Verdict::Carries, Verdict::Carries, Verdict::LaterStep, Verdict::LaterStep, missing]
    );
    let down = Verdict::Barred(Bar::Down(Trouble::Disconnected));
    assert_eq!(
        verdicts(&route, &all([DOWN, up, up, up]), Some(2)),
        [down, Verdict::LastResort, Verdict::Carries, Verdict::Carries, missing]
    );
    let back = Condition::Recovering { allowance: 0 };
    assert_eq!(
        verdicts(&route, &all([back, back, up, back]), None),
        [Verdict::LastResort, Verdict::LastResort, Verdict::Carries, Verdict::LastResort, missing]
    );
    assert_eq!(
        verdicts(&route, &all([back, DOWN, DOWN, DOWN]), None)[0],
        Verdict::Carries,
        "what has just come back carries on when it is alone"
    );
}

#[test]
fn what_bars_a_channel_is_named() {
    let mut route = route(&[&[(1, 1), (2, 1), (3, 1), (4, 1)]]);
    route.ceiling = Some(Money::from_micros(30_000));
    let off = ChannelConfig { enabled: false, ..channel(1) };
    let codes = ChannelConfig { categories: vec![Category::Otp], ..channel(2) };
    let unicom = ChannelConfig { carriers: vec![Carrier::Unicom], ..channel(3) };
    let dear = ChannelConfig { cost: Money::from_micros(30_001), ..channel(4) };
    let channels: Vec<_> = [&off, &codes, &unicom, &dear].map(|config| now(config, Condition::Up)).into();
    let barred = [Bar::SwitchedOff, Bar::Category, Bar::Carrier, Bar::TooDear].map(Verdict::Barred);
    assert_eq!(verdicts(&route, &channels, None), barred);
    let mobile = |route: &RouteConfig| {
        Reach::of(route, std::slice::from_ref(&dear), Category::Otp).leads_to(Carrier::Mobile)
    };
    assert!(!mobile(&route), "nothing is accepted for a channel that may never claim it");
    route.steps[0].above_ceiling = true;
    assert_eq!(verdicts(&route, &channels, None)[3], Verdict::Carries);
    assert!(mobile(&route));
}

#[test]
fn a_step_can_prefer_the_cheapest_or_the_best_while_it_has_room() {
    let mut route = route(&[&[(1, 1), (2, 1)]]);
    let (dear, cheap) = (ChannelConfig { cost: Money::from_micros(9), ..channel(1) }, channel(2));
    let mut channels = [now(&dear, Condition::Up), now(&cheap, Condition::Up)];
    route.steps[0].pick = Pick::Cost;
    assert_eq!(verdicts(&route, &channels, None), [Verdict::Waits, Verdict::Carries]);
    channels[1].free_parts = 0;
    assert_eq!(verdicts(&route, &channels, None)[0], Verdict::Carries, "capacity is not left unused");

    route.steps[0].pick = Pick::Quality;
    channels[1].free_parts = 10;
    let mut with = |first, second| {
        (channels[0].delivered_percent, channels[1].delivered_percent) = (first, second);
        verdicts(&route, &channels, None)
    };
    assert_eq!(with(Some(91), Some(95)), [Verdict::Waits, Verdict::Carries]);
    assert_eq!(with(Some(94), Some(95)), [Verdict::Carries, Verdict::Carries], "less is chance");
    assert_eq!(with(None, Some(95)), [Verdict::Carries, Verdict::Waits], "what is not known is tried");
}

#[test]
fn traffic_takes_the_first_route_that_is_for_it() {
    let account = AccountId::from_raw(1);
    let scoped = |id: u16, scope| RouteConfig { id: RouteId(id), scope, ..route(&[]) };
    let all = RouteScope::default;
    let routes = [
        scoped(1, RouteScope { accounts: vec![AccountId::from_raw(2)], ..all() }),
        scoped(2, RouteScope { categories: vec![Category::Otp], ..all() }),
        scoped(3, RouteScope { signatures: vec!["鸿雁商城".to_owned()], ..all() }),
        scoped(4, RouteScope { carriers: vec![Carrier::Unicom], ..all() }),
        scoped(5, RouteScope { countries: vec![Country::from_code("DE").unwrap()], ..all() }),
    ];
    let phone = |raw| Some(Phone::parse(raw, Country::CN).unwrap());
    let traffic = |category, signature, phone| Traffic {
        account,
        category,
        signature,
        phone,
        carrier: phone.map(Phone::carrier),
    };
    let chosen = |traffic| choose_route(&routes, &traffic).map(|route| route.id.0);
    let (otp, notice) = (Category::Otp, Category::Notice);
    assert_eq!(chosen(traffic(otp, Some("鸿雁商城"), None)), Some(2), "the first one counts");
    assert_eq!(chosen(traffic(notice, Some("鸿雁商城"), None)), Some(3));
    assert_eq!(chosen(traffic(notice, Some("别家"), phone("13000000001"))), Some(4));
    assert_eq!(chosen(traffic(notice, None, phone("+4915123456789"))), Some(5));
    assert_eq!(chosen(traffic(notice, None, phone("13800000001"))), None);
    assert_eq!(chosen(traffic(notice, None, None)), None, "many phones take no route for some of them");
    let misfits = routes.each_ref().map(|route| route.scope.misfit(&traffic(notice, None, None)));
    let expected = [Misfit::Account, Misfit::Category, Misfit::Signature, Misfit::Carrier, Misfit::Country];
    assert_eq!(misfits, expected.map(Some));
}

#[test]
fn what_comes_back_leaves_the_rest_to_the_backup() {
    let mut world = World::new(route(&[&[(1, 1)], &[(2, 1)]]), vec![lane(1, Category::Notice, None)]);
    world.queue(1, None, 0, 100);
    let due = Due {
        partition: PartitionId(0),
        stream: Stream { lane: LaneId::from_raw(1), carrier: Some(Carrier::Mobile), avoid: None },
        earliest: Timestamp::from_millis(NOW),
    };
    let permitted = |first: Condition, asking: u16| {
        let (main, backup) = (channel(1), channel(2));
        let channels = [now(&main, first), now(&backup, Condition::Up)];
        let route = route(&[&[(1, 1)], &[(2, 1)]]);
        let offer = Offer {
            channel: ChannelId(asking),
            parts: 10,
            reserved: 0,
            now: Timestamp::from_millis(NOW),
            now_millis: 0,
            due: std::slice::from_ref(&due),
            home: Home::EVERYWHERE,
            routes: std::slice::from_ref(&route),
            channels: &channels,
        };
        matches!(Scheduler::default().plan(offer, |id| world.lanes.get(&id)), Step::Claim(_))
    };
    let with = |allowance| Condition::Recovering { allowance };
    assert!(permitted(with(5), 1) && !permitted(with(5), 2), "its part is its own");
    assert!(!permitted(with(0), 1) && permitted(with(0), 2), "and the rest the backup's");
}

#[test]
fn some_of_every_channel_is_kept_for_emergencies() {
    let emergency = Lane { priority: Priority::Emergency, ..lane(2, Category::Notice, None) };
    let world = World::new(route(&[&[(1, 1)]]), vec![lane(1, Category::Otp, None), emergency]);
    let due = |lane| Due {
        partition: PartitionId(0),
        stream: Stream { lane: LaneId::from_raw(lane), carrier: None, avoid: None },
        earliest: Timestamp::from_millis(NOW),
    };
    let plan = |parts, due: &[Due]| {
        let config = channel(1);
        let offer = Offer {
            channel: ChannelId(1),
            parts,
            reserved: 4,
            now: Timestamp::from_millis(NOW),
            now_millis: 0,
            due,
            home: Home::EVERYWHERE,
            routes: std::slice::from_ref(&world.route),
            channels: &[now(&config, Condition::Up)],
        };
        match Scheduler::default().plan(offer, |id| world.lanes.get(&id)) {
            Step::Claim(plan) => Some((plan.takes.len(), plan.max_parts)),
            Step::Wait { .. } | Step::Idle => None,
        }
    };
    assert_eq!(plan(10, &[due(1)]), Some((1, 6)));
    assert_eq!(plan(4, &[due(1)]), None);
    assert_eq!(plan(4, &[due(2)]), Some((1, 4)));
    assert_eq!(plan(10, &[due(1), due(2)]), Some((1, 10)), "others do not come along into what is kept");
}

#[test]
fn what_waits_at_home_goes_before_what_is_as_urgent_elsewhere() {
    let emergency = Lane { priority: Priority::Emergency, ..lane(2, Category::Notice, None) };
    let world = World::new(route(&[&[(1, 1)]]), vec![lane(1, Category::Otp, None), emergency]);
    let due = |partition, lane| Due {
        partition: PartitionId(partition),
        stream: Stream { lane: LaneId::from_raw(lane), carrier: None, avoid: None },
        earliest: Timestamp::from_millis(NOW),
    };
    let node = |number| NodeId { number, epoch: 1 };
    let row = |number| NodeRow {
        node: node(number),
        standing: Standing::Live,
        beat: 0,
        clock: Timestamp::from_millis(NOW),
    };
    let picture = Picture { nodes: vec![row(3), row(7)], ..Picture::default() };
    let planned = |number, due: &[Due]| {
        let config = channel(1);
        let offer = Offer {
            channel: ChannelId(1),
            parts: 10,
            reserved: 0,
            now: Timestamp::from_millis(NOW),
            now_millis: 0,
            due,
            home: Home::of(node(number), &picture),
            routes: std::slice::from_ref(&world.route),
            channels: &[now(&config, Condition::Up)],
        };
        match Scheduler::default().plan(offer, |id| world.lanes.get(&id)) {
            Step::Claim(plan) => Some(plan.partition.0),
            Step::Wait { .. } | Step::Idle => None,
        }
    };
    let waiting = [due(0, 1), due(1, 1)];
    assert_eq!((planned(3, &waiting), planned(7, &waiting)), (Some(0), Some(1)));
    assert_eq!(planned(7, &waiting[..1]), Some(0), "whoever has nothing at home helps");
    assert_eq!(planned(7, &[due(0, 2), due(1, 1)]), Some(0), "urgency comes first");
    assert_eq!(planned(9, &waiting), Some(0), "a node that is not among them has no home");
}
