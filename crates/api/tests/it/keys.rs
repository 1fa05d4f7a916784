//! Keys: scopes, networks, expiry, revocation, signatures, last use.

use std::time::Duration;

use api::ClientAddress;
use axum::body::Body;
use axum::http::Request;
use domain::access::{SignedParts, signed_text};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::house::{House, Who, json_request, request};

fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
    request
}

fn tags() -> Request<Body> {
    request("GET", "/v1/tags", Body::empty())
}

async fn made(house: &House, body: Value) -> (String, String) {
    let made = house.post("/v1/keys", body).await.ok(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["key"]["id"]), text(&made["secret"]))
}

#[tokio::test]
async fn a_key_is_let_in_from_its_networks_until_it_ends_or_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let body = json!({"name": "shop", "scopes": ["contacts:read"], "networks": ["10.0.0.0/24"],
        "expires_at": "2026-11-25T11:30:00+08:00"});
    let (id, secret) = made(&house, body).await;
    assert!(secret.starts_with("hy_"));
    house.send_key(&secret, from("10.0.0.9", tags())).await.ok(200);
    house.send_key(&secret, from("10.0.1.9", tags())).await.problem(403, "address_not_allowed");
    let mut chinese = from("10.0.1.9", tags());
    chinese.headers_mut().insert("accept-language", "zh".parse().unwrap());
    let problem = house.send_key(&secret, chinese).await.problem(403, "address_not_allowed");
    assert_eq!(problem["title"], "该来源地址不可使用此密钥");

    house.engine.access().write_uses().await.unwrap();
    let listed = house.get("/v1/keys").await;
    assert!(!listed.text().contains(&secret));
    let listed = listed.ok(200);
    assert_eq!(
        (&listed["items"][0]["id"], &listed["items"][0]["used_at"]),
        (&json!(id), &json!("2026-11-25T10:30:00.000+08:00"))
    );

    house.pass(Duration::from_secs(3_600));
    house.send_key(&secret, from("10.0.0.9", tags())).await.problem(401, "key_expired");
    let (id, secret) = made(&house, json!({"name": "other", "scopes": ["contacts:read"]})).await;
    house.send_key(&secret, tags()).await.ok(200);
    house.ask("DELETE", &format!("/v1/keys/{id}"), json!({})).await.ok(200);
    house.send_key(&secret, tags()).await.problem(401, "key_revoked");
    house.ask("DELETE", &format!("/v1/keys/{id}"), json!({})).await.problem(404, "not_found");
    let listed = house.get("/v1/keys?limit=1").await.ok(200);
    assert!(listed["items"][0]["revoked_at"].is_string() && listed["next"].is_string());
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_by_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let good = json!({"name": "k", "scopes": ["messages:read"]});
    for (field, value, pointer) in [
        ("name", json!(" "), "/name"),
        ("scopes", json!([]), "/scopes"),
        ("scopes", json!(["messages:read", "messages:eat"]), "/scopes/1"),
        ("networks", json!(["10.0.0.0/8", "10.0.0.0/40"]), "/networks/1"),
        ("expires_at", json!("2026-11-25T09:00:00+08:00"), "/expires_at"),
        ("expires_at", json!("tomorrow"), "/expires_at"),
        ("per_minute", json!(0), "/per_minute"),
        ("scope", json!([]), "/scope"),
    ] {
        let mut odd = good.clone();
        odd[field] = value;
        let problem = house.post("/v1/keys", odd).await.problem(422, "invalid_field");
        assert_eq!(problem["pointer"], pointer);
    }
    let maker = house.key(&["keys:write", "messages:read"]).await;
    let more = json_request("POST", "/v1/keys", &json!({"name": "k", "scopes": ["messages:send"]}));
    let problem = house.send_key(&maker, more).await.problem(422, "invalid_field");
    assert!(
        problem["detail"].as_str().unwrap().contains("messages:send"),
        "nobody gives what they do not have"
    );
    let same = json_request("POST", "/v1/keys", &good);
    house.send_key(&maker, same).await.ok(201);
    let operators = json_request("POST", "/v1/keys", &json!({"name": "k", "scopes": ["channels:read"]}));
    house.send(Who::Stranger, operators).await.problem(422, "invalid_field");
}

#[tokio::test]
async fn a_key_of_few_requests_is_told_when_they_are_used_up() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (_, secret) =
        made(&house, json!({"name": "slow", "scopes": ["contacts:read"], "per_minute": 2})).await;
    let answer = house.send_key(&secret, tags()).await;
    answer.ok(200);
    assert_eq!(answer.headers["ratelimit-policy"], "\"minute\";q=2;w=60");
    assert!(answer.headers["ratelimit"].to_str().unwrap().starts_with("\"minute\";r=1;t="));
    house.send_key(&secret, tags()).await.ok(200);
    let refused = house.send_key(&secret, tags()).await;
    refused.problem(429, "rate_limited");
    assert!(refused.headers.contains_key("retry-after"));
    assert!(refused.headers["ratelimit"].to_str().unwrap().starts_with("\"minute\";r=0;t="));
    house.pass(Duration::from_secs(60));
    house.send_key(&secret, tags()).await.ok(200);
}

struct Signer<'a> {
    id: &'a str,
    secret: &'a str,
    at: i64,
    nonce: &'a str,
}

impl Signer<'_> {
    fn sign(&self, method: &str, path: &str, body: &Value) -> Request<Body> {
        let mut request = json_request(method, path, body);
        let body_sha256: [u8; 32] = Sha256::digest(body.to_string().as_bytes()).into();
        let parts = SignedParts {
            method,
            target: path,
            account: "",
            idempotency_key: "order-1",
            body_sha256: &body_sha256,
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).unwrap();
        mac.update(signed_text(self.at, self.nonce, &parts).as_bytes());
        let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let Self { id, at, nonce, .. } = self;
        let header = format!("key={id},t={at},n={nonce},v1={digits}");
        request.headers_mut().insert("hongyan-signature", header.parse().unwrap());
        request.headers_mut().insert("idempotency-key", "order-1".parse().unwrap());
        request
    }
}

#[tokio::test]
async fn a_signed_request_is_good_once_as_it_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let (id, secret) = made(&house, json!({"name": "s", "scopes": ["messages:send"], "signs": true})).await;
    assert!(secret.starts_with("hys_"));
    house.send_key(&secret, tags()).await.problem(401, "unauthorized");
    let signer = Signer { id: &id, secret: &secret, at: house.seconds(), nonce: "abcdefgh01" };
    let body = json!({"messages": [{"phone": "13800138000", "text": "您好", "signature": "鸿雁"}]});
    house.send_as_is(signer.sign("POST", "/v1/messages", &body)).await.ok(202);
    house.send_as_is(signer.sign("POST", "/v1/messages", &body)).await.problem(401, "signature_replayed");

    let next = Signer { nonce: "abcdefgh02", ..signer };
    let mut other_body = next.sign("POST", "/v1/messages", &body);
    *other_body.body_mut() = Body::from(json!({"messages": []}).to_string());
    house.send_as_is(other_body).await.problem(401, "signature_invalid");
    let mut other_key = next.sign("POST", "/v1/messages", &body);
    other_key.headers_mut().insert("idempotency-key", "order-2".parse().unwrap());
    house.send_as_is(other_key).await.problem(401, "signature_invalid");
    let mut other_path = next.sign("POST", "/v1/messages", &body);
    *other_path.uri_mut() = "/v1/templates/preview".parse().unwrap();
    house.send_as_is(other_path).await.problem(401, "signature_invalid");
    let mut other_account = next.sign("POST", "/v1/messages", &body);
    other_account.headers_mut().insert("hongyan-account", house.accounts.1.to_string().parse().unwrap());
    house.send_as_is(other_account).await.problem(401, "signature_invalid");
    let guessed = Signer { secret: "hys_guess", ..next };
    house.send_as_is(guessed.sign("POST", "/v1/messages", &body)).await.problem(401, "signature_invalid");

    let late = Signer { at: house.seconds() - 301, secret: &secret, ..guessed };
    house.send_as_is(late.sign("POST", "/v1/messages", &body)).await.problem(401, "clock_skew");
    let early = Signer { at: house.seconds() + 301, ..late };
    house.send_as_is(early.sign("POST", "/v1/messages", &body)).await.problem(401, "clock_skew");
    let good = Signer { at: house.seconds() + 300, ..early };
    house.send_as_is(good.sign("POST", "/v1/messages", &body)).await.ok(202);
    let scoped = Signer { nonce: "abcdefgh03", ..good };
    house.send_as_is(scoped.sign("GET", "/v1/tags", &json!({}))).await.problem(403, "forbidden");
    let mut broken = tags();
    broken.headers_mut().insert("hongyan-signature", "v1=zz".parse().unwrap());
    house.send_as_is(broken).await.problem(401, "signature_invalid");
}
