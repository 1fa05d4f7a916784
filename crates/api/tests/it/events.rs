//! Events over HTTP: switched on, read from a place on, waited for, and none missed while many write.

use std::sync::Arc;

use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, Receipt, ReceiptStatus};
use domain::ids::{ChannelId, GatewayId};
use domain::ledger::{ClaimRequest, Disposition, Ledger as _, Settlement, Take};
use domain::phone::CarrierSet;
use domain::retry::RetryPolicy;
use serde_json::{Value, json};

use crate::house::{House, NOON};

/// Enough for several pages, claims and commits to be under way at once.
const WRITERS: usize = 6;
const OF_EACH: usize = 20;

pub(crate) async fn recording(folder: &std::path::Path) -> House {
    let house = House::open(folder).await;
    house.ask("PUT", "/v1/events/recording", json!({"on": true})).await.ok(200);
    house
}

pub(crate) async fn send(house: &House, from: usize, count: usize) {
    let messages: Vec<Value> = (from..from + count)
        .map(|n| json!({"phone": format!("1380013{n:04}"), "text": "您的验证码是 246810", "signature": "鸿雁", "category": "otp"}))
        .collect();
    house.post("/v1/messages", json!({"messages": messages})).await.ok(202);
}

/// Takes all that is due, wherever it waits.
pub(crate) async fn claim(house: &House) -> Vec<Outgoing> {
    let mut all = Vec::new();
    for due in house.ledger.due() {
        let request = ClaimRequest {
            partition: due.partition,
            channel: ChannelId(1),
            gateway: GatewayId(1),
            carriers: CarrierSet::ALL,
            takes: vec![Take { stream: due.stream, limit: 1_000, reach: CarrierSet::ALL }],
            max_parts: 1_000,
            now: NOON,
            policy: house.engine.policy(),
        };
        all.extend(house.ledger.claim(request).await.unwrap().outgoing);
    }
    all
}

fn carrier_id(out: &Outgoing) -> CarrierMessageId {
    CarrierMessageId::Number(out.ticket.message.raw().cast_unsigned())
}

pub(crate) async fn submit(house: &House, out: &Outgoing) {
    let disposition = Disposition::Submitted { gateway: GatewayId(1), ids: vec![carrier_id(out)] };
    let settlement = Settlement { ticket: out.ticket, channel: ChannelId(1), at: NOON, disposition };
    house.ledger.settle(out.ticket.partition, vec![settlement]).await.unwrap();
}

pub(crate) async fn deliver(house: &House, out: &Outgoing) {
    let receipt = Receipt {
        gateway: GatewayId(1),
        carrier_id: carrier_id(out),
        phone: None,
        status: ReceiptStatus::Delivered,
        code: CarrierCode::new(b"DELIVRD"),
        received_at: NOON,
    };
    let retry = Arc::new(RetryPolicy::default());
    house.ledger.receipts(out.ticket.partition, vec![receipt], true, retry, NOON).await.unwrap();
}

async fn read(house: &House, query: &str) -> (Vec<Value>, String) {
    let answer = house.get(&format!("/v1/events?{query}")).await.ok(200);
    (answer["events"].as_array().unwrap().clone(), answer["next"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn nothing_is_recorded_until_it_is_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    assert_eq!(house.get("/v1/events/recording").await.ok(200), json!({"on": false}));
    for from in ["now", "oldest"] {
        house.get(&format!("/v1/events?from={from}")).await.problem(409, "conflict");
    }
    house.ask("PUT", "/v1/events/recording", json!({"on": true})).await.ok(200);
    assert_eq!(house.get("/v1/events/recording").await.ok(200), json!({"on": true}));
    let (events, cursor) = read(&house, "").await;
    assert_eq!(events, [] as [Value; 0]);
    house.ask("PUT", "/v1/events/recording", json!({"on": false})).await.ok(200);
    house.get(&format!("/v1/events?cursor={cursor}")).await.problem(409, "conflict");
    house.ask("PUT", "/v1/events/recording", json!({"on": true})).await.ok(200);
    let gone = house.get(&format!("/v1/events?cursor={cursor}")).await.problem(410, "gone");
    let oldest = gone["detail"].as_str().unwrap().split_whitespace().last().unwrap().to_owned();
    let (_, next) = read(&house, &format!("cursor={oldest}")).await;
    assert!(next.starts_with("evt_"), "the place that the refusal names may be read from");
}

#[tokio::test]
async fn events_are_filtered_paged_and_repeatable() {
    let folder = tempfile::tempdir().unwrap();
    let house = recording(folder.path()).await;
    let (_, start) = read(&house, "from=now").await;
    send(&house, 0, 10).await;
    for out in claim(&house).await {
        submit(&house, &out).await;
        deliver(&house, &out).await;
    }
    let (all, _) = read(&house, &format!("cursor={start}")).await;
    assert_eq!(all.len(), 20);
    assert_eq!(read(&house, &format!("cursor={start}")).await.0, all, "the same place, the same events");
    assert_eq!(read(&house, "from=oldest").await.0.len(), 20);
    assert_eq!(
        (&all[0]["at"], &all[0]["channel"]),
        (&json!("2026-11-25T10:30:00.000+08:00"), &json!("chn_1"))
    );
    let shown = serde_json::to_string(&all).unwrap();
    assert!(!shown.contains("1380013") && !shown.contains("验证码"), "neither phone nor text");
    let (delivered, _) = read(&house, &format!("cursor={start}&types=message.delivered")).await;
    assert!(delivered.len() == 10 && delivered.iter().all(|event| event["code"] == "DELIVRD"));
    let (mut cursor, mut seen) = (start, 0);
    for _ in 0..20 {
        let (some, next) = read(&house, &format!("cursor={cursor}&limit=3")).await;
        assert!(some.len() <= 3);
        seen += some.len();
        cursor = next;
    }
    assert_eq!(seen, 20);
    for (query, pointer) in [
        ("types=message.lost", "?types"),
        ("wait=31", "?wait"),
        ("limit=0", "?limit"),
        ("cursor=evt_zz", "?cursor"),
        ("from=yesterday", "?from"),
    ] {
        let problem = house.get(&format!("/v1/events?{query}")).await.problem(422, "invalid_field");
        assert_eq!(problem["pointer"], pointer);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_waits_misses_nothing_of_many_writers() {
    let folder = tempfile::tempdir().unwrap();
    let house = Arc::new(recording(folder.path()).await);
    let (_, mut cursor) = read(&house, "from=now").await;
    send(&house, 0, WRITERS * OF_EACH).await;
    let out = claim(&house).await;
    assert_eq!(out.len(), WRITERS * OF_EACH);
    let writers: Vec<_> = out
        .chunks(OF_EACH)
        .map(|some| {
            let (house, some) = (Arc::clone(&house), some.to_vec());
            tokio::spawn(async move {
                for out in &some {
                    submit(&house, out).await;
                    deliver(&house, out).await;
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    while seen.len() < 2 * out.len() {
        let (some, next) = read(&house, &format!("cursor={cursor}&limit=7&wait=30")).await;
        assert!(!some.is_empty(), "{} of {}", seen.len(), 2 * out.len());
        seen.extend(some);
        cursor = next;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for out in &out {
        let id = out.ticket.message.to_string();
        let told: Vec<&str> = seen
            .iter()
            .filter(|event| event["message"] == id)
            .filter_map(|event| event["type"].as_str())
            .collect();
        assert_eq!(told, ["message.submitted", "message.delivered"]);
    }
    assert_eq!(read(&house, &format!("cursor={cursor}")).await.0, [] as [Value; 0], "each once");
}
