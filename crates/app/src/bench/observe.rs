//! What it costs to be looked at: metrics asked for every second and traces taken by somebody, as a ratio to the same work with neither,
//! round by round in one run.
//!
//! Counting itself cannot be switched off, so it is in both; a change of it is seen in the other measurements.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::accept::{Client, body};
use super::campaign::{PATIENCE_MS, number, port, round};
use super::carrier::{CarrierOrder, CarrierSetup};
use super::process::Helper;
use super::server::{Observed, ServerSetup};
use super::{PARTITIONS, Show, ledger};

/// Between two looks of whoever gathers metrics, and of this measurement.
const SCRAPE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);
/// Messages of a request.
const BATCH: u64 = 100;
const CLIENTS: usize = 4;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// How much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) messages: u64,
    pub(super) rounds: u32,
    pub(super) sample_per_million: u64,
}

/// Measures.
///
/// # Errors
/// When a helper fails, or nobody was looked at.
pub(super) async fn run(show: &Show, folder: &Path, sizes: Sizes) -> anyhow::Result<Value> {
    let (taken, listener) = (Arc::new(AtomicU64::new(0)), TcpListener::bind("127.0.0.1:0").await?);
    let endpoint = format!("http://{}", listener.local_addr()?);
    let counter = Arc::clone(&taken);
    let sink = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(stream, Arc::clone(&counter)));
        }
    });
    let observed = Observed { otlp_endpoint: endpoint, sample_per_million: sizes.sample_per_million };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 0..sizes.rounds.max(1) {
        show.step(&format!("round {}: without", number + 1));
        without.push(once(folder, sizes.messages, None).await?);
        show.step(&format!("round {}: with", number + 1));
        with.push(once(folder, sizes.messages, Some(observed.clone())).await?);
    }
    sink.abort();
    let exports = taken.load(Ordering::Relaxed);
    if exports == 0 && sizes.sample_per_million > 0 {
        bail!("no trace was exported: nothing was compared");
    }
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len().max(1) as f64;
    let rounded = |all: &[f64]| all.iter().map(|one| round(*one)).collect::<Vec<_>>();
    Ok(json!({
        "messages": sizes.messages,
        "rounds": sizes.rounds,
        "sample_per_million": sizes.sample_per_million,
        "trace_exports": exports,
        "cpu_us_per_message_without": rounded(&without),
        "cpu_us_per_message_with": rounded(&with),
        "ratio": (mean(&with) / mean(&without) * 10_000.0).round() / 10_000.0,
    }))
}

/// Whole lives of messages on a new folder; the server's processor time for each, in microseconds.
async fn once(folder: &Path, messages: u64, observed: Option<Observed>) -> anyhow::Result<f64> {
    let place = ledger::new_place(folder, PARTITIONS)?;
    let filled = ledger::filled(&place, 0).await?;
    let quick = CarrierSetup {
        receipt_median_ms: 200.0,
        receipt_p95_ms: 300.0,
        never: 0.0,
        ..CarrierSetup::default()
    };
    let mut carrier = Helper::start("carrier", &quick).await?;
    let is_observed = observed.is_some();
    let setup = ServerSetup::new(place, port(&carrier)?, 4, 256, None).observed(observed);
    let server = Helper::start("server", &setup).await?;
    let client = Client::new(&server, &filled)?;
    let before = server.usage()?;
    let scraping = is_observed.then(|| server.greeting["metrics"].as_str().map(str::to_owned)).flatten();
    if is_observed && scraping.is_none() {
        bail!("the server tells no metrics");
    }
    let scraper = scraping.map(|address| tokio::spawn(scrape(address)));
    let next = Arc::new(AtomicU64::new(0));
    let mut posting = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, next) = (client.clone(), Arc::clone(&next));
        posting.spawn(async move {
            loop {
                let from = next.fetch_add(BATCH, Ordering::Relaxed);
                if from >= messages {
                    return anyhow::Ok(());
                }
                client.post(&body(from, (from + BATCH).min(messages))).await?;
            }
        });
    }
    while let Some(posted) = posting.join_next().await {
        posted??;
    }
    loop {
        let counters = carrier.ask(&CarrierOrder::Counters).await?;
        if number(&counters, "receipts_acked") >= messages {
            break;
        }
        if number(&counters, "elapsed_ms") > number(&counters, "last_submit_ms") + PATIENCE_MS {
            bail!("it came to a standstill: {counters}");
        }
        tokio::time::sleep(LOOK).await;
    }
    let cpu_us = server.usage()?.cpu_us - before.cpu_us;
    if let Some(scraper) = scraper {
        scraper.abort();
    }
    server.stop().await?;
    carrier.stop().await?;
    Ok(cpu_us as f64 / messages.max(1) as f64)
}

/// Asks for the metrics again and again.
async fn scrape(address: String) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().build().context("a client")?;
    loop {
        http.get(format!("http://{address}/metrics")).send().await?.bytes().await?;
        tokio::time::sleep(SCRAPE).await;
    }
}

/// Takes what one connection exports.
async fn take(mut stream: TcpStream, taken: Arc<AtomicU64>) {
    let (mut heard, mut piece) = (Vec::new(), [0; 16_384]);
    loop {
        while let Some(end) = super::webhooks::whole(&heard) {
            heard.drain(..end);
            taken.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => heard.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
}
