//! The event stream: what many subscribers cost the server, as the difference to the same work without them, in one run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::accept::{Client, body};
use super::campaign::{port, round};
use super::carrier::CarrierSetup;
use super::process::Helper;
use super::server::ServerSetup;
use super::stopwatch::Stopwatch;
use super::{PARTITIONS, Show, ledger};

/// What of a stream begins each event.
const MARK: &[u8] = b"\ndata:";
/// Posts of a second; fewer would write bigger batches than real traffic does.
const POSTS_PER_SECOND: u64 = 10;

/// Measures.
///
/// # Errors
/// When a helper fails, or a subscriber hears nothing.
pub(super) async fn run(
    show: &Show,
    folder: &Path,
    subscribers: usize,
    rate: u64,
    seconds: u64,
) -> anyhow::Result<Value> {
    let place = ledger::new_place(folder, PARTITIONS)?;
    let filled = ledger::filled(&place, 0).await?;
    let quick = CarrierSetup {
        receipt_median_ms: 200.0,
        receipt_p95_ms: 300.0,
        never: 0.0,
        ..CarrierSetup::default()
    };
    let carrier = Helper::start("carrier", &quick).await?;
    let server = Helper::start("server", &ServerSetup::new(place, port(&carrier)?, 4, 256, None)).await?;
    let client = Client::new(&server, &filled)?;
    let on = client.request(Method::PUT, "/v1/events/recording").json(&json!({"on": true}));
    on.send().await?.error_for_status()?;
    let mut from = 0;
    show.step("without subscribers");
    let before = part(&server, &client, &mut from, rate, seconds).await?;
    show.step("with subscribers");
    let heard = Arc::new(AtomicU64::new(0));
    let mut listening = JoinSet::new();
    for _ in 0..subscribers {
        let response = client.request(Method::GET, "/v1/events/stream").timeout(Duration::from_secs(86_400));
        listening.spawn(listen(response.send().await?.error_for_status()?, Arc::clone(&heard)));
    }
    let with = part(&server, &client, &mut from, rate, seconds).await?;
    listening.shutdown().await;
    let heard = heard.load(Ordering::Relaxed);
    if heard == 0 {
        bail!("no subscriber heard anything");
    }
    show.step("without subscribers again");
    let after = part(&server, &client, &mut from, rate, seconds).await?;
    server.stop().await?;
    carrier.stop().await?;
    let without = f64::midpoint(before, after);
    Ok(json!({
        "subscribers": subscribers,
        "messages_per_second": rate,
        "seconds_of_each_part": seconds,
        "events_heard_by_all": heard,
        "percent_of_a_core_before": round(before),
        "percent_of_a_core_with": round(with),
        "percent_of_a_core_after": round(after),
        "percent_of_a_core_for_subscribers": round(with - without),
    }))
}

/// Posts at a steady rate for so long; the server's part of a core, in per cent.
async fn part(
    server: &Helper,
    client: &Client,
    from: &mut u64,
    rate: u64,
    seconds: u64,
) -> anyhow::Result<f64> {
    let (watch, before) = (Stopwatch::start(), server.usage()?);
    let mut beat = tokio::time::interval(Duration::from_millis(1_000 / POSTS_PER_SECOND));
    let each = rate.div_ceil(POSTS_PER_SECOND).max(1);
    for _ in 0..seconds * POSTS_PER_SECOND {
        beat.tick().await;
        client.post(&body(*from, *from + each)).await?;
        *from += each;
    }
    // The last receipts.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cpu_us = server.usage()?.cpu_us - before.cpu_us;
    Ok(cpu_us as f64 * 100.0 / watch.micros().max(1) as f64)
}

/// Counts the events of one stream.
async fn listen(mut response: reqwest::Response, heard: Arc<AtomicU64>) -> anyhow::Result<()> {
    while let Some(piece) = response.chunk().await.context("a stream broke off")? {
        let found = piece.windows(MARK.len()).filter(|window| *window == MARK).count();
        heard.fetch_add(found as u64, Ordering::Relaxed);
    }
    Ok(())
}
