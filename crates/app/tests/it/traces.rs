//! A message's trace from accept to receipt, as a collector receives it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sim::SimConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::house::{Channel, House};

type Spans = Arc<Mutex<Vec<Value>>>;

/// A collector that keeps the spans of every request.
async fn collector() -> (String, Spans) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let spans = Spans::default();
    let kept = Arc::clone(&spans);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(stream, Arc::clone(&kept)));
        }
    });
    (endpoint, spans)
}

/// One request of each connection, which is enough for a client that is told to close.
async fn take(mut stream: TcpStream, kept: Spans) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    let body = loop {
        let count = stream.read(&mut piece).await.unwrap_or(0);
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole = text.split_once("\r\n\r\n").and_then(|(head, body)| {
            assert!(head.starts_with("POST /v1/traces "), "{head}");
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            (body.len() >= length.parse::<usize>().ok()?).then(|| body.to_owned())
        });
        match whole {
            Some(body) => break body,
            None if count == 0 => return,
            None => {}
        }
    };
    let document: Value = serde_json::from_str(&body).unwrap();
    let spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    kept.lock().unwrap().extend(spans);
    let _gone =
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_traced_from_accept_to_receipt() {
    let (endpoint, kept) = collector().await;
    let stop = CancellationToken::new();
    let carrier = sim::run(SimConfig::ideal(), stop.clone()).await.unwrap();
    let mut house = House::open();
    house.terminate();
    house.write(
        "hongyan.toml",
        format!(
            "{}[traces]\notlp_endpoint = \"{endpoint}\"\nsample_per_million = 1000000\n",
            crate::house::CONFIG
        ),
    );
    house.start();
    house.open_channel(carrier.addr(), &Channel::PLAIN).await;
    let send = ["send", "--to", "13900138000", "--signature", "鸿雁", "--text", "您的验证码是246810"];
    let id = house.ask(&[&send[..], &["--category", "otp"]].concat()).ok().trim().to_owned();
    while house.ask(&["message", "show", &id, "--json"]).json()["state"] != "delivered" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // What was gathered is sent at the end.
    assert_eq!(house.terminate(), 0);
    let spans = kept.lock().unwrap().clone();
    let names: BTreeSet<&str> = spans.iter().filter_map(|span| span["name"].as_str()).collect();
    assert_eq!(names, BTreeSet::from(["accept", "claim", "receipt", "settle"]), "{spans:?}");
    let traces: BTreeSet<&str> = spans.iter().filter_map(|span| span["traceId"].as_str()).collect();
    assert_eq!(traces.len(), 1, "{spans:?}");
    let ids: BTreeSet<&str> = spans.iter().filter_map(|span| span["spanId"].as_str()).collect();
    for span in &spans {
        let parent = span["parentSpanId"].as_str();
        assert_eq!(parent.is_none(), span["name"] == "accept");
        assert!(parent.is_none_or(|parent| ids.contains(parent)), "{spans:?}");
    }
    let told = serde_json::to_string(&spans).unwrap();
    assert!(told.contains(&id) && !told.contains("13900138000") && !told.contains("246810"), "{told}");
    stop.cancel();
}
