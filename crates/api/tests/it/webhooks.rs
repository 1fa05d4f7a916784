//! Webhooks over HTTP: what a receiver is told, what a broken one costs, and what is kept of it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use domain::events::EventKind;
use domain::money::Money;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::events::{claim, deliver, send, submit};
use crate::house::{House, Who, request};

/// Longer than any test needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// One call that came.
#[derive(Clone)]
struct Told {
    headers: HashMap<String, String>,
    body: String,
}

impl Told {
    fn id(&self) -> String {
        self.headers["webhook-id"].clone()
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Somebody who is told.
#[derive(Clone, Default)]
struct Receiver {
    /// What is answered.
    status: Arc<AtomicU16>,
    told: Arc<Mutex<Vec<Told>>>,
    calls: Arc<AtomicUsize>,
    /// Nothing is answered while a test holds it.
    gate: Arc<tokio::sync::Mutex<()>>,
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    receiver.calls.fetch_add(1, Ordering::SeqCst);
    drop(receiver.gate.lock().await);
    let status = StatusCode::from_u16(receiver.status.load(Ordering::SeqCst)).unwrap();
    if status.is_success() {
        let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        receiver.told.lock().unwrap().push(Told { headers, body });
    }
    status
}

impl Receiver {
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        receiver.answer(204);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at: SocketAddr = listener.local_addr().unwrap();
        let router = Router::new().route("/told", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, format!("http://{at}/told"))
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let told = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(
            told.is_ok(),
            "{what}: {} told, {} calls",
            self.told().len(),
            self.calls.load(Ordering::SeqCst)
        );
    }

    async fn until_told(&self, count: usize) {
        self.until(&format!("{count} events"), |receiver| receiver.told().len() >= count).await;
    }
}

async fn add(house: &House, body: Value) -> (String, String) {
    let granted = house.post("/v1/webhooks", body).await.ok(201);
    let id = granted["webhook"]["id"].as_str().unwrap().to_owned();
    (id, granted["secret"].as_str().unwrap().to_owned())
}

async fn carry(house: &House, from: usize, count: usize) {
    send(house, from, count).await;
    for out in claim(house).await {
        submit(house, &out).await;
        deliver(house, &out).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_is_told_everything_once_in_order_and_signed() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (receiver, url) = Receiver::start().await;
    let types = json!(["message.submitted", "message.delivered", "balance.low"]);
    let (id, secret) = add(&house, json!({"name": "CRM", "url": url, "types": types})).await;
    assert!(secret.starts_with("whsec_"));
    house.engine.start_webhooks();
    carry(&house, 0, 50).await;
    receiver.until_told(100).await;
    let mut of: HashMap<String, Vec<String>> = HashMap::new();
    for told in receiver.told() {
        let event = told.event();
        let message = event["data"]["message"].as_str().unwrap().to_owned();
        of.entry(message).or_default().push(event["type"].as_str().unwrap().to_owned());
        assert!(told.headers["webhook-signature"].starts_with("v1,"));
        assert!(told.id().starts_with("evn_"));
        assert!(!told.body.contains("1380013") && !told.body.contains("246810"), "neither phone nor text");
    }
    assert_eq!(of.len(), 50);
    assert!(of.values().all(|kinds| *kinds == ["message.submitted", "message.delivered"]), "{of:?}");

    // What lies outside the ledger comes too, and can be read by its cursor.
    let account = house.accounts.0;
    house.engine.note_balance(account, EventKind::BalanceLow, Money::from_micros(5_000_000)).await.unwrap();
    receiver.until_told(101).await;
    let told = receiver.told().pop().unwrap().event();
    assert_eq!(
        (&told["type"], &told["data"]["amount"]["micros"]),
        (&json!("balance.low"), &json!(5_000_000))
    );
    let read = house.get("/v1/events?from=oldest&types=balance.low").await.ok(200);
    assert_eq!(read["events"][0]["amount"]["micros"], 5_000_000);

    let log = house.get(&format!("/v1/webhooks/{id}/deliveries?limit=1000")).await.ok(200);
    let lines = log["items"].as_array().unwrap();
    assert!(lines.len() >= 100 && lines.iter().all(|line| line["taken"] == true && line["status"] == 204));
    let health = house.get(&format!("/v1/webhooks/{id}")).await.ok(200)["health"].clone();
    assert_eq!((&health["waiting"], &health["failures"]), (&json!(0), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_told_again_under_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (receiver, url) = Receiver::start().await;
    let (id, _) = add(&house, json!({"url": url, "types": ["message.delivered"]})).await;
    receiver.answer(500);
    house.engine.start_webhooks();
    carry(&house, 0, 3).await;
    receiver.until("three failures", |receiver| receiver.calls.load(Ordering::SeqCst) >= 3).await;
    let waiting =
        async || house.get(&format!("/v1/webhooks/{id}")).await.ok(200)["health"]["waiting"].clone();
    let mut seen = waiting().await;
    while seen != 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        seen = waiting().await;
    }
    receiver.answer(200);
    house.pass(Duration::from_secs(6));
    receiver.until_told(3).await;
    let log = house.get(&format!("/v1/webhooks/{id}/deliveries")).await.ok(200);
    for told in receiver.told() {
        let tries: Vec<&Value> =
            log["items"].as_array().unwrap().iter().filter(|line| line["event"]["id"] == told.id()).collect();
        assert!(tries.iter().any(|line| line["status"] == 500 && line["tries"] == 1), "{tries:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_and_not_written_down_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (receiver, url) = Receiver::start().await;
    let (id, _) = add(&house, json!({"url": url, "types": ["message.delivered"]})).await;
    let closed = receiver.gate.clone().lock_owned().await;
    house.engine.start_webhooks();
    carry(&house, 0, 1).await;
    receiver.until("one call", |receiver| receiver.calls.load(Ordering::SeqCst) == 1).await;
    // Another node took the duty over meanwhile, and has moved it: what this one brings back is not kept.
    let control = house.engine.control();
    let id = id.parse().unwrap();
    let taken_over = domain::webhooks::Settlement {
        webhook: id,
        standing: control.standing(id).await.unwrap().unwrap(),
        again: Vec::new(),
        done: Vec::new(),
        release: false,
        log: Vec::new(),
        off: None,
        now: crate::house::NOON,
    };
    assert!(control.settle(&taken_over).await.unwrap());
    drop(closed);
    receiver.until_told(2).await;
    let told = receiver.told();
    assert_eq!(told[0].id(), told[1].id(), "at least once, and recognised");
    assert_eq!(control.standing(id).await.unwrap().unwrap().failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_was_down_for_long_misses_nothing_and_costs_little() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (receiver, url) = Receiver::start().await;
    let (id, _) = add(&house, json!({"url": url, "types": ["message.delivered"]})).await;
    receiver.answer(503);
    house.engine.start_webhooks();
    carry(&house, 0, 600).await;
    let down = async || {
        let health = house.get(&format!("/v1/webhooks/{id}")).await.ok(200)["health"].clone();
        health["held_until"].is_string() && health["waiting"].as_u64().unwrap() > 0
    };
    while !down().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let calls = receiver.calls.load(Ordering::SeqCst);
    assert!(calls < 200, "the rest is left out: {calls}");
    carry(&house, 600, 20).await;
    // An hour later it is still down; then it comes back.
    for _ in 0..6 {
        house.pass(Duration::from_secs(600));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let calls = receiver.calls.load(Ordering::SeqCst) - calls;
    assert!((1..=30).contains(&calls), "one at a time: {calls}");
    receiver.answer(200);
    let tested = house.post(&format!("/v1/webhooks/{id}/test"), json!({})).await.ok(200);
    assert_eq!((&tested["taken"], &tested["event"]["type"]), (&json!(true), &json!("webhook.test")));
    house.pass(Duration::from_secs(1));
    receiver.until_told(621).await;
    let mut ids: Vec<String> = receiver.told().iter().map(Told::id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 621, "each message, and the test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_gone_is_switched_off_and_its_account_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (receiver, url) = Receiver::start().await;
    let (id, _) = add(&house, json!({"url": url})).await;
    receiver.answer(410);
    house.engine.start_webhooks();
    carry(&house, 0, 1).await;
    let shown = async || house.get(&format!("/v1/webhooks/{id}")).await.ok(200);
    while shown().await["enabled"] == true {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(shown().await["disabled_why"], "gone");
    let read = house.get("/v1/events?from=oldest&types=webhook.disabled").await.ok(200);
    assert_eq!(read["events"][0]["webhook"], id);
    // Switched on again, it is told what it had not taken.
    receiver.answer(200);
    house.ask("PATCH", &format!("/v1/webhooks/{id}"), json!({"enabled": true})).await.ok(200);
    receiver.until("both of the message, and the notice", |receiver| receiver.told().len() >= 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_overlap_and_events_are_told_again_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (receiver, url) = Receiver::start().await;
    let (id, _) = add(&house, json!({"url": url, "types": ["message.delivered"]})).await;
    let rotated =
        house.post(&format!("/v1/webhooks/{id}/rotate"), json!({"signing": "ed25519"})).await.ok(200);
    let public = rotated["secret"].as_str().unwrap();
    assert!(public.starts_with("whpk_") && rotated["webhook"]["public_key"] == public);
    house.engine.start_webhooks();
    carry(&house, 0, 5).await;
    receiver.until_told(5).await;
    let first = receiver.told()[0].clone();
    let signatures: Vec<&str> = first.headers["webhook-signature"].split(' ').collect();
    assert!(signatures.len() == 2 && signatures[0].starts_with("v1a,") && signatures[1].starts_with("v1,"));

    let again = house.post(&format!("/v1/webhooks/{id}/replay"), json!({"event": first.id()})).await;
    assert_eq!(again.status, 204, "{}", again.text());
    receiver.until_told(6).await;
    assert_eq!(receiver.told()[5].id(), first.id());
    let since = json!({"since": "2026-11-25T10:00:00+08:00"});
    assert_eq!(house.post(&format!("/v1/webhooks/{id}/replay"), since).await.status, 204);
    receiver.until_told(11).await;
    let unknown = json!({"event": format!("evn_{}", "0".repeat(36))});
    house.post(&format!("/v1/webhooks/{id}/replay"), unknown).await.problem(422, "invalid_field");

    house.pass(Duration::from_secs(25 * 3_600));
    let tested = house.post(&format!("/v1/webhooks/{id}/test"), json!({})).await.ok(200);
    assert_eq!(tested["taken"], true);
    let last = receiver.told().pop().unwrap();
    assert!(!last.headers["webhook-signature"].contains(' '), "a day later the old one signs no more");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_others_see_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let url = "https://example.com/hooks";
    for (body, pointer) in [
        (json!({"url": "ftp://example.com/"}), "/url"),
        (json!({"url": "https://name@example.com/"}), "/url"),
        (json!({"url": url, "types": ["message.lost"]}), "/types/0"),
        (json!({"url": url, "signing": "rsa"}), "/signing"),
        (json!({"url": url, "format": "callbacks"}), "/format"),
        (json!({"url": url, "name": "x".repeat(101)}), "/name"),
        (json!({"url": url, "colour": 1}), "/colour"),
    ] {
        assert_eq!(house.post("/v1/webhooks", body).await.problem(422, "invalid_field")["pointer"], pointer);
    }
    let (id, secret) = add(&house, json!({"url": url})).await;
    house.ask("PUT", "/v1/events/recording", json!({"on": false})).await.problem(409, "conflict");
    let shown = house.get(&format!("/v1/webhooks/{id}")).await;
    assert!(!shown.text().contains(&secret), "shown once");
    let tag = shown.headers["etag"].clone();
    let mut edit = request("PATCH", &format!("/v1/webhooks/{id}"), Body::from(r#"{"name": "b"}"#));
    edit.headers_mut().insert("content-type", "application/json".parse().unwrap());
    edit.headers_mut().insert("if-match", "\"00\"".parse().unwrap());
    house.send(Who::Owner, edit).await.problem(412, "changed_meanwhile");
    let mut edit = request("PATCH", &format!("/v1/webhooks/{id}"), Body::from(r#"{"enabled": false}"#));
    edit.headers_mut().insert("content-type", "application/json".parse().unwrap());
    edit.headers_mut().insert("if-match", tag);
    let edited = house.send(Who::Owner, edit).await.ok(200);
    assert_eq!((&edited["enabled"], &edited["disabled_why"]), (&json!(false), &json!("by_hand")));
    for (method, path) in [("GET", ""), ("GET", "/deliveries"), ("DELETE", "")] {
        let asked = request(method, &format!("/v1/webhooks/{id}{path}"), Body::empty());
        house.send(Who::Stranger, asked).await.problem(404, "not_found");
    }
    for _ in 1..20 {
        add(&house, json!({"url": url})).await;
    }
    house.post("/v1/webhooks", json!({"url": url})).await.problem(409, "conflict");
    assert_eq!(house.get("/v1/webhooks").await.ok(200)["webhooks"].as_array().unwrap().len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alibaba_clouds_form_has_the_phone_and_nothing_else_is_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (receiver, url) = Receiver::start().await;
    add(&house, json!({"url": url, "format": "aliyun"})).await;
    house.engine.start_webhooks();
    carry(&house, 7, 1).await;
    receiver.until_told(1).await;
    let told = receiver.told().pop().unwrap().event();
    let report = &told[0];
    assert_eq!((&report["phone_number"], &report["success"]), (&json!("13800130007"), &json!(true)));
    assert_eq!((&report["err_code"], &report["sms_size"]), (&json!("DELIVERED"), &json!("1")));
    assert_eq!(report["report_time"], "2026-11-25 10:30:00");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(receiver.told().len(), 1, "that it was submitted is not pushed");
}

#[tokio::test]
async fn an_account_that_used_status_callbacks_can_end_recording_and_begin_anew() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let account = house.accounts.0;
    for _ in 0..2 {
        house.engine.prepare_callbacks(account).await.unwrap();
        assert_eq!(house.get("/v1/events/recording").await.ok(200), json!({"on": true}));
        house.ask("PUT", "/v1/events/recording", json!({"on": false})).await.ok(200);
        assert_eq!(house.get("/v1/events/recording").await.ok(200), json!({"on": false}));
    }
}
