//! Customers whose connections end on several nodes: one text from parts that came anywhere, each report told once, connections
//! counted together, and who takes over from whom.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::control::{Protocol, Secret};
use domain::downstream::{
    Answer, Customer, Delivery, Downstream as _, Handed, News, Question, Signing, Submit, WaitingKind,
    WaitingPlace,
};
use domain::ids::CustomerId;
use domain::ledger::{Ledger as _, MessageFilter, MessageRecord};
use domain::message::{Category, MessageState};
use domain::nodes::LeaseName;
use domain::text::Concat;

use crate::town::{Resident, TAKEN_OVER, Town};

const CUSTOMER: CustomerId = CustomerId(1);
/// What lives reaches everybody within this.
const SOON: Duration = Duration::from_secs(8);

fn customer(town: &Town) -> Arc<Customer> {
    Arc::new(Customer {
        id: CUSTOMER,
        account: town.account,
        name: "银行".to_owned(),
        protocol: Protocol::Smpp34,
        login: "bank".to_owned(),
        secret: Secret("pass".to_owned()),
        networks: Vec::new(),
        addresses: Vec::new(),
        connections: 2,
        window: 16,
        parts_per_second: Some(100),
        category: Category::Notice,
        signature: None,
        signing: Signing::Own,
        route: None,
        enabled: true,
        call_back: None,
    })
}

/// A node that serves customers.
fn serving(town: &Town) -> Resident {
    let resident = town.settle_in();
    resident.run(resident.engine.start_downstream()).unwrap();
    resident
}

fn two_nodes(connections: u16) -> (Town, Arc<Customer>, Resident, Resident) {
    let town = Town::new(connections, 1_000);
    let first = serving(&town);
    let customer = customer(&town);
    first.run(first.engine.set_customer(&customer)).unwrap();
    let second = serving(&town);
    (town, customer, first, second)
}

fn submit(phone: u64, text: &str, concat: Option<Concat>) -> Submit {
    Submit {
        source: "10690001".into(),
        phones: vec![format!("138{phone:08}").into()],
        text: text.to_owned(),
        concat,
        own_id: None,
        on_success: true,
        on_failure: true,
        send_at: None,
        valid_for: None,
    }
}

fn part(phone: u64, reference: u16, number: u8, text: &str) -> Submit {
    submit(phone, text, Some(Concat { reference, total: 2, number }))
}

async fn answered(node: &Resident, customer: &Arc<Customer>, submits: Vec<Submit>) -> Vec<u128> {
    let answers = node.engine.submit(customer, submits).await;
    answers.into_iter().map(|answer| answer.expect("it is taken")).collect()
}

fn messages(town: &Town) -> Vec<MessageRecord> {
    let filter =
        MessageFilter { account: town.account, campaign: None, state: None, phone: None, after: None };
    town.desk.block_on(town.ledger.messages(&filter, 1_000)).unwrap().0
}

fn kept(town: &Town) -> usize {
    let all = town.ledger.partitions().all().map(|partition| {
        let kind = WaitingKind::Fragment;
        town.desk
            .block_on(town.ledger.waiting(partition, CUSTOMER, kind, WaitingPlace::START, 1_000))
            .unwrap()
            .len()
    });
    all.sum()
}

#[test]
fn parts_that_come_to_two_nodes_become_one_message_under_the_smallest_id() {
    let (town, customer, first, second) = two_nodes(1);
    let late = first.run(answered(&first, &customer, vec![part(1, 7, 2, "已经发出")]));
    let early = second.run(answered(&second, &customer, vec![part(1, 7, 1, "【鸿雁】您的订单")]));
    let found = messages(&town);
    let [one] = found.as_slice() else { panic!("{} messages", found.len()) };
    assert_eq!(one.text, "【鸿雁】您的订单已经发出");
    assert_eq!(u128::from(one.id.raw().unsigned_abs()), late[0].min(early[0]));
    assert_eq!(kept(&town), 0, "nothing of it waits any more");
    // Whoever is asked, about whichever part.
    for (node, id) in [(&first, early[0]), (&second, late[0])] {
        let question = Question::Fate { id, source: "10690001".into() };
        let answer = node.run(node.engine.ask(&customer, question));
        assert!(matches!(answer, Answer::Fate(_)), "{answer:?}");
    }

    // Both at the same time, again and again; and a part that comes once more to the other node.
    for text in 0..25u64 {
        let (phone, reference) = (100 + text, text as u16);
        let body = format!("【鸿雁】第{text}条");
        let theirs = second.engine.clone();
        let (to, one) = (Arc::clone(&customer), part(phone, reference, 1, &body));
        let other = town.desk.spawn(async move { theirs.submit(&to, vec![one]).await });
        first.run(answered(&first, &customer, vec![part(phone, reference, 2, "完")]));
        assert!(town.desk.block_on(other).unwrap()[0].is_ok());
        let texts: Vec<String> = messages(&town).iter().map(|message| message.text.clone()).collect();
        assert_eq!(texts.iter().filter(|text| **text == format!("{body}完")).count(), 1);
        assert_eq!(texts.len() as u64, text + 2);
    }
    let one = first.run(answered(&first, &customer, vec![part(2, 8, 1, "【鸿雁】甲")]));
    let again = second.run(answered(&second, &customer, vec![part(2, 8, 1, "【鸿雁】甲")]));
    assert_eq!(one, again, "the same part has the id that it had");
    assert_eq!(kept(&town), 1);
    // All parts at once are kept nowhere.
    let both = vec![part(3, 9, 2, "乙"), part(3, 9, 1, "【鸿雁】")];
    second.run(answered(&second, &customer, both));
    assert_eq!((kept(&town), messages(&town).len()), (1, 27));
}

#[test]
fn what_a_node_that_died_had_kept_is_finished_by_another() {
    let (town, customer, first, second) = two_nodes(1);
    first.run(answered(&first, &customer, vec![part(1, 7, 1, "【鸿雁】您的")]));
    first.kill(&town.carrier);
    second.run(answered(&second, &customer, vec![part(1, 7, 2, "订单")]));
    assert_eq!(messages(&town).iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["【鸿雁】您的订单"]);
}

/// What a node has to tell now; each is acknowledged.
fn told(node: &Resident) -> Vec<(MessageState, u128)> {
    let taken: Vec<Delivery> = node.engine.take(CUSTOMER, 100);
    taken
        .into_iter()
        .map(|delivery| {
            let News::Report(report) = &delivery.news else { panic!("a report") };
            let told = (report.state, report.id);
            node.engine.done(CUSTOMER, delivery.key, Handed::Taken);
            told
        })
        .collect()
}

/// The node that tells the customer what waits.
fn teller<'a>(town: &Town, nodes: &[&'a Resident]) -> &'a Resident {
    town.until("a desk", SOON, || {
        let holder = town.picture().holder(LeaseName::Desk(CUSTOMER))?;
        nodes.iter().find(|node| node.node == holder).copied()
    })
}

/// The carrier delivers these, when it has all of them.
fn delivered(town: &Town, node: &Resident, ids: &[u128]) {
    let has = |town: &Town, id: &u128| {
        town.carrier.seen().written.iter().any(|one| u128::from(one.message.raw().unsigned_abs()) == *id)
    };
    town.until("written", TAKEN_OVER, || ids.iter().all(|id| has(town, id)).then_some(()));
    let written = town.carrier.seen().written.clone();
    for one in written.iter().filter(|one| ids.contains(&u128::from(one.message.raw().unsigned_abs()))) {
        town.report(node.node, one);
    }
}

#[test]
fn each_report_is_told_once_by_one_node_and_by_another_when_that_one_is_gone() {
    let (town, customer, first, second) = two_nodes(2);
    first.engine.attach(CUSTOMER);
    second.engine.attach(CUSTOMER);
    let submits = (0..20).map(|phone| submit(phone, &format!("【鸿雁】第{phone}条"), None)).collect();
    let ids = first.run(answered(&first, &customer, submits));
    delivered(&town, &second, &ids);
    let mut all = Vec::new();
    town.until("all reports", SOON, || {
        all.extend(told(&first));
        all.extend(told(&second));
        (all.len() >= ids.len()).then_some(())
    });
    let expected: BTreeSet<_> = ids.iter().map(|id| (MessageState::Delivered, *id)).collect();
    assert_eq!((all.len(), all.iter().copied().collect::<BTreeSet<_>>()), (ids.len(), expected));
    town.until("nothing waits", SOON, || {
        let waits = town.ledger.partitions().all().map(|partition| {
            let page = town.ledger.waiting(partition, CUSTOMER, WaitingKind::Report, WaitingPlace::START, 9);
            town.desk.block_on(page).unwrap().len()
        });
        (waits.sum::<usize>() == 0).then_some(())
    });
    assert!(told(&first).is_empty() && told(&second).is_empty());

    // Who leaves in order hands over at once.
    let holder = teller(&town, &[&first, &second]);
    let other = if holder.node == first.node { &second } else { &first };
    holder.engine.detach(CUSTOMER);
    assert_eq!(teller(&town, &[other]).node, other.node);
    holder.engine.attach(CUSTOMER);

    // And from a node that dies the other takes over, with what it had not told.
    let submits = (0..5).map(|phone| submit(50 + phone, &format!("【鸿雁】再{phone}条"), None)).collect();
    let late = holder.run(answered(holder, &customer, submits));
    let (dies, lives) = if holder.node == first.node { (second, first) } else { (first, second) };
    dies.kill(&town.carrier);
    delivered(&town, &lives, &late);
    let mut all = Vec::new();
    let began = town.now_millis();
    town.until("the reports of the dead", TAKEN_OVER, || {
        all.extend(told(&lives));
        (all.len() >= late.len()).then_some(())
    });
    assert!(u128::from(town.now_millis() - began) < TAKEN_OVER.as_millis());
    assert_eq!(all.len(), late.len());
}

#[test]
fn connections_and_pace_are_counted_over_all_nodes() {
    let (town, customer, first, second) = two_nodes(1);
    let enter = |node: &Resident| node.run(node.engine.enter(&customer));
    assert_eq!(first.engine.pace(&customer), Some(1).max(first.engine.pace(&customer)));
    assert!(enter(&first));
    assert_eq!(first.engine.pace(&customer), Some(100), "one connection has all of it");
    assert!(enter(&second));
    assert!(!enter(&first) && !enter(&second), "two are all");
    town.until("shared", SOON, || {
        let paces = [&first, &second].map(|node| node.engine.pace(&customer));
        (paces == [Some(50), Some(50)]).then_some(())
    });
    second.engine.leave(CUSTOMER);
    town.until("a place that was left", SOON, || enter(&first).then_some(()));
    assert!(!enter(&second));
    town.until("all of the pace", SOON, || (first.engine.pace(&customer) == Some(100)).then_some(()));
    first.kill(&town.carrier);
    town.until("the places of the dead", TAKEN_OVER, || enter(&second).then_some(()));
    assert!(enter(&second) && !enter(&second));
}
