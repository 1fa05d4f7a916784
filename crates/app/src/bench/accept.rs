//! Accepting over HTTP: batches from several clients, each answered when its messages are durable.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use domain::time::Clock as _;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::campaign::round;
use super::process::Helper;
use super::server::ServerSetup;
use super::stopwatch::Stopwatch;
use super::{PARTITIONS, Show, ledger, world};
use crate::clock::SystemClock;

/// Longest time told apart, in microseconds.
const LONGEST_US: u64 = 60_000_000;
/// Longer than any answer of a server that works.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who asks, and where.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Client {
    /// A client of the server under test.
    ///
    /// # Errors
    /// When the server did not say where it listens.
    pub(super) fn new(server: &Helper, filled: &Value) -> anyhow::Result<Self> {
        let listen = server.greeting["listen"].as_str().context("a server says where it listens")?;
        let key = filled["key"].as_str().context("the first start gives a key")?;
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { http, url: format!("http://{listen}/v1/messages"), key: key.to_owned() })
    }

    /// Asks for whatever else is there, with the key.
    pub(super) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let base = self.url.trim_end_matches("/v1/messages");
        self.http.request(method, format!("{base}{path}")).bearer_auth(&self.key)
    }

    /// Posts messages and gives back the answer.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub(super) async fn post(&self, body: &Value) -> anyhow::Result<Value> {
        let sent = self.http.post(&self.url).bearer_auth(&self.key).json(body).send().await?;
        let status = sent.status();
        let answer: Value = sent.json().await?;
        if status.is_success() { Ok(answer) } else { bail!("the server answered {status}: {answer}") }
    }
}

/// Measures.
///
/// # Errors
/// When a helper fails or a batch is refused.
pub(super) async fn run(
    show: &Show,
    folder: &Path,
    messages: u64,
    batch: usize,
    clients: usize,
) -> anyhow::Result<Value> {
    let place = ledger::new_place(folder, PARTITIONS)?;
    let filled = ledger::filled(&place, 0).await?;
    let server = Helper::start("server", &ServerSetup::without_carrier(place)).await?;
    let client = Client::new(&server, &filled)?;
    let (clock, next) = (SystemClock::new(), Arc::new(AtomicU64::new(0)));
    show.step("posting");
    let (began, before) = (clock.monotonic_millis(), server.usage()?);
    let posting = (0..clients).map(|_| {
        let (client, next) = (client.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            let mut micros = Vec::new();
            loop {
                let from = next.fetch_add(batch as u64, Ordering::Relaxed);
                if from >= messages {
                    return anyhow::Ok(micros);
                }
                let watch = Stopwatch::start();
                client.post(&body(from, (from + batch as u64).min(messages))).await?;
                micros.push(watch.micros());
            }
        })
    });
    let mut posts = Histogram::<u64>::new_with_max(LONGEST_US, 3)?;
    for posted in futures::future::join_all(posting).await {
        posted??.into_iter().for_each(|micros| posts.saturating_record(micros));
    }
    let took_ms = (clock.monotonic_millis() - began).max(1);
    let usage = server.usage()?;
    server.stop().await?;
    let millis = |quantile: f64| posts.value_at_quantile(quantile) as f64 / 1_000.0;
    Ok(json!({
        "posts_per_second": posts.len() * 1_000 / took_ms,
        "post_p50_ms": millis(0.5),
        "post_p99_ms": millis(0.99),
        "post_max_ms": posts.max() as f64 / 1_000.0,
        "messages": messages,
        "batch": batch,
        "clients": clients,
        "seconds": took_ms as f64 / 1_000.0,
        "accept_messages_per_second": messages * 1_000 / took_ms,
        "server_cpu_us_per_message": round((usage.cpu_us - before.cpu_us) as f64 / messages.max(1) as f64),
        "peak_rss_bytes": usage.peak_rss_bytes,
    }))
}

/// A request of so many messages.
pub(super) fn body(from: u64, to: u64) -> Value {
    let messages: Vec<Value> = (from..to)
        .map(|number| {
            json!({
                "phone": world::phone(number).e164().as_str(),
                "text": format!("您的订单 {number} 已发货，请注意查收。"),
                "signature": world::SIGNATURE,
                "category": "notice",
            })
        })
        .collect();
    json!({ "messages": messages })
}
