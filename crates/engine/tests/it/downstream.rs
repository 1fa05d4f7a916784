//! Customers that connect to us, without their connections.

use std::sync::Arc;

use domain::control::{Protocol, Secret};
use domain::downstream::{Customer, Downstream as _, Signing, Submit};
use domain::ids::CustomerId;
use domain::message::Category;
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
