//! Sending by request.

use domain::control::{Idempotency as _, TemplateRecord, Templates as _};
use domain::ids::{MessageId, TemplateId};
use domain::ledger::Ledger as _;
use domain::message::{Category, MessageState};
use domain::money::Money;
use engine::SendError;
use engine::accept::{Content, IdempotencyKey, ItemOutcome, RefusedItem, SendItem, SendRequest};

use crate::carrier::send_all;
use crate::house::{House, NOON, lenient, phone};

pub(crate) fn item(phone: &str, text: &str) -> SendItem {
    SendItem {
        phone: phone.to_owned(),
        content: Content::Text(text.to_owned()),
        signature: Some("鸿雁".to_owned()),
        category: None,
        priority: None,
        send_at: None,
        valid_for: None,
    }
}

pub(crate) fn request(items: Vec<SendItem>, key: Option<(&str, u8)>) -> SendRequest {
    let idempotency = key.map(|(key, body)| IdempotencyKey { key: key.to_owned(), body_sha256: [body; 32] });
    SendRequest { items, idempotency, route: None, whole: false }
}

pub(crate) fn ids(outcomes: &[ItemOutcome]) -> Vec<MessageId> {
    let accepted = outcomes.iter().filter_map(|outcome| match outcome {
        ItemOutcome::Accepted { id, .. } => Some(*id),
        ItemOutcome::Refused(_) => None,
    });
    accepted.collect()
}

#[tokio::test]
async fn each_item_is_accepted_or_refused_for_itself() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let template = TemplateRecord {
        id: TemplateId::from(house.ids.fresh(NOON)),
        account: house.account,
        name: "code".to_owned(),
        category: Category::Otp,
        source: "验证码{{ code }}".to_owned(),
        created_at: NOON,
    };
    house.control.add_template(&template).await.unwrap();
    let with = |values: &[(&str, &str)]| SendItem {
        content: Content::Template {
            id: template.id,
            values: values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        },
        ..item("13800000003", "")
    };
    let items = vec![
        item("138 0000 0001", "包裹已到"),
        item("12", "包裹已到"),
        item("+1 415 555 2671", "parcel"),
        with(&[("code", "1234")]),
        with(&[]),
        item("13800000004", &"长".repeat(2_000)),
    ];
    let outcomes = house.engine.send(house.account, request(items, None)).await.unwrap();
    assert!(matches!(outcomes[0], ItemOutcome::Accepted { parts: 1, price, .. }
        if price == Money::from_micros(45_000)));
    assert!(matches!(outcomes[1], ItemOutcome::Refused(RefusedItem::Phone(_))));
    assert!(matches!(outcomes[2], ItemOutcome::Refused(RefusedItem::NoRoute)));
    assert!(matches!(outcomes[3], ItemOutcome::Accepted { .. }));
    assert!(matches!(&outcomes[4], ItemOutcome::Refused(error) if error.word() == "missing_variable"));
    assert!(matches!(&outcomes[5], ItemOutcome::Refused(error) if error.word() == "text_too_long"));
    let otp = ids(&outcomes)[1];
    let record = house.ledger.message(house.account, otp).await.unwrap().unwrap();
    assert_eq!((record.category, record.state), (Category::Otp, MessageState::Queued));
    assert_eq!(record.valid_until, NOON.plus(std::time::Duration::from_secs(300)));
    let mut texts: Vec<String> = send_all(&house).await.into_iter().map(|(_, text)| text).collect();
    texts.sort();
    assert_eq!(texts, ["【鸿雁】包裹已到", "【鸿雁】验证码1234"]);
    house.close().await;
}

#[tokio::test]
async fn a_repeated_request_is_sent_once() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let items = || vec![item("13800000001", "一"), item("bad", "二"), item("13800000002", "三")];
    let first = house.engine.send(house.account, request(items(), Some(("k", 1)))).await.unwrap();
    let again = house.engine.send(house.account, request(items(), Some(("k", 1)))).await.unwrap();
    assert_eq!(first, again);
    let other = house.engine.send(house.account, request(items(), Some(("k", 2)))).await.unwrap_err();
    assert!(matches!(other, SendError::KeyReused));
    assert_eq!(send_all(&house).await.len(), 2);
    house.close().await;
}

#[tokio::test]
async fn a_replay_finishes_what_the_first_try_left() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    // The first try died after its record and before its messages.
    let assigned: Vec<MessageId> =
        (1..=2).map(|number| house.ids.next(NOON, phone(number).slot()).into()).collect();
    house.control.begin_idempotent(house.account, "k", [1; 32], &assigned, NOON).await.unwrap();
    let items = vec![item("13800000001", "一"), item("13800000002", "二")];
    let outcomes = house.engine.send(house.account, request(items, Some(("k", 1)))).await.unwrap();
    assert_eq!(ids(&outcomes), assigned);
    assert_eq!(send_all(&house).await.len(), 2);
    house.close().await;
}

#[tokio::test]
async fn a_batch_has_bounds() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    for count in [0, 1_001] {
        let items = vec![item("13800000001", "一"); count];
        let error = house.engine.send(house.account, request(items, None)).await.unwrap_err();
        assert!(matches!(error, SendError::BatchSize { items } if items == count));
    }
    house.close().await;
}
