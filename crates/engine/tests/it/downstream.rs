//! Customers that connect to us, without their connections.

use std::sync::Arc;

use domain::control::{Conditions, Protocol, Secret};
use domain::downstream::{
    Customer, Downstream as _, Signing, Submit, SubmitRefusal, Waiting, WaitingKind, WaitingPlace,
};
use domain::ids::CustomerId;
use domain::ledger::{Ledger as _, MessageFilter};
use domain::message::{Category, MessageState, Reason};
use domain::phone::{Carrier, Country, Phone};
use domain::text::Concat;

use crate::carrier::send_all;
use crate::house::{House, lenient};

fn customer(house: &House) -> Customer {
    Customer {
        id: CustomerId(1),
        account: house.account,
        name: "银行".to_owned(),
        protocol: Protocol::Smpp34,
        login: "bank".to_owned(),
        secret: Secret("pass".to_owned()),
        networks: Vec::new(),
        addresses: Vec::new(),
        connections: 1,
        window: 16,
        parts_per_second: None,
        category: Category::Notice,
        signature: None,
        signing: Signing::Own,
        route: None,
        enabled: true,
        call_back: None,
    }
}

#[tokio::test]
async fn of_two_texts_that_one_submit_completes_each_stands_for_itself() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let mut channel = house.engine.channels().await.unwrap()[0].clone();
    channel.carriers = vec![Carrier::Mobile];
    house.engine.set_channel(&channel).await.unwrap();
    let customer = Arc::new(customer(&house));
    house.engine.set_customer(&customer).await.unwrap();
    // The first phone has no way, the second has.
    let part = |number: u8, text: &str| Submit {
        source: "10690001".into(),
        phones: vec!["13000000001".into(), "13800000001".into()],
        text: text.to_owned(),
        concat: Some(Concat { reference: 7, total: 2, number }),
        own_id: None,
        on_success: true,
        on_failure: true,
        valid_for: None,
    };
    for part in [part(1, "【鸿雁】您的订单"), part(2, "已经发出")] {
        let answers = house.engine.submit(&customer, vec![part]).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    let reached = Phone::parse("13800000001", Country::CN).unwrap();
    assert_eq!(send_all(&house).await, [(reached, "【鸿雁】您的订单已经发出".to_owned())]);
    house.close().await;
}

async fn waiting(house: &House) -> Vec<Waiting> {
    let mut all = Vec::new();
    for partition in house.ledger.partitions().all() {
        for kind in WaitingKind::ALL {
            let page = house.ledger.waiting(partition, CustomerId(1), *kind, WaitingPlace::START, 100);
            all.extend(page.await.unwrap());
        }
    }
    all
}

#[tokio::test]
async fn of_a_deleted_customer_nothing_waits_and_every_message_has_its_end() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let customer = Arc::new(customer(&house));
    house.engine.set_customer(&customer).await.unwrap();
    let submit = |phone: &str, concat| Submit {
        source: "10690001".into(),
        phones: vec![phone.into()],
        text: "【鸿雁】您的订单".to_owned(),
        concat,
        own_id: None,
        on_success: true,
        on_failure: true,
        valid_for: None,
    };
    let half = Some(Concat { reference: 7, total: 2, number: 1 });
    let submits = vec![submit("13800000001", None), submit("13800000002", half)];
    let answers = house.engine.submit(&customer, submits).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(send_all(&house).await.len(), 1);
    assert_eq!(waiting(&house).await.len(), 2, "a report and a part");
    assert!(house.engine.delete_customer(CustomerId(1), Conditions::default()).await.unwrap());
    assert!(!house.engine.delete_customer(CustomerId(1), Conditions::default()).await.unwrap());
    assert_eq!(waiting(&house).await, []);
    let mut ends = Vec::new();
    for phone in ["13800000001", "13800000002"] {
        let phone = Some(Phone::parse(phone, Country::CN).unwrap());
        let filter =
            MessageFilter { account: house.account, campaign: None, state: None, phone, after: None };
        let (found, _) = house.ledger.messages(&filter, 10).await.unwrap();
        ends.extend(found.iter().map(|message| (message.state, message.reason)));
    }
    let rejected = (MessageState::Rejected, Reason::PartsMissing);
    assert_eq!(ends, [(MessageState::Delivered, Reason::None), rejected]);
    let late = house.engine.submit(&customer, vec![submit("13800000001", None)]).await;
    assert_eq!(late, [Err(SubmitRefusal::Unavailable)], "its connection has not closed yet");
    house.close().await;
}
