//! Sending by request: results per item, repeated requests, look-up with trail, listings.

use axum::http::Request;
use serde_json::{Value, json};

use crate::house::{House, Who, json_request};

fn one(phone: &str) -> Value {
    json!({"phone": phone, "text": "您的验证码是 246810", "signature": "鸿雁", "category": "otp"})
}

fn keyed(body: &Value, key: &str) -> Request<axum::body::Body> {
    let mut request = json_request("POST", "/v1/messages", body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

#[tokio::test]
async fn a_batch_answers_for_each_item() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let body = json!({"messages": [one("138 0013 8000"), one("1380013800"), one("+86-139-0013-9000")]});
    let answer = house.post("/v1/messages", body).await.ok(202);
    assert_eq!(answer["accepted"], 2);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results[0]["price"], json!({"micros": 45_000, "currency": "CNY"}));
    assert_eq!(results[1]["refused"]["reason"], "phone_too_short");
    assert_eq!(results[1]["refused"]["pointer"], "/messages/1/phone");
    assert!(results[1].get("id").is_none());

    let id = results[0]["id"].as_str().unwrap();
    let message = house.get(&format!("/v1/messages/{id}")).await.ok(200);
    assert_eq!(message["phone"], "+86138****8000");
    assert_eq!(message["text"], "【鸿雁】您的验证码是 246810");
    assert_eq!((&message["state"], &message["trail"][0]["event"]), (&json!("queued"), &json!("accepted")));
    assert_eq!(message["accepted_at"], "2026-11-25T10:30:00.000+08:00");
    assert_eq!(message["valid_until"], "2026-11-25T10:35:00.000+08:00");
    let revealed = house.get(&format!("/v1/messages/{id}?reveal=true")).await.ok(200);
    assert_eq!(revealed["phone"], "+8613800138000");
}

#[tokio::test]
async fn a_single_refused_message_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let problem =
        house.post("/v1/messages", json!({"messages": [one("12")]})).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/messages/0/phone");
    let empty = house.post("/v1/messages", json!({"messages": []})).await.problem(422, "invalid_field");
    assert_eq!(empty["pointer"], "/messages");
    let both = json!({"messages": [{"phone": "13800138000", "text": "x", "template": "tpl_0000000000000"}]});
    let problem = house.post("/v1/messages", both).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/messages/0/template");
    let unknown = json!({"messages": [{"phone": "13800138000", "txt": "x"}]});
    let problem = house.post("/v1/messages", unknown).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/messages/0/txt");
    let late = json!({"messages": [{"phone": "13800138000", "text": "x", "send_at": "2026-11-25 10:00"}]});
    let problem = house.post("/v1/messages", late).await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "/messages/0/send_at");
}

#[tokio::test]
async fn a_repeated_request_sends_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let body = json!({"messages": [one("13800138000"), one("13900139000")]});
    let first = house.send(Who::Owner, keyed(&body, "order-1")).await.ok(202);
    let again = house.send(Who::Owner, keyed(&body, "order-1")).await.ok(202);
    assert_eq!(first, again);
    let listed = house.get("/v1/messages").await.ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let other = json!({"messages": [one("13700137000"), one("13900139000")]});
    house.send(Who::Owner, keyed(&other, "order-1")).await.problem(422, "idempotency_mismatch");
    house.send(Who::Owner, keyed(&body, &"k".repeat(200))).await.problem(422, "invalid_field");
}

#[tokio::test]
async fn listings_page_and_filter() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let batch: Vec<Value> = (0..25).map(|n| one(&format!("138001380{n:02}"))).collect();
    house.post("/v1/messages", json!({"messages": batch})).await.ok(202);
    let (mut path, mut found, mut pages) = ("/v1/messages?limit=10".to_owned(), Vec::new(), 0);
    loop {
        let page = house.get(&path).await.ok(200);
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.len() <= 10 && items.iter().all(|item| item.get("trail").is_none()));
        found.extend(items.into_iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page.get("next") else { break };
        path = format!("/v1/messages?limit=10&cursor={}", next.as_str().unwrap());
    }
    assert!(pages >= 3);
    assert!(found.len() == 25 && found.is_sorted(), "every message once, in order");
    let of_phone = house.get("/v1/messages?phone=13800138007&state=queued&reveal=true").await.ok(200);
    assert_eq!(of_phone["items"].as_array().unwrap().len(), 1);
    assert_eq!(of_phone["items"][0]["phone"], "+8613800138007");
    assert_eq!(house.get("/v1/messages?state=delivered").await.ok(200)["items"], json!([]));
    let problem = house.get("/v1/messages?cursor=xyz").await.problem(422, "invalid_field");
    assert_eq!(problem["pointer"], "?cursor");
}

#[tokio::test]
async fn what_waits_is_cancelled_and_what_has_ended_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let mut later = one("13800138000");
    later["send_at"] = json!("2026-11-25T12:00:00+08:00");
    let sent = house.post("/v1/messages", json!({"messages": [later]})).await.ok(202);
    let id = sent["results"][0]["id"].as_str().unwrap().to_owned();
    let early = house.post(&format!("/v1/messages/{id}/redact"), json!({})).await.problem(409, "conflict");
    assert!(early["detail"].as_str().unwrap().contains("queued"), "{early}");
    for _ in 0..2 {
        let cancelled = house.post(&format!("/v1/messages/{id}/cancel"), json!({})).await.ok(200);
        assert_eq!(
            (&cancelled["state"], &cancelled["reason"]),
            (&json!("cancelled"), &json!("cancelled_on_request"))
        );
        assert_eq!(
            (&cancelled["text"], &cancelled["trail"][1]["event"]),
            (&json!("【鸿雁】您的验证码是 246810"), &json!("cancelled"))
        );
    }
    let redacted = house.post(&format!("/v1/messages/{id}/redact"), json!({})).await.ok(200);
    assert_eq!(
        (&redacted["text"], &redacted["redacted_at"]),
        (&json!(""), &json!("2026-11-25T10:30:00.000+08:00"))
    );
    assert_eq!((&redacted["phone"], &redacted["state"]), (&json!("+86138****8000"), &json!("cancelled")));
    assert_eq!(house.get(&format!("/v1/messages/{id}")).await.ok(200)["text"], "");
    let none = "/v1/messages/msg_0d4x0k1g00000/cancel";
    house.post(none, json!({})).await.problem(404, "not_found");
}
