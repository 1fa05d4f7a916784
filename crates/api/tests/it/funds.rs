//! What a bounded account is told when its money does not suffice: 402, what a campaign lacks, events and metrics.

use std::time::Duration;

use engine::billing::Poster;
use serde_json::{Value, json};

use crate::house::{House, Who, json_request};
use crate::metrics::page;

/// What one part costs here.
const PRICE: i64 = 45_000;

async fn bound(house: &House, more: Value) {
    let mut terms = json!({"mode": "bounded", "charge": "submitted", "credit": {"micros": 0}});
    terms.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = format!("/v1/accounts/{}/terms", house.accounts.0);
    house.ask("PUT", &path, terms).await.ok(200);
}

async fn top_up(house: &House, key: &str, micros: i64) {
    let path = format!("/v1/accounts/{}/top-ups", house.accounts.0);
    let mut request = json_request("POST", &path, &json!({"amount": {"micros": micros}}));
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    house.send(Who::Owner, request).await.ok(201);
}

fn messages(phones: &[&str]) -> Value {
    let message = |phone: &&str| json!({"phone": phone, "text": "您好", "signature": "鸿雁"});
    json!({"messages": phones.iter().map(message).collect::<Vec<_>>()})
}

#[tokio::test]
async fn a_single_message_that_cannot_be_paid_is_402_and_a_batch_says_it_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    bound(&house, json!({})).await;
    let one = messages(&["13800138000"]);
    let problem = house.post("/v1/messages", one.clone()).await.problem(402, "insufficient_balance");
    assert!(problem["detail"].as_str().unwrap().contains("0.00"), "{problem}");
    assert!(!problem["advice"].as_str().unwrap().is_empty() && problem.get("pointer").is_none());
    let mut chinese = json_request("POST", "/v1/messages", &one);
    chinese.headers_mut().insert("accept-language", "zh".parse().unwrap());
    let problem = house.send(Who::Owner, chinese).await.problem(402, "insufficient_balance");
    assert!(problem["detail"].as_str().unwrap().contains("¥0.00"), "with its currency: {problem}");

    let batch = house.post("/v1/messages", messages(&["13800138000", "12"])).await.ok(202);
    assert_eq!(batch["accepted"], 0);
    assert_eq!(batch["results"][0]["refused"]["reason"], "insufficient_balance");
    top_up(&house, "a", PRICE).await;
    house.pass(Duration::from_secs(2));
    house.post("/v1/messages", one.clone()).await.ok(202);

    bound(&house, json!({"credit": {"micros": 9_000_000}, "daily_limit": {"micros": PRICE}})).await;
    house.pass(Duration::from_secs(2));
    house.post("/v1/messages", one).await.problem(402, "limit_reached");
    let page = page(&house).await;
    assert!(page.contains("hongyan_messages_unpaid_total{why=\"funds\"} 3\n"), "{page}");
    assert!(page.contains("hongyan_messages_unpaid_total{why=\"daily_limit\"} 1\n"), "{page}");
}

async fn campaign(house: &House, scheduled_at: Option<&str>) -> String {
    let csv = "手机号\n13800138000\n13900139000\n13700137000\n";
    let uploaded = house.upload("a.csv", csv.as_bytes()).await.ok(201);
    let mut draft = json!({"name": "通知", "category": "notice", "signature": "鸿雁", "text": "您好",
        "audience": {"kind": "file", "import": uploaded["import"]["id"]}});
    if let Some(at) = scheduled_at {
        draft["scheduled_at"] = json!(at);
    }
    let made = house.post("/v1/campaigns", draft).await.ok(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn funding(house: &House, id: &str) -> Value {
    house.get(&format!("/v1/campaigns/{id}")).await.ok(200)["preflight"]["funding"].clone()
}

#[tokio::test]
async fn a_campaign_says_what_it_lacks_before_it_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let open = campaign(&house, None).await;
    let counted = house.post(&format!("/v1/campaigns/{open}/preflight"), json!({})).await.ok(200);
    assert!(counted["preflight"].get("funding").is_none(), "nothing bounds it");
    bound(&house, json!({})).await;
    top_up(&house, "a", PRICE).await;
    let id = campaign(&house, None).await;
    let counted = house.post(&format!("/v1/campaigns/{id}/preflight"), json!({})).await.ok(200);
    let told = &counted["preflight"]["funding"];
    assert_eq!(told["needed"]["micros"], 3 * PRICE);
    assert_eq!(
        (&told["lacking"]["micros"], &told["reason"]),
        (&json!(2 * PRICE), &json!("insufficient_balance"))
    );
    assert_eq!((&told["held"], &told["waits"]), (&json!(false), &json!(false)));
    let start = format!("/v1/campaigns/{id}/start");
    house.post(&start, json!({})).await.problem(402, "insufficient_balance");
    top_up(&house, "b", 2 * PRICE).await;
    let told = funding(&house, &id).await;
    assert!(told.get("lacking").is_none() && told.get("reason").is_none(), "as things are now: {told}");
    house.post(&start, json!({})).await.ok(200);
    assert!(funding(&house, &id).await.is_null(), "it has begun");
}

#[tokio::test]
async fn a_scheduled_campaign_of_an_account_that_became_bounded_says_that_it_waits_for_money() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let id = campaign(&house, Some("2026-11-25T11:00:00+08:00")).await;
    house.post(&format!("/v1/campaigns/{id}/preflight"), json!({})).await.ok(200);
    assert_eq!(
        house.post(&format!("/v1/campaigns/{id}/start"), json!({})).await.ok(200)["state"],
        "scheduled"
    );
    bound(&house, json!({})).await;
    let told = funding(&house, &id).await;
    assert_eq!((&told["lacking"]["micros"], &told["waits"]), (&json!(3 * PRICE), &json!(false)), "not yet");
    house.pass(Duration::from_secs(1_800));
    house.engine.keep_campaigns().await.unwrap();
    let told = funding(&house, &id).await;
    assert_eq!((&told["waits"], &told["reason"]), (&json!(true), &json!("insufficient_balance")));
    assert_eq!(house.get(&format!("/v1/campaigns/{id}")).await.ok(200)["state"], "scheduled");
    top_up(&house, "a", 3 * PRICE).await;
    house.engine.keep_campaigns().await.unwrap();
    assert_eq!(house.get(&format!("/v1/campaigns/{id}")).await.ok(200)["state"], "running");
}

/// The kinds of what an account was told since it listens, of its balance.
async fn told(house: &House) -> Vec<(String, i64)> {
    let types = "types=balance.low,balance.exhausted,balance.restored";
    let events = house.get(&format!("/v1/events?from=oldest&{types}")).await.ok(200);
    let one = |event: &Value| {
        assert_eq!(event["amount"]["currency"], "CNY");
        (event["type"].as_str().unwrap().to_owned(), event["amount"]["micros"].as_i64().unwrap())
    };
    events["events"].as_array().unwrap().iter().map(one).collect()
}

#[tokio::test]
async fn a_balance_is_told_when_it_falls_and_when_it_is_restored_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    house.ask("PUT", "/v1/events/recording", json!({"on": true})).await.ok(200);
    bound(&house, json!({"alert_below": {"micros": 2 * PRICE}})).await;
    top_up(&house, "a", 3 * PRICE).await;
    let mut poster = Poster::default();
    house.engine.post_round(&mut poster).await.unwrap();
    assert_eq!(told(&house).await, []);
    let send = async || house.post("/v1/messages", messages(&["13800138000"])).await.ok(202);
    send().await;
    house.engine.post_round(&mut poster).await.unwrap();
    assert_eq!(told(&house).await, [], "two prices are left, and the bound is two prices");
    send().await;
    house.engine.post_round(&mut poster).await.unwrap();
    house.engine.post_round(&mut poster).await.unwrap();
    let low = ("balance.low".to_owned(), PRICE);
    assert_eq!(told(&house).await, std::slice::from_ref(&low), "once");
    let page = page(&house).await;
    assert!(page.contains("hongyan_accounts_short{level=\"low\"} 1\n"), "{page}");
    // Another node takes the duty over, and does not tell it again.
    let mut poster = Poster::default();
    send().await;
    house.engine.post_round(&mut poster).await.unwrap();
    let exhausted = ("balance.exhausted".to_owned(), 0);
    assert_eq!(told(&house).await, [low.clone(), exhausted.clone()]);
    top_up(&house, "b", 5 * PRICE).await;
    house.engine.post_round(&mut poster).await.unwrap();
    assert_eq!(told(&house).await, [low, exhausted, ("balance.restored".to_owned(), 5 * PRICE)]);
}
