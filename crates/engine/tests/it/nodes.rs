//! Several nodes that live: what they share, and what one does that counts on the others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::control::{AudienceSource, Channels as _, PriceLine, RouteConfig, RouteStep};
use domain::ids::{CampaignId, MessageId, RouteId};
use domain::lane::WindowClose;
use domain::message::{Category, MessageState};
use domain::money::Money;
use domain::nodes::{Duty, LeaseName, NODE_NUMBERS, NodeId, Nodes as _, Picture, Standing};
use domain::phone::Carrier;
use domain::time::Timestamp;
use engine::campaign::CampaignDraft;
use engine::{JoinError, Joining, Readiness};
use store::control::NodeDb;

use crate::accept::{ids, item, request};
use crate::files::people;
use crate::town::{CHANNEL, Resident, TAKEN_OVER, TIMING, Town, Written};

/// Changes of what lives reach everybody within this.
const SOON: Duration = Duration::from_secs(8);

/// Notices to so many people, each another one.
pub(crate) fn send(town: &Town, node: &Resident, first: u64, count: u64) -> Vec<MessageId> {
    let items = (first..first + count).map(|n| item(&format!("138{n:08}"), "包裹已到")).collect();
    ids(&node.run(node.engine.send(town.account, request(items, None))).unwrap())
}

pub(crate) fn seats(picture: &Picture, node: NodeId) -> usize {
    picture.seats(CHANNEL, node).len()
}

/// Waits until the nodes hold so many seats, and their connections are open.
#[track_caller]
pub(crate) fn seated(town: &Town, expected: &[(&Resident, usize)]) {
    town.until("seats and connections", SOON, || {
        let picture = town.picture();
        let held = expected.iter().all(|(node, count)| seats(&picture, node.node) == *count);
        let all = expected.iter().map(|(_, count)| count).sum::<usize>();
        (held && town.carrier.open() as usize == all).then_some(())
    });
}

/// Starts a campaign to so many people; returns when that is durable.
pub(crate) fn started(town: &Town, node: &Resident, count: u64, speed: Option<u32>) -> CampaignId {
    node.run(async {
        let pieces = futures::stream::iter([Ok::<_, std::io::Error>(people(0, count).into_bytes())]);
        let (import, proposal) = node.engine.upload(town.account, "list.csv", pieces).await.unwrap();
        let draft = CampaignDraft {
            name: "双十一".to_owned(),
            category: Category::Notice,
            signature: "鸿雁".to_owned(),
            template: None,
            text: Some("{{ 姓名 }}您好".to_owned()),
            audience: AudienceSource::File { upload: import.id, mapping: proposal.mapping() },
            test_numbers: Vec::new(),
            scheduled_at: None,
            speed,
            window_close: WindowClose::Hold,
            valid_for: None,
            route: None,
            canary: None,
            limits: None,
        };
        let campaign = node.engine.create_campaign(town.account, draft, None).await.unwrap();
        node.engine.preflight(town.account, campaign.id).await.unwrap();
        node.engine.start_campaign(town.account, campaign.id, None).await.unwrap();
        campaign.id
    })
}

/// The most messages that were written within any second.
fn most_in_a_second(written: &[Written]) -> usize {
    let times: Vec<u64> = written.iter().map(|written| written.at).collect();
    let within = |from: u64| times.iter().filter(|at| (from..from + 1_000).contains(*at)).count();
    times.iter().map(|from| within(*from)).max().unwrap_or(0)
}

fn written(town: &Town) -> Vec<Written> {
    town.carrier.seen().written.clone()
}

#[test]
fn a_channels_connections_and_rate_are_shared_and_never_exceeded() {
    const RATE: usize = 200;
    let town = Town::new(3, RATE as u32);
    let first = town.settle_in();
    seated(&town, &[(&first, 3)]);
    let second = town.settle_in();
    assert_ne!(first.node.number, second.node.number);
    town.until("shared", SOON, || (seats(&town.picture(), second.node) > 0).then_some(()));
    let (mine, theirs) = (seats(&town.picture(), first.node), seats(&town.picture(), second.node));
    assert_eq!((mine + theirs, mine.abs_diff(theirs)), (3, 1));
    seated(&town, &[(&first, mine), (&second, theirs)]);

    let sent = send(&town, &first, 0, 600);
    town.until("all written", Duration::from_secs(30), || (written(&town).len() == sent.len()).then_some(()));
    let all = written(&town);
    let by = |node| all.iter().filter(|written| written.node == node).count();
    assert!(by(first.node) > 100 && by(second.node) > 100, "{} and {}", by(first.node), by(second.node));
    let most = most_in_a_second(&all);
    assert!(most <= RATE + RATE / 25, "{most}: two bursts of a fiftieth beside the rate");

    second.kill(&town.carrier);
    let began = town.now_millis();
    town.until("the seats of the dead", TAKEN_OVER, || {
        (seats(&town.picture(), first.node) == 3).then_some(())
    });
    assert!(
        u128::from(town.now_millis() - began) >= (TIMING.silence - TIMING.beat).as_millis(),
        "not before"
    );
    seated(&town, &[(&first, 3)]);
    let third = town.settle_in();
    town.until("shared", SOON, || (seats(&town.picture(), third.node) > 0).then_some(()));
    first.stop();
    seated(&town, &[(&third, 3)]);
    let seen = town.carrier.seen();
    assert!(seen.most_open <= 3, "{} connections at once", seen.most_open);
    assert!(seen.most_rate <= RATE as u32, "{} parts per second in all", seen.most_rate);
}

#[test]
fn a_campaigns_speed_holds_over_all_nodes() {
    const SPEED: usize = 40;
    let town = Town::new(4, 1_000);
    let (first, second) = (town.settle_in(), town.settle_in());
    seated(&town, &[(&first, 2), (&second, 2)]);
    started(&town, &first, 160, Some(SPEED as u32));
    town.until("all written", Duration::from_secs(40), || (written(&town).len() == 160).then_some(()));
    let all = written(&town);
    let most = most_in_a_second(&all);
    assert!(most <= SPEED + SPEED / 2, "{most} in a second: the speed and what two nodes gather in 250 ms");
    let took = all.iter().map(|written| written.at).max().unwrap() - all[0].at;
    assert!(took >= 3_000, "{took} ms for four seconds' worth less the bursts");
}

#[test]
fn a_receipt_that_reaches_another_node_is_settled() {
    let town = Town::new(2, 1_000);
    let (first, second) = (town.settle_in(), town.settle_in());
    seated(&town, &[(&first, 1), (&second, 1)]);
    let sent = send(&town, &first, 0, 60);
    town.until("all written", SOON, || (written(&town).len() == sent.len()).then_some(()));
    let writers: BTreeSet<NodeId> = written(&town).iter().map(|written| written.node).collect();
    assert!(!writers.is_empty());
    for one in written(&town) {
        let other = if one.node == first.node { second.node } else { first.node };
        town.report(other, &one);
    }
    for id in sent {
        town.until("delivered", SOON, || (town.state(id) == MessageState::Delivered).then_some(()));
    }
}

#[test]
fn what_is_configured_on_one_node_holds_on_the_others() {
    let town = Town::new(2, 100);
    let (first, second) = (town.settle_in(), town.settle_in());
    seated(&town, &[(&first, 1), (&second, 1)]);
    assert_eq!(second.run(second.engine.routes()).unwrap().len(), 1, "and it keeps them in memory");
    let price = |node: &Resident| {
        node.run(node.engine.prices(town.account))
            .unwrap()
            .at(Category::Notice, Timestamp::default())
            .of_carrier(Carrier::Mobile)
    };
    assert_eq!(price(&second), Money::from_micros(45_000));
    let step = RouteStep::by_weight(vec![(CHANNEL, 1)]);
    let route = RouteConfig::for_all(RouteId(9), "another", vec![step]);
    first.run(first.engine.set_route(&route)).unwrap();
    let line = PriceLine::general(town.account, Money::from_micros(7));
    first.run(first.engine.set_prices(town.account, &[line])).unwrap();
    town.until("route and price", SOON, || {
        let routes = second.run(second.engine.routes()).unwrap().len();
        (routes == 2 && price(&second) == Money::from_micros(7)).then_some(())
    });
    let mut channel = town.desk.block_on(town.control.channels()).unwrap().remove(0);
    channel.connections = 6;
    first.run(first.engine.put_channel(&channel)).unwrap();
    seated(&town, &[(&first, 3), (&second, 3)]);
    channel.enabled = false;
    second.run(second.engine.put_channel(&channel)).unwrap();
    seated(&town, &[(&first, 0), (&second, 0)]);
}

#[test]
fn a_node_that_drains_owes_nothing_leaves_its_duties_and_says_so() {
    let town = Town::new(2, 500);
    let (first, second) = (town.settle_in(), town.settle_in());
    seated(&town, &[(&first, 1), (&second, 1)]);
    let duty = LeaseName::Duty(Duty::Campaigns);
    assert_eq!(town.picture().holder(duty), Some(first.node));
    let sent = send(&town, &first, 0, 100);
    assert_eq!(first.engine.readiness(), Readiness::Ready);
    assert_eq!(first.run(first.engine.drain(Duration::from_secs(20))), []);
    let until_then = written(&town).iter().filter(|written| written.node == first.node).count();
    assert_eq!(first.engine.readiness(), Readiness::Draining);
    town.until("taken over", SOON, || (town.picture().holder(duty) == Some(second.node)).then_some(()));
    town.until("the other sends the rest", SOON, || (written(&town).len() == sent.len()).then_some(()));
    let by_first = written(&town).iter().filter(|written| written.node == first.node).count();
    assert_eq!(by_first, until_then, "nothing was claimed while it drained");
    let first_node = first.node;
    first.stop();
    seated(&town, &[(&second, 2)]);
    let row = |picture: &Picture| picture.nodes.iter().find(|row| row.node == first_node).copied();
    town.until("freed", SOON, || row(&town.picture()).filter(|row| row.standing == Standing::Free));
}

#[test]
fn nodes_that_join_at_once_never_share_a_number() {
    let town = Town::new(1, 1);
    let folder = town.folder();
    let numbers: Vec<NodeId> = std::thread::scope(|threads| {
        let join = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let port = Arc::new(NodeDb::open(&folder).await.unwrap());
                let mut lives = Vec::new();
                for _ in 0..4 {
                    let joining = Joining::join(port.clone(), town.clock(), TIMING).await.unwrap();
                    lives.push(joining.node());
                }
                lives
            })
        };
        let threads: Vec<_> = (0..8).map(|_| threads.spawn(join)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let distinct: BTreeSet<u8> = numbers.iter().map(|node| node.number).collect();
    assert_eq!(distinct.len(), usize::from(NODE_NUMBERS));
    town.desk.block_on(async {
        let join = || Joining::join(town.nodes.clone(), town.clock(), TIMING);
        assert!(matches!(join().await.map(|_| ()), Err(JoinError::NoNumber)));
        let gone = numbers[5];
        assert!(town.nodes.end(gone, None).await.unwrap());
        assert!(matches!(join().await.map(|_| ()), Err(JoinError::NoNumber)), "its claims are not recovered");
        town.nodes.free(gone).await.unwrap();
        let next = join().await.unwrap();
        assert_eq!(next.node(), NodeId { epoch: gone.epoch + 1, ..gone });
        assert!(next.ids_after() >= town.clock().now(), "no id of the life before is made again");
        assert!(!town.nodes.beat(gone, town.clock().now()).await.unwrap(), "the life before has ended");
    });
}
