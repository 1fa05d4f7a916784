//! Streams of what campaigns and channels are doing.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::house::{House, Who, request};

/// Somebody who watches.
struct Watcher {
    body: BodyDataStream,
    buffer: String,
}

impl Watcher {
    async fn open(house: &House, path: &str) -> Self {
        let mut asked = request("GET", path, Body::empty());
        asked.headers_mut().insert("authorization", format!("Bearer {}", house.owner_key).parse().unwrap());
        // There is no place to come back to: whatever is said, all there is comes first.
        asked.headers_mut().insert("last-event-id", "evt_00".parse().unwrap());
        let answer = house.router().oneshot(asked).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { body: answer.into_body().into_data_stream(), buffer: String::new() }
    }

    /// The next event: its name and what it says.
    async fn next(&mut self) -> (String, Value) {
        loop {
            while let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let line =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let found = line("event: ").zip(line("data: "));
                self.buffer = rest.to_owned();
                if let Some((name, data)) = found {
                    return (name, serde_json::from_str(&data).unwrap());
                }
            }
            let piece = tokio::time::timeout(Duration::from_secs(30), self.body.next()).await;
            let piece = piece.expect("something comes").expect("it goes on").unwrap();
            self.buffer.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The next event that says this of the thing with that id.
    async fn until(&mut self, of: &str, id: &str, done: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (_, data) = self.next().await;
            let found = data[of].as_array().unwrap().iter().find(|one| one["id"] == id);
            if let Some(found) = found.filter(|found| done(found)) {
                return found.clone();
            }
        }
    }
}

async fn campaign(house: &House) -> String {
    let uploaded = house.upload("a.csv", "手机号\n13800138000\n13900139000\n".as_bytes()).await.ok(201);
    let draft = json!({"name": "通知", "category": "notice", "signature": "鸿雁", "text": "您好",
        "audience": {"kind": "file", "import": uploaded["import"]["id"]}});
    let id = house.post("/v1/campaigns", draft).await.ok(201)["id"].as_str().unwrap().to_owned();
    house.post(&format!("/v1/campaigns/{id}/preflight"), json!({})).await.ok(200);
    id
}

#[tokio::test]
async fn campaigns_are_told_as_they_go_and_how_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let first = campaign(&house).await;
    let act = async |id: &str, action: &str| {
        house.post(&format!("/v1/campaigns/{id}/{action}"), json!({})).await.ok(200)
    };
    act(&first, "start").await;
    let mut watchers = Vec::new();
    for _ in 0..10 {
        let mut watcher = Watcher::open(&house, "/v1/live/campaigns").await;
        let (name, all) = watcher.next().await;
        assert_eq!(name, "snapshot");
        assert_eq!(
            (all["campaigns"].as_array().unwrap().len(), &all["campaigns"][0]["id"]),
            (1, &json!(first))
        );
        watchers.push(watcher);
    }
    for watcher in &mut watchers {
        let told = watcher.until("campaigns", &first, |told| told["progress"]["queued"] == 2).await;
        assert_eq!((&told["progress"]["state"], &told["progress"]["people"]), (&json!("running"), &json!(2)));
    }
    act(&first, "pause").await;
    let second = campaign(&house).await;
    act(&second, "start").await;
    for watcher in &mut watchers {
        watcher.until("campaigns", &first, |told| told["progress"]["state"] == "paused").await;
    }
    act(&first, "cancel").await;
    for watcher in &mut watchers {
        watcher.until("campaigns", &first, |told| told["progress"]["state"] == "cancelled").await;
    }
    // Whoever comes back begins with all there is.
    let mut back = Watcher::open(&house, "/v1/live/campaigns").await;
    let (name, all) = back.next().await;
    assert_eq!(name, "snapshot");
    assert!(all["campaigns"].as_array().unwrap().iter().any(|one| one["id"] == second));
}

#[tokio::test]
async fn another_tenant_sees_its_own_campaigns_and_no_channels() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let id = campaign(&house).await;
    house.post(&format!("/v1/campaigns/{id}/start"), json!({})).await.ok(200);
    let mut ours = Watcher::open(&house, "/v1/live/campaigns").await;
    assert_eq!(ours.next().await.1["campaigns"][0]["id"], id);
    house
        .send(Who::Stranger, request("GET", "/v1/live/channels", Body::empty()))
        .await
        .problem(403, "forbidden");
    house
        .send(Who::Nobody, request("GET", "/v1/live/campaigns", Body::empty()))
        .await
        .problem(401, "unauthorized");
    let mut asked = request("GET", "/v1/live/campaigns", Body::empty());
    asked.headers_mut().insert("authorization", "Bearer hy_stranger".parse().unwrap());
    let answer = house.router().oneshot(asked).await.unwrap();
    let mut theirs = Watcher { body: answer.into_body().into_data_stream(), buffer: String::new() };
    assert_eq!(theirs.next().await, ("snapshot".to_owned(), json!({"campaigns": []})));
}

#[tokio::test]
async fn channels_are_told_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let mut watcher = Watcher::open(&house, "/v1/live/channels").await;
    let (name, all) = watcher.next().await;
    assert_eq!((name.as_str(), &all["channels"][0]["id"]), ("snapshot", &json!("chn_1")));
    let channel = json!({"gateway": "gwy_1", "name": "改名", "protocol": "cmpp30", "host": "127.0.0.1", "port": 7890,
        "login": "login", "access_code": "10690000", "cost": {"micros": 1}, "enabled": false});
    house.ask("PUT", "/v1/channels/chn_1", channel).await.ok(200);
    let told = watcher.until("channels", "chn_1", |told| told["enabled"] == false).await;
    assert_eq!(told["name"], "改名");
    assert!(!told.to_string().contains(crate::house::CHANNEL_SECRET));
}
