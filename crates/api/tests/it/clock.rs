//! A clock that leaps ahead and is set back: what is asked is answered or refused for what it is, and never for a fault of ours.

use std::time::Duration;

use axum::body::Body;
use serde_json::{Value, json};

use crate::house::{Answer, House, Who, json_request, request};

const HOUR: Duration = Duration::from_secs(3_600);

async fn send(house: &House) -> Answer {
    let message = json!({"messages": [{"phone": "13800138000", "text": "您好", "signature": "鸿雁"}]});
    house.post("/v1/messages", message).await
}

/// A session of the owner's, as a browser keeps it.
async fn cookie(house: &House) -> String {
    let taken = json!({"token": house.owner_link, "password": "correct horse battery"});
    house.send(Who::Nobody, json_request("POST", "/v1/password", &taken)).await.ok(200);
    let proof = json!({"login": "owner", "password": "correct horse battery"});
    let answer = house.send(Who::Nobody, json_request("POST", "/v1/session", &proof)).await;
    answer.ok(201);
    answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

async fn me(house: &House, cookie: &str) -> Answer {
    let mut asked = request("GET", "/v1/me", Body::empty());
    asked.headers_mut().insert("cookie", cookie.parse().unwrap());
    house.send_as_is(asked).await
}

#[tokio::test]
async fn a_clock_that_leaps_ahead_ends_what_has_an_end_and_goes_on_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let session = cookie(&house).await;
    let key = json!({"name": "k", "scopes": ["messages:read"], "expires_at": "2026-11-26T10:00:00+08:00"});
    let key = house.post("/v1/keys", key).await.ok(201)["secret"].as_str().unwrap().to_owned();
    house.send_key(&key, request("GET", "/v1/messages", Body::empty())).await.ok(200);
    me(&house, &session).await.ok(200);
    send(&house).await.ok(202);
    house.pass(HOUR * 24 * 366 * 10);
    house.send_key(&key, request("GET", "/v1/messages", Body::empty())).await.problem(401, "key_expired");
    me(&house, &session).await.problem(401, "unauthorized");
    send(&house).await.ok(202);
    house.get("/v1/statements").await.ok(200);
    house.get("/v1/reports/messages?by=day").await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_told_and_what_only_reads_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    house.pass(HOUR);
    send(&house).await.ok(202);
    // A little is borne: ids and times go on from where they were.
    house.set_back(Duration::from_secs(2));
    send(&house).await.ok(202);
    house.set_back(HOUR);
    let refused = send(&house).await;
    let problem = refused.problem(503, "unavailable");
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(!problem["advice"].as_str().unwrap().is_empty());
    let listed: Value = house.get("/v1/messages").await.ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "reading goes on");
    house.post("/v1/templates", json!({"name": "a", "category": "notice", "text": "您好"})).await.ok(201);
    assert_eq!(house.get("/healthz").await.status, 200);
    // It is right again, and so is everything.
    house.pass(HOUR + Duration::from_secs(2));
    send(&house).await.ok(202);
}

#[tokio::test]
async fn cookies_that_were_made_up_or_changed_open_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let session = cookie(&house).await;
    me(&house, &session).await.ok(200);
    let (name, secret) = session.split_once('=').unwrap();
    let last = if secret.ends_with('0') { '1' } else { '0' };
    let changed = format!("{}{last}", &secret[..secret.len() - 1]);
    let forged = [
        format!("{name}={changed}"),
        format!("{name}={}", secret.to_uppercase()),
        format!("{name}={secret}x"),
        format!("{name}="),
        format!("{name}={}", "a".repeat(8_000)),
        format!("{name}={}", house.owner_key),
        format!("{}={secret}", name.trim_start_matches("__Host-")),
        format!("{name}=hyc_{}", "A".repeat(43)),
        secret.to_owned(),
    ];
    for cookie in forged {
        me(&house, &cookie).await.problem(401, "unauthorized");
    }
    // Nor does a cookie pass as a key.
    house.send_key(secret, request("GET", "/v1/me", Body::empty())).await.problem(401, "unauthorized");
    me(&house, &session).await.ok(200);
}
