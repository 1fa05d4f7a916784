//! Events over HTTP: switched on, read from a place on, waited for, and none missed while many write.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, Receipt, ReceiptStatus};
use domain::ids::{ChannelId, GatewayId};
use domain::ledger::{ClaimRequest, Disposition, Ledger as _, Settlement, Take};
use domain::phone::CarrierSet;
use domain::retry::RetryPolicy;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::house::{House, NOON, request};

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

/// Somebody who listens: what a stream said so far, and what is left of its last piece.
struct Listener {
    body: BodyDataStream,
    buffer: String,
    last: String,
    seen: Vec<Value>,
}

impl Listener {
    async fn open(house: &House, last: Option<&str>) -> Self {
        let mut asked = request("GET", "/v1/events/stream", Body::empty());
        let headers = asked.headers_mut();
        headers.insert("authorization", format!("Bearer {}", house.owner_key).parse().unwrap());
        if let Some(last) = last {
            headers.insert("last-event-id", last.parse().unwrap());
        }
        let answer = house.router().oneshot(asked).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        let body = answer.into_body().into_data_stream();
        Self { body, buffer: String::new(), last: String::new(), seen: Vec::new() }
    }

    /// Reads until so many events were seen.
    async fn until(&mut self, count: usize) {
        while self.seen.len() < count || self.last.is_empty() {
            let piece = tokio::time::timeout(Duration::from_secs(30), self.body.next()).await;
            let piece = piece.expect("something comes").expect("it goes on").unwrap();
            self.buffer.push_str(std::str::from_utf8(&piece).unwrap());
            while let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                if let Some(data) = line("data: ") {
                    let data: Value = serde_json::from_str(data).unwrap();
                    self.last = line("id: ").unwrap().to_owned();
                    assert_eq!(data["next"], self.last.as_str());
                    self.seen.extend(data["events"].as_array().unwrap().iter().cloned());
                }
                self.buffer = rest.to_owned();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_listeners_hear_the_same_and_one_that_comes_back_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = recording(folder.path()).await;
    let mut listeners = Vec::new();
    for _ in 0..20 {
        listeners.push(Listener::open(&house, None).await);
    }
    for listener in &mut listeners {
        listener.until(0).await;
    }
    send(&house, 0, 40).await;
    for out in claim(&house).await {
        submit(&house, &out).await;
        deliver(&house, &out).await;
    }
    for listener in &mut listeners {
        listener.until(80).await;
    }
    let ids = |seen: &[Value]| {
        let mut ids: Vec<String> =
            seen.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let all = ids(&listeners[0].seen);
    assert!(listeners.iter().all(|listener| ids(&listener.seen) == all), "each hears all, once");
    // One goes, and comes back to where it was; another begins long before.
    let last = listeners.pop().unwrap().last;
    send(&house, 40, 10).await;
    for out in claim(&house).await {
        submit(&house, &out).await;
    }
    let mut back = Listener::open(&house, Some(&last)).await;
    back.until(10).await;
    assert_eq!(back.seen.len(), 10);
    listeners[0].until(90).await;
    assert_eq!(ids(&listeners[0].seen), {
        let mut all = all;
        all.extend(ids(&back.seen));
        all.sort();
        all
    });
    let mut wrong = request("GET", "/v1/events/stream", Body::empty());
    wrong.headers_mut().insert("last-event-id", "evt_zz".parse().unwrap());
    house.send(crate::house::Who::Owner, wrong).await.problem(422, "invalid_field");
}
