//! What we sign, verified by the library of Standard Webhooks.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::Shop;
use crate::peer::Peer;

type Heard = (HashMap<String, String>, String);

async fn receiver() -> (String, mpsc::Receiver<Heard>) {
    async fn take(State(send): State<mpsc::Sender<Heard>>, headers: HeaderMap, body: String) -> StatusCode {
        let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        send.send((headers, body)).await.unwrap();
        StatusCode::OK
    }
    let (send, receive) = mpsc::channel(16);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(take)).with_state(send);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, receive)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_library_verifies_what_we_sign() {
    let shop = Shop::open().await;
    let house = &shop.house;
    let (url, mut heard) = receiver().await;
    let granted = house.post("/v1/webhooks", json!({"url": url})).await.ok(201);
    let test = format!("/v1/webhooks/{}/test", granted["webhook"]["id"].as_str().unwrap());
    let rotate = format!("/v1/webhooks/{}/rotate", granted["webhook"]["id"].as_str().unwrap());
    let mut peer = Peer::start("webhook_receiver.py", &json!({}));
    let mut verify = async |secret: &Value, heard: &Heard, event: &str| {
        peer.order(&json!({"do": "verify", "secret": secret, "headers": heard.0, "body": heard.1}));
        peer.next(event).await
    };
    house.post(&test, json!({})).await.ok(200);
    let first = heard.recv().await.unwrap();
    let verified = verify(&granted["secret"], &first, "verified").await;
    assert_eq!(verified["payload"]["type"], "webhook.test");

    // While two secrets overlap, a receiver that has either is content.
    let rotated = house.post(&rotate, json!({})).await.ok(200);
    house.post(&test, json!({})).await.ok(200);
    let second = heard.recv().await.unwrap();
    for secret in [&granted["secret"], &rotated["secret"]] {
        verify(secret, &second, "verified").await;
    }
    verify(&rotated["secret"], &first, "refused").await;
    let tampered = (second.0.clone(), second.1.replace("webhook.test", "webhook.tost"));
    verify(&rotated["secret"], &tampered, "refused").await;

    house.pass(Duration::from_secs(25 * 3_600));
    house.post(&test, json!({})).await.ok(200);
    let third = heard.recv().await.unwrap();
    assert!(!third.0["webhook-signature"].contains(' '), "the old one signs no more");
}
