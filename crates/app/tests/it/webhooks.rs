//! Webhooks of the whole program: on PostgreSQL, when the node that calls is killed, and when it dies between a call and its record.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sim::SimConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::house::{CONFIG, Channel, House};
use crate::postgres_server::fresh_database;

/// Looks, 50 ms apart, after which what is awaited is taken not to come: longer than a take-over and a retry.
const LOOKS: u32 = 2_400;

/// One call: its id, and the event that it tells.
#[derive(Clone, Debug)]
struct Heard {
    id: String,
    event: Value,
}

/// Somebody who is called: it reads, and answers when it is told to.
struct Receiver {
    at: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    answers: watch::Sender<bool>,
}

impl Receiver {
    async fn open(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            at: listener.local_addr().unwrap(),
            heard: Arc::default(),
            answers: watch::Sender::new(answers),
        };
        let (heard, answers) = (Arc::clone(&receiver.heard), receiver.answers.subscribe());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take_calls(stream, Arc::clone(&heard), answers.clone()));
            }
        });
        receiver
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    async fn until(&self, what: &str, done: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        for _ in 0..LOOKS {
            let heard = self.heard();
            if done(&heard) {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}: {} calls were heard", self.heard().len());
    }
}

/// One connection: calls one after the other; an answer waits until answers are given.
async fn take_calls(
    mut stream: TcpStream,
    heard: Arc<Mutex<Vec<Heard>>>,
    mut answers: watch::Receiver<bool>,
) {
    let mut buffer = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
        let header = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
        };
        let length: usize = header("content-length:").expect("a length").parse().unwrap();
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let event = serde_json::from_slice(&buffer[head..head + length]).unwrap();
        heard.lock().unwrap().push(Heard { id: header("webhook-id:").expect("an id"), event });
        buffer.drain(..head + length);
        if answers.wait_for(|answers| *answers).await.is_err() {
            return;
        }
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
            return;
        }
    }
}

/// A house whose calls may go to this machine.
fn house(database: Option<String>) -> House {
    let house = House::on(database);
    house.write("hongyan.toml", format!("private_callbacks = true\n{CONFIG}"));
    house
}

async fn opened(database: Option<String>) -> House {
    let mut house = house(database.clone());
    if database.is_some() {
        house.command("migrate").ok();
    }
    house.start();
    house
}

/// Somebody is called with what happens to messages from now on.
async fn webhook(house: &House, receiver: &Receiver) -> String {
    let body = json!({"url": format!("http://{}/", receiver.at), "types": ["message.delivered"]});
    let made = house.api(Method::POST, "/v1/webhooks", Some(&body)).await;
    made["webhook"]["id"].as_str().expect("an id").to_owned()
}

/// Sends to so many phones from the first on; the ids.
async fn send(house: &House, first: u32, count: u32) -> HashSet<String> {
    let message = |number: u32| json!({"phone": format!("138{number:08}"), "text": "您的包裹已到", "signature": "鸿雁"});
    let messages: Vec<Value> = (first..first + count).map(message).collect();
    let taken = house.api(Method::POST, "/v1/messages", Some(&json!({"messages": messages}))).await;
    let results = taken["results"].as_array().expect("results").iter();
    results.map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
}

/// Whom calls told of, and that each event had one id, however often it was told.
fn messages(heard: &[Heard]) -> HashSet<String> {
    let mut ids: HashMap<&str, &Value> = HashMap::new();
    for call in heard {
        let known = ids.entry(&call.id).or_insert(&call.event["data"]);
        assert_eq!(*known, &call.event["data"], "an id is of one event");
    }
    let events: HashSet<(&Value, &Value)> =
        heard.iter().map(|call| (&call.event["data"]["message"], &call.event["type"])).collect();
    assert_eq!(events.len(), ids.len(), "an event has one id");
    heard.iter().map(|call| call.event["data"]["message"].as_str().expect("a message").to_owned()).collect()
}

async fn told_after_a_kill_between_call_and_record(database: Option<String>) {
    let mut house = opened(database).await;
    let stop = CancellationToken::new();
    let carrier = sim::run(SimConfig::ideal(), stop.clone()).await.unwrap();
    house.open_channel(carrier.addr(), &Channel::PLAIN).await;
    let receiver = Receiver::open(false).await;
    webhook(&house, &receiver).await;
    let sent = send(&house, 0, 20).await;
    // The receiver has some of it, and nothing of that is written down: its answers never come.
    receiver.until("a call that is not answered", |heard| !heard.is_empty()).await;
    house.kill();
    let before = receiver.heard();
    receiver.answers.send_replace(true);
    house.start();
    let is_again = |call: &Heard| before.iter().any(|one| one.id == call.id);
    let after = receiver
        .until("what was called and not written down, again and with the same id, and the rest", |heard| {
            heard[before.len()..].iter().any(is_again) && messages(heard) == sent
        })
        .await;

    // Answered, and perhaps written down, perhaps not: told once or twice.
    let heard = after.len();
    let more = send(&house, 100, 20).await;
    receiver.until("an answered call", |all| all.len() > heard).await;
    house.kill();
    house.start();
    let all: HashSet<String> = sent.union(&more).cloned().collect();
    receiver.until("everything again", |heard| messages(heard) == all).await;
    assert_eq!(house.terminate(), 0);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_called_and_not_written_down_is_told_again() {
    told_after_a_kill_between_call_and_record(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_called_and_not_written_down_is_told_again_on_a_server() {
    told_after_a_kill_between_call_and_record(Some(fresh_database().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_goes_on_when_the_one_that_calls_is_killed() {
    let database = fresh_database().await;
    let mut first = opened(Some(database.clone())).await;
    let mut second = house(Some(database));
    for name in ["data.key", "data.owner"] {
        std::fs::copy(first.path(name), second.path(name)).unwrap();
    }
    second.start();
    let stop = CancellationToken::new();
    let carrier = sim::run(SimConfig::ideal(), stop.clone()).await.unwrap();
    first.open_channel(carrier.addr(), &Channel { connections: 4, ..Channel::PLAIN }).await;
    let receiver = Receiver::open(true).await;
    let id = webhook(&first, &receiver).await;
    let sent = send(&first, 0, 20).await;
    receiver.until("what the first node tells", |heard| messages(heard) == sent).await;
    // It began first, so it has the duty; it dies with calls under way that nobody answers.
    receiver.answers.send_replace(false);
    let more = send(&first, 100, 40).await;
    let heard = receiver.heard().len();
    receiver.until("calls under way", |all| all.len() > heard).await;
    first.kill();
    receiver.answers.send_replace(true);
    let all: HashSet<String> = sent.union(&more).cloned().collect();
    receiver.until("what the second node tells", |heard| messages(heard) == all).await;
    let shown = second.api(Method::GET, &format!("/v1/webhooks/{id}"), None).await;
    assert_eq!(shown["enabled"], true);
    assert_eq!(second.terminate(), 0);
    stop.cancel();
}
