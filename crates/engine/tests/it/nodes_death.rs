//! Nodes that die, or are taken for dead.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::control::{Campaigns as _, ControlError, ImportState, Imports as _};
use domain::ids::{CampaignId, MessageId};
use domain::ledger::{Ledger as _, MessageFilter};
use domain::message::MessageState;
use domain::nodes::{Duty, Lease, LeaseName, NodeId, Picture, Standing};
use engine::import::ImportOrder;
use engine::{ImportError, Readiness};

use crate::files::people;
use crate::nodes::{seated, seats, send, started};
use crate::town::{Resident, TAKEN_OVER, Town};

const PEOPLE: u64 = 30_000;

fn standing(picture: &Picture, node: NodeId) -> Option<Standing> {
    picture.nodes.iter().find(|row| row.node == node).map(|row| row.standing)
}

/// Everything of a node was taken over: its number is free, its duties and seats are another's.
fn is_replaced(picture: &Picture, gone: NodeId, by: NodeId) -> bool {
    let duties = Duty::ALL.iter().all(|duty| picture.holder(LeaseName::Duty(*duty)) == Some(by));
    duties && standing(picture, gone) == Some(Standing::Free)
}

#[test]
fn a_node_that_was_frozen_comes_back_to_find_itself_replaced_and_does_nothing() {
    let town = Town::new(2, 100);
    let first = town.settle_in();
    let second = town.settle_in();
    seated(&town, &[(&first, 1), (&second, 1)]);
    let sent = send(&town, &first, 0, 300);
    let by_first = || town.carrier.seen().written.iter().filter(|written| written.node == first.node).count();
    town.until("it sends", Duration::from_secs(5), || (by_first() > 20).then_some(()));
    let frozen = first.freeze();
    let before = by_first();
    town.until("replaced", TAKEN_OVER, || {
        let picture = town.picture();
        let seated = seats(&picture, second.node) == 2;
        (seated && is_replaced(&picture, first.node, second.node)).then_some(())
    });
    drop(frozen);
    first
        .run(async { tokio::time::timeout(Duration::from_secs(5), first.engine.replaced()).await })
        .expect("it notices");
    assert_eq!(first.engine.readiness(), Readiness::Detached);
    let on_the_way = [MessageState::Queued, MessageState::Sending];
    for id in &sent {
        town.until("sent", Duration::from_secs(20), || {
            (!on_the_way.contains(&town.state(*id))).then_some(())
        });
    }
    assert_eq!(by_first(), before, "it wrote nothing after it was frozen");
    let mut times: BTreeMap<MessageId, (u32, u32)> = BTreeMap::new();
    for written in &town.carrier.seen().written {
        let (unmarked, marked) = times.entry(written.message).or_default();
        *(if written.marked { marked } else { unmarked }) += 1;
    }
    assert_eq!(times.len(), sent.len(), "everybody got theirs");
    assert!(times.values().all(|(unmarked, _)| *unmarked <= 1), "nothing twice without a mark");
    let next = town.settle_in();
    assert!(next.node.number != first.node.number && next.node.number != second.node.number);
    first.stop();
    assert_eq!(standing(&town.picture(), second.node), Some(Standing::Live));
}

#[test]
fn a_node_that_cannot_renew_closes_its_connections_before_others_open_theirs() {
    let town = Town::new(4, 200);
    let (first, second) = (town.settle_in(), town.settle_in());
    seated(&town, &[(&first, 2), (&second, 2)]);
    // For a moment: nobody is taken for dead, and it goes on.
    second.cut_off(true);
    town.until("it waits", TAKEN_OVER, || (second.engine.readiness() == Readiness::Detached).then_some(()));
    town.until("and lets go", TAKEN_OVER, || (town.carrier.open() == 2).then_some(()));
    second.cut_off(false);
    seated(&town, &[(&first, 2), (&second, 2)]);
    assert_eq!(second.engine.readiness(), Readiness::Ready);
    // For good: the others take over.
    second.cut_off(true);
    town.until("taken over", TAKEN_OVER, || (seats(&town.picture(), first.node) == 4).then_some(()));
    town.until("connected", TAKEN_OVER, || (town.carrier.open() == 4).then_some(()));
    assert!(town.carrier.seen().most_open <= 4, "never more than the carrier allows");
    let sent = send(&town, &first, 0, 40);
    town.until("sent", TAKEN_OVER, || (town.carrier.seen().written.len() == sent.len()).then_some(()));
    assert!(town.carrier.seen().written.iter().all(|written| written.node == first.node));
    second.cut_off(false);
    let replaced = async { tokio::time::timeout(TAKEN_OVER, second.engine.replaced()).await };
    second.run(replaced).expect("it hears that it was replaced");
}

#[test]
fn an_import_whose_node_dies_is_failed_and_another_one_is_left_alone() {
    let town = Town::new(1, 10);
    let (first, second) = (town.settle_in(), town.settle_in());
    seated(&town, &[(&first, 0), (&second, 1)]);
    let import = |node: &Resident, from: u64, count: u64| {
        node.run(async {
            let pieces = futures::stream::iter([Ok::<_, std::io::Error>(people(from, count).into_bytes())]);
            let (import, proposal) = node.engine.upload(town.account, "list.csv", pieces).await.unwrap();
            let order = ImportOrder {
                mapping: proposal.mapping(),
                tags: vec!["all".to_owned()],
                source: "test".to_owned(),
                basis: None,
            };
            (import.id, order)
        })
    };
    let import = |node: &Resident, from: u64, count: u64| {
        let (id, order) = import(node, from, count);
        // A heartbeat may be late while the file is taken in.
        town.until("it starts", TAKEN_OVER, || {
            match node.run(node.engine.start_import(town.account, id, order.clone())) {
                Ok(_) => Some(()),
                Err(ImportError::Control(ControlError::Unavailable(_))) => None,
                Err(error) => panic!("{error}"),
            }
        });
        (id, order)
    };
    let (theirs, _) = import(&second, 0, 60_000);
    let (lost, order) = import(&first, 1_000_000, 200_000);
    let elsewhere = second.run(second.engine.start_import(town.account, lost, order));
    assert!(matches!(elsewhere, Err(ImportError::AlreadyStarted { .. })), "one node reads it");
    first.kill(&town.carrier);
    let state = |id| town.desk.block_on(town.control.import(town.account, id)).unwrap().unwrap().state;
    town.until("failed", TAKEN_OVER, || (state(lost) == ImportState::Failed).then_some(()));
    town.until("finished", Duration::from_secs(60), || {
        assert_ne!(state(theirs), ImportState::Failed);
        (state(theirs) == ImportState::Finished).then_some(())
    });
    town.until("forgotten", TAKEN_OVER, || {
        let of_import = |lease: &Lease| matches!(lease.name, LeaseName::Import(_));
        (!town.picture().leases.iter().any(of_import)).then_some(())
    });
}

fn is_expanded(town: &Town, id: CampaignId) -> bool {
    town.desk.block_on(town.control.campaign(town.account, id)).unwrap().unwrap().expanded
}

/// How often each phone is in the ledger.
fn phones(town: &Town, id: CampaignId) -> BTreeMap<u64, u32> {
    let mut filter =
        MessageFilter { account: town.account, campaign: Some(id), state: None, phone: None, after: None };
    let mut phones = BTreeMap::new();
    loop {
        let (page, next) = town.desk.block_on(town.ledger.messages(&filter, 1_000)).unwrap();
        for message in page {
            *phones.entry(message.phone.to_u64()).or_default() += 1;
        }
        let Some(next) = next else { return phones };
        filter.after = Some(next);
    }
}

#[test]
fn an_expansion_whose_node_dies_is_gone_on_with_and_takes_nobody_twice() {
    let town = Town::new(2, 10);
    let first = town.settle_in();
    let second = town.settle_in();
    seated(&town, &[(&first, 1), (&second, 1)]);
    assert_eq!(town.picture().holder(LeaseName::Duty(Duty::Campaigns)), Some(first.node));
    let id = started(&town, &first, PEOPLE, None);
    let lane = town.desk.block_on(town.control.campaign(town.account, id)).unwrap().unwrap().lane;
    town.until("it expands", Duration::from_secs(20), || {
        let tallies = town.desk.block_on(town.ledger.tallies(&[lane])).unwrap();
        (!tallies.is_empty()).then_some(())
    });
    let gone = first.node;
    first.kill(&town.carrier);
    assert!(!is_expanded(&town, id), "it died in the middle");
    let died = town.now_millis();
    town.until("taken over", TAKEN_OVER, || {
        (town.picture().holder(LeaseName::Duty(Duty::Campaigns)) == Some(second.node)).then_some(())
    });
    town.until("expanded", Duration::from_secs(60), || is_expanded(&town, id).then_some(()));
    let took = town.now_millis() - died;
    let phones = phones(&town, id);
    assert_eq!(phones.len() as u64, PEOPLE, "everybody, {took} ms after the death");
    assert!(phones.values().all(|count| *count == 1), "once");
    town.until("its claims are recovered", TAKEN_OVER, || {
        is_replaced(&town.picture(), gone, second.node).then_some(())
    });
}

#[test]
fn a_campaign_that_any_node_starts_is_expanded_by_the_one_whose_duty_it_is() {
    let town = Town::new(2, 10);
    let first = town.settle_in();
    let second = town.settle_in();
    seated(&town, &[(&first, 1), (&second, 1)]);
    let id = started(&town, &second, PEOPLE, None);
    town.until("expanded", Duration::from_secs(60), || is_expanded(&town, id).then_some(()));
    assert_eq!(phones(&town, id).len() as u64, PEOPLE);
    let made_by: BTreeSet<u8> = town
        .desk
        .block_on(town.ledger.messages(
            &MessageFilter {
                account: town.account,
                campaign: Some(id),
                state: None,
                phone: None,
                after: None,
            },
            100,
        ))
        .unwrap()
        .0
        .iter()
        .map(|message| u8::try_from(message.id.raw() >> 5 & 31).unwrap())
        .collect();
    assert_eq!(made_by, BTreeSet::from([first.node.number]));
}
